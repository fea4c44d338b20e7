"""Watch a turn, of this process or of another one, as a stream or by polling.

A turn of this process is read from memory, every other one from the database. A stream holds a
thread and nothing else: no request, no transaction, no connection.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from flask import Flask

from webapp.accounts.sessions.interface import session_is_alive
from webapp.engine.phases import TurnStatus
from webapp.engine.turn import RunningTurn
from webapp.pages.live import LiveTurn, TurnState
from webapp.turns.stored_turns import turn_as_stored
from webapp.web.errors import UNAVAILABLE, log_unavailable
from webapp.web.server import Host
from webapp.web.sse import HEARTBEAT, event

# Between two renderings of growing text. Eyes need no more, and each costs (benchmarks/stream.py).
PACE_SECONDS = 0.12
SLOWEST_SECONDS = 0.5
CHARACTERS_PER_SECOND = 60_000
# How often a turn of another process is read.
LOOK_SECONDS = 0.5
# A server notices that a reader is gone only when it writes. It also checks the session this often.
HEARTBEAT_SECONDS = 5.0
# Then the reader asks again. So a reader that vanished does not hold its thread for ever.
STREAM_SECONDS = 60.0


class TurnSource(Protocol):
    """Where a turn is read from."""

    def read(self) -> TurnState:
        """Return the turn as it is now."""

    def wait(self, version: int, seconds: float) -> None:
        """Return when there may be something newer than ``version``, or when the time is up."""


class MemorySource:
    """A turn of this process."""

    def __init__(self, turn: RunningTurn) -> None:
        self._turn = turn

    def read(self) -> TurnState:
        """Return the turn as it is now. Its end shows only after it is stored."""
        turn = self._turn
        version, status = turn.version, turn.status if turn.stored else TurnStatus.RUNNING
        messages = turn.messages()
        present = [m for m in messages if not m.removed]
        return TurnState(
            messages=[m for m in present if not m.earlier],
            status=status,
            version=version,
            elsewhere=[m for m in present if m.earlier],
            removed=[m.id for m in messages if m.removed],
        )

    def wait(self, version: int, seconds: float) -> None:
        """Wait for the turn to say more."""
        self._turn.wait(version, seconds)


class DatabaseSource:
    """A turn of another process, or one that has ended."""

    def __init__(self, app: Flask, chat_id: uuid.UUID, turn_id: uuid.UUID) -> None:
        self._app = app
        self._ids = (chat_id, turn_id)
        self._version = 0

    def read(self) -> TurnState:
        """Return the turn as it is stored."""
        with self._app.app_context():
            status, messages = turn_as_stored(*self._ids)
        self._version += 1
        return TurnState(messages=messages, status=status, version=self._version)

    def wait(self, version: int, seconds: float) -> None:
        """Wait a little: no other process tells of a change."""
        del version
        time.sleep(min(seconds, LOOK_SECONDS))


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """A turn, the page that shows it, and the session that reads it."""

    app: Flask
    source: TurnSource
    page: LiveTurn
    session_id: uuid.UUID | None
    host: Host

    def has_ended_session(self) -> bool:
        """Return whether the reader's session has ended since the stream began."""
        if self.session_id is None:
            return False
        with self.app.app_context():
            return not session_is_alive(self.session_id)


def stream(
    subscription: Subscription, first: str, state: TurnState, render_end: Callable[[str], str]
) -> Iterator[bytes]:
    """Yield a turn as events: ``first``, then each change, until the turn ends.

    The stream also ends with the reader's session, when the server is about to stop, and after
    `STREAM_SECONDS`. A page that has not seen the end asks again.

    Parameters
    ----------
    first:
        The HTML of ``state``, with which the page begins.
    render_end:
        Renders the HTML for the end from the status with which the turn ended.
    """
    began = time.monotonic()
    pacing = _Pacing(subscription, began, began)
    yield event(first)
    try:
        while state.is_running and time.monotonic() - began < STREAM_SECONDS:
            subscription.source.wait(state.version, 1.0)
            if subscription.host.is_stopping or pacing.reader_may_not_see():
                return
            state = subscription.source.read()
            end = "" if state.is_running else render_end(state.status)
            html = subscription.page.render_changes(state) + end
            if html or pacing.is_quiet():
                yield event(html) if html else HEARTBEAT
                pacing.rest(state, len(html))
            elif state.is_running:  # something changed that does not show
                time.sleep(PACE_SECONDS)
    except UNAVAILABLE as error:
        # The turn goes on, and the page asks again.
        with subscription.app.app_context():
            log_unavailable(error)


@dataclass
class _Pacing:
    """When a stream last sent something, and when it last checked the session of its reader."""

    subscription: Subscription
    sent_at: float
    checked_at: float

    def is_quiet(self) -> bool:
        return time.monotonic() - self.sent_at > HEARTBEAT_SECONDS

    def reader_may_not_see(self) -> bool:
        if time.monotonic() - self.checked_at < HEARTBEAT_SECONDS:
            return False
        self.checked_at = time.monotonic()
        return self.subscription.has_ended_session()

    def rest(self, state: TurnState, sent: int) -> None:
        # What comes meanwhile goes into one event. A long open block is sent whole each time, so
        # it is sent less often.
        self.sent_at = time.monotonic()
        if state.is_running:
            time.sleep(max(PACE_SECONDS, min(sent / CHARACTERS_PER_SECOND, SLOWEST_SECONDS)))
