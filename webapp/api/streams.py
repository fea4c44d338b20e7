"""An answer that is streamed to a program."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Protocol

from flask import Flask

from webapp.api.answering import BegunAnswer
from webapp.pages.live import TurnState
from webapp.pages.watching import HEARTBEAT_SECONDS, PACE_SECONDS, look
from webapp.web.server import Host
from webapp.web.sse import HEARTBEAT

NOT_ALLOWED = "The token is no longer valid, so the answer was stopped."


class AnswerEvents(Protocol):
    """A format for answers."""

    def begin(self) -> bytes:
        """Return what comes first."""

    def update(self, state: TurnState) -> bytes:
        """Return what is new."""

    def end(self, state: TurnState) -> bytes:
        """Return what comes last."""

    def fail(self, message: str, code: str) -> bytes:
        """Return what comes last if the stream breaks off."""


class AnswerStream:
    """An answer as events, a step at a time. It has all that `TurnStream` has for its thread.

    A program that closes the stream stops the answer, as it has no other way. The stream also ends
    when the token is no longer valid.

    Parameters
    ----------
    may_go_on:
        Returns whether the token is still valid. It asks the database.
    """

    session_id: uuid.UUID | None = None

    def __init__(
        self,
        app: Flask,
        begun: BegunAnswer,
        events: AnswerEvents,
        may_go_on: Callable[[], bool],
        host: Host,
    ) -> None:
        now = time.monotonic()
        self.app = app
        self.is_over = False
        self.rest_until = now
        self._begun = begun
        self._source = begun.source
        self._events = events
        self._may_go_on = may_go_on
        self._host = host
        self._is_refused = self._has_rest = False
        self._sent_at = self._checked_at = self._looked_at = now
        self._version = -1
        self._listener: Callable[[], None] | None = None
        self.first = events.begin() + self.step()

    @property
    def is_cut(self) -> bool:
        """Whether the stream is to end now, because the server is stopping."""
        return self._host.is_stopping

    @property
    def has_end(self) -> bool:
        """Whether the next step is the last one."""
        return self._source.has_end

    @property
    def wake_at(self) -> float:
        """When a step is due even if nothing is new."""
        return self._sent_at + HEARTBEAT_SECONDS

    @property
    def look_at(self) -> float:
        """When the token is to be checked again, or the turn to be read."""
        return min(
            self._checked_at + HEARTBEAT_SECONDS, self._looked_at + self._source.look_seconds
        )

    def step(self) -> bytes:
        """Return what is new, a heartbeat, or nothing."""
        if self.is_over or self.is_cut:
            self.is_over = True
            return b""
        if self._is_refused:
            self.is_over = True
            return self._events.fail(NOT_ALLOWED, "invalid_token")
        now, data = time.monotonic(), b""
        state = self._begun.read()
        if state.version != self._version:
            self._version = state.version
            data = self._events.update(state)
            self.rest_until = now + PACE_SECONDS
        if not state.goes_on:
            self.is_over = self._has_rest = True
            return data + self._events.end(state)
        if not data and now - self._sent_at >= HEARTBEAT_SECONDS:
            data = HEARTBEAT
        if data:
            self._sent_at = now
        return data

    def look(self, ended_sessions: set[uuid.UUID]) -> None:
        """Check the token again, and read the turn."""
        del ended_sessions
        now = self._looked_at = time.monotonic()
        if now >= self._checked_at + HEARTBEAT_SECONDS:
            self._checked_at = now
            self._is_refused = not self._may_go_on()
        self._source.look()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever something is new."""
        self._listener = listener
        self._source.listen(listener)

    def close(self) -> None:
        """Call the listener no more. Stop the answer if nobody has read its end."""
        if self._listener is not None:
            self._source.stop_listening(self._listener)
        turn = self._begun.turn
        if turn is not None and not (turn.over or self.is_cut or self._has_rest):
            turn.stop()

    def send(self) -> Iterator[bytes]:
        """Yield the events, for a server whose thread sends them."""
        try:
            yield self.first
            while not self.is_over:
                self._source.wait_for_end(max(0.0, self.rest_until - time.monotonic()))
                self._source.wait(self._version, 1.0)
                if self.look_at <= time.monotonic():
                    look([self])
                if data := self.step():
                    yield data
        finally:
            self.close()
