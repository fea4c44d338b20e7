"""The one thread of a process that serves all streams whose connections were handed over."""

from __future__ import annotations

import heapq
import itertools
import math
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from flask import Flask, current_app

from webapp.web.log import log_failure
from webapp.web.sse import Slot, Slots
from webapp.web.streaming.loop_thread import LoopThread
from webapp.web.streaming.reader import Events, Reader

EXTENSION = "stream_thread"
# How often the thread looks for readers to give up, and whether the server is stopping.
TICK_SECONDS = 0.5
# What comes within this time after a step waits for the next step, so that one wake-up serves many.
GATHER_SECONDS = 0.004
# Rests end together, at multiples of this.
GRID_SECONDS = 0.02
# The thread ends when it has had no reader for so long. The next reader starts another one.
IDLE_SECONDS = 10.0

Look = Callable[[Sequence[Any]], None]


class StreamThread(LoopThread["_Loop"]):
    """Serves many readers with one thread.

    Parameters
    ----------
    look:
        Asks the database what some streams need from it. It is called in a thread of its own, so
        that words flow on while a database does not answer.
    """

    def __init__(self, look: Look) -> None:
        super().__init__("webapp-streams", lambda end_if_idle: _Loop(look, end_if_idle))
        self.slots = Slots()

    def serve(
        self, connection: socket.socket, events: Events, slot: Slot, *, chunked: bool
    ) -> None:
        """Send ``events`` to a connection, from the second one on, and close it in the end."""
        with self.lock:  # so that the thread does not end meanwhile
            loop = self.start()
            loop.add(Reader(connection, events, slot, chunked=chunked, wake=loop.wake))

    def _forget(self) -> None:
        super()._forget()
        self.slots = Slots()


