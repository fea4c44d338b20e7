"""An answer that is streamed to a program."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from typing import Protocol

from flask import Flask

from webapp.api.answering import BegunAnswer
from webapp.pages.live import TurnState
from webapp.pages.watching import HEARTBEAT_SECONDS, PACE_SECONDS, SourceStream, look
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


class AnswerStream(SourceStream):
    """An answer as events, a step at a time.

    A program that closes the stream stops the answer, as it has no other way. Whoever has sent a
    key may come back for the answer, for example after a timeout. The stream also ends when the
    token is no longer valid.

    Parameters
    ----------
    may_go_on:
        Returns whether the token is still valid. It asks the database.

    Attributes
    ----------
    stops_answer:
        Whether the answer stops if the program leaves.
    """

    def __init__(
        self,
        app: Flask,
        begun: BegunAnswer,
        events: AnswerEvents,
        may_go_on: Callable[[], bool],
        host: Host,
    ) -> None:
        super().__init__(app, begun.source, host)
        self._begun = begun
        self._events = events
        self._may_go_on = may_go_on
        self._is_refused = self._has_rest = False
        self._version = -1
        self.stops_answer = True
        self.first = events.begin() + self.step()

    @property
    def wake_at(self) -> float:
        """When a step is due even if nothing is new."""
        return self._sent_at + HEARTBEAT_SECONDS

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

    def close(self) -> None:
        """Call the listener no more. Stop the answer if nobody has read its end."""
        super().close()
        turn = self._begun.turn
        if turn is None or not self.stops_answer:
            return
        if not (turn.over or self.is_cut or self._has_rest):
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
