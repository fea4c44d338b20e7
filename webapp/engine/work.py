"""What a turn is given: which turn it is, what it runs, and within which limits."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from webapp.authoring.chat_message import ChatMessage
from webapp.authoring.context import Earlier
from webapp.authoring.errors import CallbackError, CallbackTimeoutError
from webapp.authoring.profiles.profile import ChatProfile


@dataclass(frozen=True)
class Limits:
    """How long a turn may take in all, and without saying anything, in seconds."""

    total: float
    idle: float


class IdleError(CallbackTimeoutError):
    """A callback said nothing for too long."""

    def __init__(self, callback: str, seconds: float) -> None:
        super().__init__(callback, seconds)
        self.args = (f"{callback}: said nothing for {seconds:g} seconds",)


@dataclass(frozen=True, kw_only=True)
class TurnSpec:
    """Which turn of a chat is to run.

    Parameters
    ----------
    id:
        The id of its row.
    owner:
        Whose chat it is.
    profile:
        The profile of the chat when the turn begins.
    question_id:
        The message it answers; ``None`` for the start of a chat, or if a chat is only resumed.
    action_id:
        The button that began it, if one did.
    first_sequence:
        The number that its first message has in the chat.
    placeholder:
        The message that stands in the chat for the answer already, if one does.
    """

    id: uuid.UUID
    owner: str
    profile: ChatProfile | None
    question_id: uuid.UUID | None = None
    action_id: uuid.UUID | None = None
    first_sequence: int = 1
    placeholder: ChatMessage | None = None


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a turn runs, within which limits, and what becomes of a failure.

    Parameters
    ----------
    decorator:
        The decorator of the function that runs, without ``@``.
    arguments:
        Returns what the function is offered. Called once, by whoever begins the work.
    limits:
        How long it may take.
    earlier:
        Returns what was said in the chat before it.
    explain:
        Returns what the user is told of a failure.
    log:
        Logs a failure. Called once for each.
    then:
        What runs after it in the same turn, unless it fails or is stopped.
    release:
        Called once when the function has really ended, if it was begun: for what it used.
    """

    decorator: str
    limits: Limits
    explain: Callable[[CallbackError], str]
    log: Callable[[CallbackError], None]
    arguments: Callable[[], tuple[object, ...]] = tuple
    earlier: Earlier = list
    then: Work | None = None
    release: Callable[[], None] | None = None
