"""The life of a turn in this process: its phases, and which may follow which.

Several threads may end a turn at the same moment: the callback's own, the keeper's, and a request
that brings Stop. Each asks for a transition under the turn's lock, `RunningTurn.changed`. The first
one gets it. A transition that does not begin in the present phase is refused and changes nothing.
"""

from __future__ import annotations

import threading
from enum import Enum, StrEnum, auto

# How often a process gives its heartbeat: it notes in the database that its turns are alive.
BEAT_SECONDS = 5.0


class TurnStatus(StrEnum):
    """How a turn stands, for pages and the database.

    LOST is never stored: the turn's row says that it runs, but its process has been silent. The
    process may yet turn out to be alive. Nor is WAITING: the turn runs, and waits for its user to
    answer a question.
    """

    RUNNING = "running"
    COMPLETE = "complete"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    LOST = "lost"
    WAITING = "waiting"


class Phase(Enum):
    """Where a turn is in its life."""

    RUNNING = auto()  # the callback runs, or is about to
    STOPPING = auto()  # the user pressed Stop, and the callback is being cancelled
    CLEANING_UP = auto()  # the cancelled callback has CLEAN_UP_SECONDS to end
    ON_STOP = auto()  # `@on_stop` runs
    SETTLING = auto()  # it is decided how the turn ended; the chat's values are being copied
    SETTLED = auto()  # the end can be stored
    STORED = auto()  # the end is in the database
    LOST = auto()  # the end will never be stored: the row was deleted, or ended elsewhere


class Transition(Enum):
    """A move from one of several phases to another."""

    # The callback's thread or loop: it ended or failed. The keeper: the time is up, or the process
    # ends. A request or the keeper: Stop, while no callback runs.
    END = (Phase.RUNNING,), Phase.SETTLING
    # A request, or the keeper if Stop was pressed in another process: Stop, while a callback runs.
    STOP = (Phase.RUNNING,), Phase.STOPPING
    # The thread that brought Stop: it has cancelled the callback.
    CLEAN_UP = (Phase.STOPPING,), Phase.CLEANING_UP
    # The callback's thread or loop: it has ended. The keeper: it did not end in time.
    RUN_ON_STOP = (Phase.STOPPING, Phase.CLEANING_UP), Phase.ON_STOP
    # The same, in an app without `@on_stop`.
    SKIP_ON_STOP = (Phase.STOPPING, Phase.CLEANING_UP), Phase.SETTLING
    # The thread or loop of `@on_stop`: it has ended. The keeper: it did not end in time.
    END_ON_STOP = (Phase.ON_STOP,), Phase.SETTLING
    # Whoever moved the turn to SETTLING.
    SETTLE = (Phase.SETTLING,), Phase.SETTLED
    # The keeper.
    STORE = (Phase.SETTLED,), Phase.STORED
    LOSE = (Phase.SETTLED,), Phase.LOST

    def __init__(self, sources: tuple[Phase, ...], target: Phase) -> None:
        self.sources = sources
        self.target = target


STOPPING_PHASES = frozenset({Phase.STOPPING, Phase.CLEANING_UP, Phase.ON_STOP})
OVER_PHASES = frozenset({Phase.SETTLED, Phase.STORED, Phase.LOST})


class Lifecycle:
    """The phase of one turn.

    Parameters
    ----------
    changed:
        The turn's lock, under which the phase changes. Notified at each change.
    """

    def __init__(self, changed: threading.Condition) -> None:
        self._changed = changed
        self.phase = Phase.RUNNING

    def move(self, transition: Transition) -> bool:
        """Make a transition, and return whether the present phase allowed it."""
        with self._changed:
            if self.phase not in transition.sources:
                return False
            self.phase = transition.target
            self._changed.notify_all()
            return True
