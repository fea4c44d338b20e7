"""Watching a turn: from the process that runs it or from any other, as a stream or bit by bit.

What is running here is read from memory, everything else from the database. A stream holds a thread
and nothing else: no request, no transaction, no connection (R59).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from flask import Flask

from webapp.accounts.sessions.interface import session_is_alive
from webapp.authoring.chat_message import ChatMessage
from webapp.engine.phases import TurnStatus
from webapp.engine.turn import RunningTurn
from webapp.pages.live import LiveTurn
from webapp.turns.stored_turns import turn_as_stored
from webapp.web.errors import UNAVAILABLE, log_unavailable
from webapp.web.server import Host
from webapp.web.sse import HEARTBEAT, event

# Between two pictures of growing text: eyes need no more, and each costs (benchmarks/stream.py).
PACE_SECONDS = 0.12
SLOWEST_SECONDS = 0.5
CHARACTERS_PER_SECOND = 60_000
# How often a turn of another process is looked up.
LOOK_SECONDS = 0.5
# A reader that has gone is noticed when something is written to it (R65); and then it is asked
# whether its session has ended meanwhile (R14).
HEARTBEAT_SECONDS = 5.0
# Then the reader asks again: one that vanished without a word frees its thread.
STREAM_SECONDS = 60.0


@dataclass(frozen=True)
class Seen:
    """A turn at one moment: what it has said, how it stands, and a number that grows."""

    messages: list[ChatMessage]
    status: str
    version: int
    # Messages of earlier turns that this one has changed, and those it took away.
    elsewhere: list[ChatMessage] = field(default_factory=list)
    gone: list[uuid.UUID] = field(default_factory=list)

    @property
    def running(self) -> bool:
        """Say whether there is more to come."""
        return self.status == TurnStatus.RUNNING


class Source(Protocol):
    """Where a turn is read from."""

    def seen(self) -> Seen:
        """Return the turn as it stands now."""

    def wait(self, version: int, seconds: float) -> None:
        """Return when there may be something newer than ``version``, or when the time is up."""


class RunningHere:
    """A turn of this process."""

    def __init__(self, turn: RunningTurn) -> None:
        self._turn = turn

    def seen(self) -> Seen:
        """Return the turn as it stands; its end is seen when it is stored, not before."""
        turn = self._turn
        version, status = turn.version, turn.status if turn.stored else TurnStatus.RUNNING
        messages = turn.messages()
        there = [m for m in messages if not m.removed]
        own = [m for m in there if not m.earlier]
        elsewhere = [m for m in there if m.earlier]
        gone = [m.id for m in messages if m.removed]
        return Seen(own, status, version, elsewhere, gone)

    def wait(self, version: int, seconds: float) -> None:
        """Wait for the turn to say more."""
        self._turn.wait(version, seconds)


class RunningElsewhere:
    """A turn of another process, or one that has ended: what the database has of it."""

    def __init__(self, app: Flask, chat_id: uuid.UUID, turn_id: uuid.UUID) -> None:
        self._app = app
        self._ids = (chat_id, turn_id)
        self._version = 0

    def seen(self) -> Seen:
        """Return the turn as it is stored."""
        with self._app.app_context():
            status, messages = turn_as_stored(*self._ids)
        self._version += 1
        return Seen(messages, status, self._version)

    def wait(self, version: int, seconds: float) -> None:
        """Wait a little; there is nobody to tell."""
        del version
        time.sleep(min(seconds, LOOK_SECONDS))


@dataclass(frozen=True)
class Watched:
    """A turn, whoever watches it, and how the page is told."""

    app: Flask
    source: Source
    page: LiveTurn
    session_id: uuid.UUID | None
    host: Host

    def session_ended(self) -> bool:
        """Say whether the reader's login has ended since the stream began."""
        if self.session_id is None:
            return False
        with self.app.app_context():
            return not session_is_alive(self.session_id)


def stream(watched: Watched, first: str, seen: Seen, last: Callable[[str], str]) -> Iterator[bytes]:
    """Yield a turn as events: ``first``, then what changes, until its end.

    It also ends when the reader's session does, when the server is about to end, and after
    `STREAM_SECONDS`; a page that was not told the end asks again.

    Parameters
    ----------
    first:
        The HTML that the page begins with, for ``seen``.
    last:
        Makes the HTML for the end, by how the turn ended.
    """
    began = time.monotonic()
    watch = _Watch(watched, began, began)
    yield event(first)
    try:
        while seen.running and time.monotonic() - began < STREAM_SECONDS:
            watched.source.wait(seen.version, 1.0)
            if watched.host.leaving or watch.reader_may_not_see():
                return
            seen = watched.source.seen()
            html = watched.page.changes(seen) + ("" if seen.running else last(seen.status))
            if html or watch.is_quiet():
                yield event(html) if html else HEARTBEAT
                watch.rest(seen, len(html))
            elif seen.running:  # something changed that does not show
                time.sleep(PACE_SECONDS)
    except UNAVAILABLE as error:
        # The turn goes on, and the page asks again.
        with watched.app.app_context():
            log_unavailable(error)


@dataclass
class _Watch:
    """When a reader was last told something, and last asked who it is."""

    watched: Watched
    told_at: float
    asked_at: float

    def is_quiet(self) -> bool:
        return time.monotonic() - self.told_at > HEARTBEAT_SECONDS

    def reader_may_not_see(self) -> bool:
        if time.monotonic() - self.asked_at < HEARTBEAT_SECONDS:
            return False
        self.asked_at = time.monotonic()
        return self.watched.session_ended()

    def rest(self, seen: Seen, sent: int) -> None:
        # What comes meanwhile goes into one picture; a long open block, which is sent again each
        # time, is drawn less often.
        self.told_at = time.monotonic()
        if seen.running:
            time.sleep(max(PACE_SECONDS, min(sent / CHARACTERS_PER_SECOND, SLOWEST_SECONDS)))