class _Loop:
    """What the thread does until it ends."""

    def __init__(self, look: Look, end_if_idle: Callable[[_Loop], bool]) -> None:
        self._look = look
        self._end_if_idle = end_if_idle
        self._readers: set[Reader] = set()
        self._due: list[tuple[float, int, Reader]] = []
        self._number = itertools.count()
        self._news: deque[Reader] = deque()
        self._is_awake = False
        self._is_looking = False
        self._is_stopping = threading.Event()
        self._has_stopped = threading.Event()
        self._bell, self._bell_button = socket.socketpair()
        self._bell.setblocking(False)
        self._bell_button.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._bell, selectors.EVENT_READ)

    @property
    def has_news(self) -> bool:
        """Whether a reader is new, or something is new for one."""
        return bool(self._news)

    def add(self, reader: Reader) -> None:
        """Serve one more reader."""
        reader.connection.setblocking(False)
        self.wake(reader)

    def wake(self, reader: Reader) -> None:
        """Let the thread look at a reader soon."""
        self._news.append(reader)
        self._ring()

    def shut_down(self, seconds: float) -> None:
        """End all streams, and wait until the last bytes are sent."""
        self._is_stopping.set()
        self._ring()
        self._has_stopped.wait(seconds)

    def _ring(self) -> None:
        if not self._is_awake:
            self._is_awake = True
            with suppress(OSError):  # closed, since the thread has ended
                self._bell_button.send(b"\0")

    def run(self) -> None:
        tick_at = gather_until = 0.0
        used_at = time.monotonic()
        while True:
            now = time.monotonic()
            if now >= gather_until:
                self._take_news(now)
            if self._step_those_due(now):
                gather_until = time.monotonic() + GATHER_SECONDS
            is_stopping = self._is_stopping.is_set()
            if now >= tick_at or is_stopping:
                tick_at = now + (GATHER_SECONDS if is_stopping else TICK_SECONDS)
                self._tick(now)
            if self._readers:
                used_at = now
            if is_stopping and not self._readers:
                break
            if now - used_at > IDLE_SECONDS and self._end_if_idle(self):
                break
            until = min(tick_at, self._due[0][0] if self._due else math.inf)
            if self._news:
                until = min(until, gather_until)
            self._wait(max(0.0, until - time.monotonic()))
        self._has_stopped.set()
        self._selector.close()
        self._bell.close()
        self._bell_button.close()

    def _wait(self, seconds: float) -> None:
        for key, mask in self._selector.select(seconds):
            reader: Reader | None = key.data
            if reader is None:
                with suppress(BlockingIOError):
                    self._bell.recv(64)
            elif reader in self._readers:
                if mask & selectors.EVENT_READ and not reader.is_there():
                    self._drop(reader)
                elif mask & selectors.EVENT_WRITE:
                    self._attempt(reader, Reader.flush)
                    if not reader.is_behind and not reader.has_ended:
                        self._schedule(reader, time.monotonic())

    def _take_news(self, now: float) -> None:
        self._is_awake = False  # before looking, so that nothing is overlooked
        while self._news:
            reader = self._news.popleft()
            if reader not in self._readers:
                if reader.has_ended:
                    continue
                self._readers.add(reader)
                self._selector.register(reader.connection, selectors.EVENT_READ, reader)
                reader.events.listen(reader.tell)
            if not reader.rests or reader.events.has_end:
                self._schedule(reader, now)

    def _schedule(self, reader: Reader, at: float) -> None:
        reader.due_at = at
        heapq.heappush(self._due, (at, next(self._number), reader))

    def _step_those_due(self, now: float) -> bool:
        stepped = False
        while self._due and self._due[0][0] <= now:
            at, _, reader = heapq.heappop(self._due)
            # Of several entries the last one counts.
            if at != reader.due_at or reader.has_ended or reader not in self._readers:
                continue
            reader.due_at = math.inf
            if reader.is_behind:
                continue  # what is new meanwhile goes into one event, once there is room for it
            if reader.rests:
                reader.rests = False
                if not reader.has_news and now < reader.events.wake_at:
                    self._schedule(reader, reader.events.wake_at)
                    continue
            stepped = True
            self._attempt(reader, self._step)
        return stepped

    def _step(self, reader: Reader) -> None:
        # The order counts: what comes from here on is noted, and waits for the end of the rest.
        reader.rests = True
        reader.has_news = False
        events = reader.events
        data = events.step()
        if data:
            reader.send(data)
        if events.is_over:
            reader.end()
        else:
            self._schedule(reader, math.ceil(events.rest_until / GRID_SECONDS) * GRID_SECONDS)

    def _attempt(self, reader: Reader, act: Callable[[Reader], None]) -> None:
        """Do something for one reader. Whatever goes wrong, the other readers do not suffer."""
        try:
            act(reader)
        except OSError:  # the reader has gone
            self._drop(reader)
            return
        except Exception as error:  # noqa: BLE001 - an error of one stream must not end all others
            log_failure("stream.failed", error)
            self._drop(reader)
            return
        waits = selectors.EVENT_WRITE if reader.is_behind else 0
        if self._selector.get_key(reader.connection).events != selectors.EVENT_READ | waits:
            self._selector.modify(reader.connection, selectors.EVENT_READ | waits, reader)

    def _tick(self, now: float) -> None:
        is_stopping = self._is_stopping.is_set()
        looks = []
        for reader in list(self._readers):
            ends_at_once = is_stopping and reader.has_ended and not reader.is_behind
            if ends_at_once or reader.is_given_up(now):
                self._drop(reader)
            elif reader.has_ended:
                continue
            elif is_stopping or reader.events.is_cut:
                self._attempt(reader, Reader.end)
            elif reader.events.look_at <= now:
                looks.append(reader)
        if looks and not self._is_looking:
            self._is_looking = True
            threading.Thread(
                target=self._look_for, args=(looks,), name="webapp-streams-look", daemon=True
            ).start()

    def _look_for(self, readers: list[Reader]) -> None:
        try:
            self._look([reader.events for reader in readers])
        finally:
            self._is_looking = False
            for reader in readers:
                reader.tell()

    def _drop(self, reader: Reader) -> None:
        if not reader.has_ended:
            reader.release()
        self._readers.discard(reader)
        self._selector.unregister(reader.connection)
        reader.connection.close()


def stream_thread() -> StreamThread:
    """Return the stream thread of this process."""
    found: StreamThread = current_app.extensions[EXTENSION]
    return found


def set_up_stream_thread(app: Flask, look: Look) -> None:
    """Let ``app`` serve streams by one thread."""
    app.extensions[EXTENSION] = StreamThread(look)
