"""What a turn is given and what it makes: the work, its limits, and its messages."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from webapp.authoring.errors import CallbackError, CallbackTimeoutError

RUNNING = "running"
COMPLETE = "complete"
STOPPED = "stopped"
FAILED = "failed"
INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Limits:
    """How long a turn may take in all, and without saying anything, in seconds (R64)."""

    total: float
    idle: float


class IdleError(CallbackTimeoutError):
    """A callback said nothing for too long."""

    def __init__(self, callback: str, seconds: float) -> None:
        super().__init__(callback, seconds)
        self.args = (f"{callback}: said nothing for {seconds:g} seconds",)


@dataclass(frozen=True)
class TurnMessage:
    """A message of a turn as it is to be shown and stored now; without content it is gone."""

    id: uuid.UUID
    kind: str
    author: str | None
    content: str | None
    status: str
    created_at: datetime
    # Its place among the messages of the turn; none for one of an earlier turn.
    position: int | None
    version: int
    # The profile it was said under.
    profile: str | None = None


@dataclass(frozen=True)
class Work:
    """What a turn runs, within which limits, and what becomes of a failure.

    Parameters
    ----------
    decorator:
        Whose function runs.
    arguments:
        What it is offered.
    limits:
        How long it may take.
    explain:
        Makes the words that the user gets for a failure.
    log:
        Is told of a failure, once.
    then:
        What runs after it in the same turn, unless it fails or is stopped.
    """

    decorator: str
    arguments: tuple[object, ...]
    limits: Limits
    explain: Callable[[CallbackError], str]
    log: Callable[[CallbackError], None]
    then: Work | None = None
