"""What one process has for its conversations: the turns it runs, and places for waiting threads."""

from __future__ import annotations

import atexit
import threading
import weakref
from dataclasses import dataclass, field
from functools import partial

from flask import Flask

from webapp.config.settings import Settings
from webapp.engine.keeper import Keeper, TurnStore
from webapp.engine.late.late_messages import LateMessages, LateStore
from webapp.engine.live_memory import LiveMemory
from webapp.engine.work import Limits
from webapp.site import this_app
from webapp.web.sse import Slots

EXTENSION = "conversation"


@dataclass(kw_only=True)
class Conversation:
    """The turns of this process, how long one may take, and what is held for them."""

    keeper: Keeper
    limits: Limits
    start_limits: Limits
    objects: LiveMemory
    late: LateMessages
    slots: Slots = field(default_factory=Slots)


def set_up_conversation(
    app: Flask, settings: Settings, store: TurnStore, late: LateStore, *, can_resume: bool
) -> Conversation:
    """Let ``app`` run turns. No thread is started before the first one.

    Parameters
    ----------
    can_resume:
        Whether the app file has an ``@on_chat_resume``.
    """
    late_messages = LateMessages(late, settings.turn_seconds)
    shut_down = partial(_shut_down_at_exit, settings.shutdown_seconds, late_messages)
    keeper = Keeper(store, on_start=shut_down)
    made = Conversation(
        keeper=keeper,
        limits=Limits(settings.turn_seconds, settings.turn_idle_seconds),
        start_limits=Limits(settings.chat_start_seconds, settings.chat_start_seconds),
        objects=LiveMemory(
            settings.object_chats,
            settings.object_idle_minutes * 60,
            can_resume=can_resume,
        ),
        late=late_messages,
    )
    app.extensions[EXTENSION] = made
    return made


def conversation() -> Conversation:
    """Return what this process has for its conversations."""
    found: Conversation = this_app().extensions[EXTENSION]
    return found


def runs_turns(app: Flask) -> bool:
    """Return whether a turn of ``app`` runs in this process."""
    found: Conversation = app.extensions[EXTENSION]
    return found.keeper.count > 0


def _shut_down_at_exit(seconds: float, late: LateMessages, keeper: Keeper) -> None:
    # Called in a process that serves, never in one that loads the app and forks. CPython has
    # `_register_atexit` since 3.9 for its own executors. It runs before they are stopped: turns
    # may still need `asyncio.to_thread`, and their clients the address of a host.
    register = getattr(threading, "_register_atexit", atexit.register)
    register(_shut_down, weakref.ref(keeper), weakref.ref(late), seconds)


def _shut_down(
    of_keeper: weakref.ref[Keeper], of_late: weakref.ref[LateMessages], seconds: float
) -> None:
    keeper, late = of_keeper(), of_late()
    if keeper is not None:
        keeper.shut_down(seconds)
    if late is not None:
        late.flush()
