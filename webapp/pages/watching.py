"""Watch a turn, of this process or of another one, as a stream or by polling.

A turn of this process is read from memory, every other one from the database. A stream holds no
request, no transaction and no connection to the database. Where the server hands over connections,
one thread serves all streams (webapp/web/streaming). Elsewhere each holds a thread.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from flask import Flask

from webapp.accounts.sessions.interface import find_ended_sessions
from webapp.engine.phases import TurnStatus
from webapp.engine.turn import RunningTurn
from webapp.pages.live import LiveTurn, TurnState
from webapp.turns.stored_turns import turn_as_stored
from webapp.web.errors import UNAVAILABLE, log_unavailable
from webapp.web.server import Host
from webapp.web.sse import HEARTBEAT, event
from webapp.web.streaming.thread import set_up_stream_thread

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

    # How long what was read stays good enough.
    look_seconds: float

    def look(self) -> None:
        """Get the turn as it is now, if that needs the database."""

    def read(self) -> TurnState:
        """Return the turn as it is now, or as it was at the last look."""

    @property
    def has_end(self) -> bool:
        """Whether the turn has ended, if the source knows."""

    def wait(self, version: int, seconds: float) -> None:
        """Return when there may be something newer than ``version``, or when the time is up."""

    def wait_for_end(self, seconds: float) -> None:
        """Return when the turn has ended, if the source knows, or when the time is up."""

    def listen(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever something is new, if the source knows."""

    def stop_listening(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` no more."""


class MemorySource:
    """A turn of this process."""

    look_seconds = math.inf

    def __init__(self, turn: RunningTurn) -> None:
        self._turn = turn
        self.listen = turn.changed.listen
        self.stop_listening = turn.changed.stop_listening

    def look(self) -> None:
        """Do nothing: memory is always up to date."""

    def read(self) -> TurnState:
        """Return the turn as it is now. Its end shows only after it is stored."""
        turn = self._turn
        version, status = turn.version, turn.status if turn.stored else TurnStatus.RUNNING
        messages, inputs = turn.messages(), turn.chat.inputs
        hidden = turn.questions.is_hidden
        present = [m for m in messages if not (m.removed or hidden(m.id))]
        return TurnState(
            messages=[m for m in present if not m.earlier],
            status=status,
            version=version,
            elsewhere=[m for m in present if m.earlier],
            removed=[m.id for m in messages if m.removed],
            inputs=inputs.now() if inputs.version else None,
        )

    @property
    def has_end(self) -> bool:
        """Whether the turn has ended and is stored, or waits for an answer."""
        return self._turn.rests

    def wait(self, version: int, seconds: float) -> None:
        """Wait for the turn to say more."""
        self._turn.wait(version, seconds)

    def wait_for_end(self, seconds: float) -> None:
        """Wait until the turn has ended and is stored, or waits for an answer."""
        self._turn.wait_until_stored(seconds)


class DatabaseSource:
    """A turn of another process, or one that has ended."""

    look_seconds = LOOK_SECONDS
    has_end = False  # it shows at a look

    def __init__(self, app: Flask, chat_id: uuid.UUID, turn_id: uuid.UUID) -> None:
        self._app = app
        self._ids = (chat_id, turn_id)
        self._version = 0
        self._state: TurnState | None = None

    def look(self) -> None:
        """Read the turn as it is stored."""
        self._state = self._read_rows()

    def read(self) -> TurnState:
        """Return the turn as it was stored at the last look."""
        if self._state is None:
            self._state = self._read_rows()
        return self._state

    def _read_rows(self) -> TurnState:
        with self._app.app_context():
            status, messages, inputs = turn_as_stored(*self._ids)
        self._version += 1
        return TurnState(messages=messages, status=status, version=self._version, inputs=inputs)

    def wait(self, version: int, seconds: float) -> None:
        """Wait a little: no other process tells of a change."""
        del version
        time.sleep(min(seconds, LOOK_SECONDS))

    def wait_for_end(self, seconds: float) -> None:
        """Wait: no other process tells of the end."""
        time.sleep(seconds)

    def listen(self, listener: Callable[[], None]) -> None:
        """Do nothing: no other process tells of a change."""

    def stop_listening(self, listener: Callable[[], None]) -> None:
        """Do nothing."""


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """A turn, the page that shows it, and the session that reads it."""

    app: Flask
    source: TurnSource
    page: LiveTurn
    session_id: uuid.UUID | None
    host: Host


class SourceStream:
    """What all streams of a turn have for the thread that sends them."""

    session_id: uuid.UUID | None = None

    def __init__(self, app: Flask, source: TurnSource, host: Host) -> None:
        now = time.monotonic()
        self.app = app
        self.is_over = False
        # When the next step makes sense. What comes until then goes into one event.
        self.rest_until = now
        self._source = source
        self._host = host
        self._sent_at = self._checked_at = self._looked_at = now
        self._listener: Callable[[], None] | None = None

    @property
    def is_cut(self) -> bool:
        """Whether the stream is to end now, because the server is stopping."""
        return self._host.is_stopping

    @property
    def has_end(self) -> bool:
        """Whether the next step is the last one."""
        return self._source.has_end

    @property
    def look_at(self) -> float:
        """When the database is to be asked about the reader, or about the turn."""
        checked_until = self._checked_at + HEARTBEAT_SECONDS
        return min(checked_until, self._looked_at + self._source.look_seconds)

    def listen(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever something is new."""
        self._listener = listener
        self._source.listen(listener)

    def close(self) -> None:
        """Call the listener no more."""
        if self._listener is not None:
            self._source.stop_listening(self._listener)


class TurnStream(SourceStream):
    """A turn as events, a step at a time: the first one, then each change, until the turn ends.

    The stream also ends with the reader's session, when the server is about to stop, and after
    `STREAM_SECONDS`. A page that has not seen the end asks again.

    Parameters
    ----------
    first:
        The HTML of ``state``, with which the page begins.
    render_end:
        Renders the HTML for the end of the stream: the turn has ended, or asks its user something.
    """

    def __init__(
        self,
        subscription: Subscription,
        first: str,
        state: TurnState,
        render_end: Callable[[TurnState], str],
    ) -> None:
        super().__init__(subscription.app, subscription.source, subscription.host)
        self.first = event(first)
        self.subscription = subscription
        self.is_over = not state.is_running or bool(state.waits_for)
        self.session_id = subscription.session_id
        self._state = state
        self._render_end = render_end
        self._ends_at = self.rest_until + STREAM_SECONDS

    @property
    def wake_at(self) -> float:
        """When a step is due even if nothing is new."""
        return min(self._sent_at + HEARTBEAT_SECONDS, self._ends_at)

    def step(self) -> bytes:
        """Return what is new as an event, a heartbeat, or nothing."""
        now = time.monotonic()
        if self.is_over or self.is_cut or now >= self._ends_at:
            self.is_over = True
            return b""

        html, end, before, state = "", "", self._state, self._source.read()
        if state.version != before.version:
            self._state = state
            html = self.subscription.page.render_changes(state)
            # While a question is open, nothing comes by itself.
            self.is_over = not state.is_running or bool(state.waits_for)
            end = self._render_end(state) if self.is_over else ""
            # A long open block is sent whole each time, so it is sent less often.
            slowest = min(len(html) / CHARACTERS_PER_SECOND, SLOWEST_SECONDS)
            self.rest_until = now + max(PACE_SECONDS, slowest)
        if html or end:
            self._sent_at = now
            # The end is an event of its own, as it adds to a message that may have just come.
            return (event(html) if html else b"") + (event(end) if end else b"")
        if now - self._sent_at >= HEARTBEAT_SECONDS:
            self._sent_at = now
            return HEARTBEAT
        return b""

    def wait(self) -> None:
        """Wait until a step makes sense, for a second at most."""
        # The last words of an answer are worth an event of their own.
        self._source.wait_for_end(max(0.0, self.rest_until - time.monotonic()))
        self._source.wait(self._state.version, 1.0)

    def look(self, ended_sessions: set[uuid.UUID]) -> None:
        """Read the turn, and end the stream if the session of its reader has ended."""
        self._checked_at = self._looked_at = time.monotonic()
        if self.session_id in ended_sessions:
            self.is_over = True
        else:
            self._source.look()


def stream(events: TurnStream) -> Iterator[bytes]:
    """Yield the events, for a server whose thread sends them."""
    yield events.first
    while not events.is_over:
        events.wait()
        if events.look_at <= time.monotonic():
            look([events])
        if data := events.step():
            yield data


class WatchedStream(Protocol):
    """A stream that goes on as long as its reader may read it."""

    app: Flask
    is_over: bool
    # Of the browser that reads it, if one does.
    session_id: uuid.UUID | None

    def look(self, ended_sessions: set[uuid.UUID]) -> None:
        """Read what is needed of the database, and end if the reader may not read on."""


def look(streams: Sequence[WatchedStream]) -> None:
    """Ask the database what these streams need from it, and end those that may not go on.

    While the database is unavailable, they all end. Their turns go on, and the pages ask again.
    """
    with streams[0].app.app_context():
        try:
            ids = {each.session_id for each in streams}
            ended = find_ended_sessions({each for each in ids if each is not None})
            for each in streams:
                each.look(ended)
        except UNAVAILABLE as error:
            log_unavailable(error)
            for each in streams:
                each.is_over = True


def set_up_watching(app: Flask) -> None:
    """Let one thread of ``app`` serve all streams, where the server allows it."""
    set_up_stream_thread(app, look)
