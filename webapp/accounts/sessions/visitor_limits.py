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
from contextlib import contextmanager, suppress
from math import ceil

from flask import Flask, request

from webapp.accounts.addresses import counted_networks
from webapp.accounts.login import viewer
from webapp.config.settings import Settings
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


class TooManyInAnHourError(Refusal):
    """Visitors from this address have begun as much as they may in an hour."""

    code = 429
    title = "Too many requests"
    message = "Too much was sent from your network in the last hour."

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.retry_after = int(seconds) + 1
        minutes = ceil(seconds / 60)
        self.advice = f"Try again in {'a minute' if minutes == 1 else f'{minutes} minutes'}."


class TooManyStartsOfVisitorsError(TooManyInAnHourError):
    """Visitors from this address have started as many chats as they may in an hour."""

    title = "Not started"
    message = "Too many chats were started from your network in the last hour."


class TooManyMessagesOfVisitorsError(TooManyInAnHourError):
    """Visitors from this address have sent as many messages as they may in an hour."""

    title = "Not sent"
    message = "Too many messages were sent from your network in the last hour."


class TooManyBytesOfVisitorsError(TooManyInAnHourError):
    """Visitors from this address have attached as many bytes as they may in an hour."""

    title = "Not sent"
    message = "Too many files were sent from your network in the last hour."


class TooManyTurnsOfVisitorsError(Refusal):
    """As many answers are being written for visitors from this address as may be at once."""

    code = 429
    title = "Too many answers"
    message = "Many answers are being written for visitors from your network already."
    advice = "Wait until some of them are finished, then try again."
    retry_after = RETRY_SECONDS


class HourlyLimit:
    """Counts by address how often something was done in the last hour, in one process.

    Parameters
    ----------
    most:
        How often it may be done from one address.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        # By network: when it was done.
        self._times: dict[str, deque[float]] = {}

    def count(self, address: str | None, now: float) -> float:
        """Count it and return 0, or return how many seconds to wait for it."""
        wait, counted = 0.0, []
        with self._lock:
            for network, share in counted_networks(address):
                times = self._times.setdefault(network, deque(maxlen=self._most * share))
                if len(times) == times.maxlen:
                    wait = max(wait, times[0] + HOUR - now)
                counted.append(times)
            if wait == 0:
                for times in counted:
                    times.append(now)
            if len(self._times) > MANY_ADDRESSES:
                recent = now - HOUR
                self._times = {n: t for n, t in self._times.items() if t and t[-1] > recent}
        return wait

    def forget(self, address: str | None, counted_at: float) -> None:
        """Count no more what was counted at that time, since it was not done after all."""
        with self._lock:
            for network, _ in counted_networks(address):
                with suppress(KeyError, ValueError):  # an hour has passed
                    self._times[network].remove(counted_at)


class HourlyBytes:
    """Counts by address how many bytes were sent in the last hour, in one process.

    Parameters
    ----------
    most:
        How many may be sent from one address.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        # By network: when bytes were sent, and how many.
        self._sent: dict[str, deque[tuple[float, int]]] = {}

    def count(self, address: str | None, size: int, now: float) -> float:
        """Count them and return 0, or return how many seconds to wait for it."""
        wait, counted = 0.0, []
        with self._lock:
            for network, share in counted_networks(address):
                sent = self._sent.setdefault(network, deque())
                while sent and sent[0][0] <= now - HOUR:
                    sent.popleft()
                total = sum(each for _, each in sent)
                if sent and total + size > self._most * share:
                    wait = max(wait, sent[0][0] + HOUR - now)
                counted.append(sent)
            if wait == 0:
                for sent in counted:
                    sent.append((now, size))
            if len(self._sent) > MANY_ADDRESSES:
                self._sent = {n: s for n, s in self._sent.items() if s and s[-1][0] > now - HOUR}
        return wait

    def forget(self, address: str | None, size: int, counted_at: float) -> None:
        """Count no more what was counted at that time, since it was not taken after all."""
        with self._lock:
            for network, _ in counted_networks(address):
                with suppress(KeyError, ValueError):  # an hour has passed
                    self._sent[network].remove((counted_at, size))


class VisitorLimits:
    """Counts what visitors begin in an hour and the turns at once, by address, in one process.

    Parameters
    ----------
    starts:
        How many chats may be started in an hour.
    messages:
        How many messages may be sent in an hour.
    file_bytes:
        How many bytes of files may be attached in an hour.
    turns:
        How many turns may run at once.
    """

    def __init__(self, *, starts: int, messages: int, file_bytes: int, turns: int) -> None:
        self.starts, self.messages = HourlyLimit(starts), HourlyLimit(messages)
        self.file_bytes = HourlyBytes(file_bytes)
        self._most_turns = turns
        self._lock = threading.Lock()
        # By network: the turns that run, or None where one is just being stored.
        self._turns: dict[str, Turns] = {}

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
        starts=settings.starts_per_address,
        messages=settings.messages_per_address,
        file_bytes=settings.file_bytes_per_address,
        turns=settings.turns_per_address,
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
    wait = _limits().starts.count(request.remote_addr, time.monotonic())
    if wait > 0:
        log_event("visitor.refused", what="start", hint=HINT)
        raise TooManyStartsOfVisitorsError(wait)


@contextmanager
def visitors_message() -> Iterator[None]:
    """Count a message that is stored within the block, if it is a visitor's.

    Raises
    ------
    TooManyMessagesOfVisitorsError
        There were too many from the address of this request.
    """
    if viewer() is not None:
        yield
        return
    messages, address, now = _limits().messages, request.remote_addr, time.monotonic()
    wait = messages.count(address, now)
    if wait > 0:
        log_event("visitor.refused", what="message", hint=HINT)
        raise TooManyMessagesOfVisitorsError(wait)
    try:
        yield
    except BaseException:
        messages.forget(address, now)
        raise


@contextmanager
def visitors_files(size: int) -> Iterator[None]:
    """Count the bytes of files that are stored within the block, if they are a visitor's.

    Raises
    ------
    TooManyBytesOfVisitorsError
        There were too many from the address of this request.
    """
    if viewer() is not None:
        yield
        return
    file_bytes, address, now = _limits().file_bytes, request.remote_addr, time.monotonic()
    wait = file_bytes.count(address, size, now)
    if wait > 0:
        log_event("visitor.refused", what="files", hint=HINT)
        raise TooManyBytesOfVisitorsError(wait)
    try:
        yield
    except BaseException:
        file_bytes.forget(address, size, now)
        raise


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
