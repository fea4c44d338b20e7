"""What a turn is given: the work and its limits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from webapp.authoring.errors import CallbackError, CallbackTimeoutError

# The status of a turn that has not ended. One that has ended has a status of `chat_message`.
RUNNING = "running"


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


@dataclass(frozen=True, kw_only=True)
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
