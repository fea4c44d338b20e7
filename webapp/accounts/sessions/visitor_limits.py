"""How much visitors who do not sign in may begin from one address.

A visitor can be as many people as there are cookies, so the limits of a user do not bound one. The
counts are in the memory of each process: a flood that is refused writes nothing.
"""

from __future__ import annotations

import threading
import time
import uuid
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil

from flask import Flask, request

from webapp.accounts.addresses import counted_networks
from webapp.accounts.login import viewer
from webapp.config import Settings
from webapp.engine.turn import RunningTurn
from webapp.site import this_app
from webapp.web.errors import RETRY_SECONDS
from webapp.web.log import log_event
from webapp.web.refusals import Refusal

EXTENSION = "visitor_limits"
HOUR = 3_600.0
# Above so many addresses, those are forgotten from which nothing has come lately.
MANY_ADDRESSES = 10_000
Turns = dict[uuid.UUID, "weakref.ref[RunningTurn] | None"]
HINT = "behind a proxy, set WEBAPP_PROXY_HOPS, or all visitors count as one address"


class TooManyStartsOfVisitorsError(Refusal):
    """Visitors from this address have started as many chats as they may in an hour."""

    code = 429
    title = "Not started"
    message = "Too many chats were started from your network in the last hour."

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.retry_after = int(seconds) + 1
        minutes = ceil(seconds / 60)
        self.advice = f"Try again in {'a minute' if minutes == 1 else f'{minutes} minutes'}."


class TooManyTurnsOfVisitorsError(Refusal):
    """As many answers are being written for visitors from this address as may be at once."""

    code = 429
    title = "Too many answers"
    message = "Many answers are being written for visitors from your network already."
    advice = "Wait until some of them are finished, then try again."
    retry_after = RETRY_SECONDS


class VisitorLimits:
    """Counts the starts of an hour and the turns at once, by address, in one process.

    Parameters
    ----------
    starts:
        How many chats may be started in an hour.
    turns:
        How many turns may run at once.
    """

    def __init__(self, starts: int, turns: int) -> None:
        self._most_starts, self._most_turns = starts, turns
        self._lock = threading.Lock()
        # By network: when the starts were that count.
        self._starts: dict[str, deque[float]] = {}
        # By network: the turns that run, or None where one is just being stored.
        self._turns: dict[str, Turns] = {}

    def count_start(self, address: str | None, now: float) -> float:
        """Count a start and return 0, or return how many seconds to wait for it."""
        wait, counted = 0.0, []
        with self._lock:
            for network, share in counted_networks(address):
                starts = self._starts.setdefault(network, deque(maxlen=self._most_starts * share))
                if len(starts) == starts.maxlen:
                    wait = max(wait, starts[0] + HOUR - now)
                counted.append(starts)
            if wait == 0:
                for starts in counted:
                    starts.append(now)
            if len(self._starts) > MANY_ADDRESSES:
                recent = now - HOUR
                self._starts = {n: s for n, s in self._starts.items() if s and s[-1] > recent}
        return wait

    def begin_turn(self, address: str | None, turn_id: uuid.UUID) -> bool:
        """Count a turn that is about to begin, and return whether there is room for it."""
        networks = counted_networks(address)
        with self._lock:
            if len(self._turns) > MANY_ADDRESSES:
                self._turns = {n: left for n, t in self._turns.items() if (left := _at_work(t))}
            for network, share in networks:
                self._turns[network] = _at_work(self._turns.get(network, {}))
                if len(self._turns[network]) >= self._most_turns * share:
                    return False
            for network, _ in networks:
                self._turns[network][turn_id] = None
        return True

    def note_turn(self, address: str | None, turn: RunningTurn) -> None:
        """Count a turn as long as its callback runs."""
        with self._lock:
            for network, _ in counted_networks(address):
                self._turns.setdefault(network, {})[turn.id] = weakref.ref(turn)

    def forget_turn(self, address: str | None, turn_id: uuid.UUID) -> None:
        """Count a turn no more that was not begun."""
        with self._lock:
            for network, _ in counted_networks(address):
                turns = self._turns.get(network, {})
                if turns.get(turn_id, turn_id) is None:
                    del turns[turn_id]


def set_up_visitor_limits(app: Flask, settings: Settings) -> None:
    """Let ``app`` bound what visitors begin."""
    app.extensions[EXTENSION] = VisitorLimits(
        settings.starts_per_address, settings.turns_per_address
    )


def count_visitors_start() -> None:
    """Count a chat that a visitor is about to start or to import.

    Raises
    ------
    TooManyStartsOfVisitorsError
        There were too many from the address of this request.
    """
    if viewer() is not None:
        return
    wait = _limits().count_start(request.remote_addr, time.monotonic())
    if wait > 0:
        log_event("visitor.refused", what="start", hint=HINT)
        raise TooManyStartsOfVisitorsError(wait)


@contextmanager
def visitors_turn(turn_id: uuid.UUID) -> Iterator[None]:
    """Count a turn that begins within the block, if it is a visitor's. Call `note_visitors_turn`.

    Raises
    ------
    TooManyTurnsOfVisitorsError
        As many run for visitors from the address of this request as may.
    """
    if viewer() is not None:
        yield
        return
    limits = _limits()
    if not limits.begin_turn(request.remote_addr, turn_id):
        log_event("visitor.refused", what="turn", hint=HINT)
        raise TooManyTurnsOfVisitorsError
    try:
        yield
    finally:
        limits.forget_turn(request.remote_addr, turn_id)


def note_visitors_turn(turn: RunningTurn) -> None:
    """Count a turn that was begun as long as its callback runs, if it is a visitor's."""
    if viewer() is None:
        _limits().note_turn(request.remote_addr, turn)


def _limits() -> VisitorLimits:
    found: VisitorLimits = this_app().extensions[EXTENSION]
    return found


def _at_work(turns: Turns) -> Turns:
    left: Turns = {}
    for turn_id, reference in turns.items():
        turn = reference() if reference is not None else None
        if reference is None or (turn is not None and turn.at_work):
            left[turn_id] = reference
    return left
