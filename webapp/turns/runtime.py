"""What one process needs for its conversations: the turns it runs, and who holds its threads."""

from __future__ import annotations

import atexit
import threading
import weakref
from dataclasses import dataclass, field
from functools import partial

from flask import Flask, current_app

from webapp.config import Settings
from webapp.engine.keeper import Keeper
from webapp.engine.work import Limits
from webapp.turns.steps import TurnRows
from webapp.web.sse import Slots

EXTENSION = "conversation"


@dataclass
class Conversation:
    """The turns of this process, how long one may take, and the threads held for them."""

    keeper: Keeper
    limits: Limits
    start_limits: Limits
    slots: Slots = field(default_factory=Slots)


def set_up_conversation(app: Flask, settings: Settings) -> Conversation:
    """Let ``app`` run turns; nothing is started before the first one."""
    keeper = Keeper(TurnRows(app), on_start=partial(_end_well, settings.shutdown_seconds))
    made = Conversation(
        keeper,
        Limits(settings.turn_seconds, settings.turn_idle_seconds),
        Limits(settings.chat_start_seconds, settings.chat_start_seconds),
    )
    app.extensions[EXTENSION] = made
    return made


def conversation() -> Conversation:
    """Return what this process has for its conversations."""
    found: Conversation = current_app.extensions[EXTENSION]
    return found


def _end_well(seconds: float, keeper: Keeper) -> None:
    # In the process that serves: one that only loads the app and forks never gets here. Where it
    # is there, before Python stops its executors (CPython's own way for those, since 3.9): turns
    # may still need `asyncio.to_thread`, and a client of theirs the name of a host.
    register = getattr(threading, "_register_atexit", atexit.register)
    register(_shut_down, weakref.ref(keeper), seconds)


def _shut_down(reference: weakref.ref[Keeper], seconds: float) -> None:
    keeper = reference()
    if keeper is not None:
        keeper.shut_down(seconds)
