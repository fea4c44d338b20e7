"""The stream thread: what goes wrong with one reader is nothing to the others."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.support.conversation import wait_until
from webapp.web.streaming import reader as readers
from webapp.web.streaming.thread import StreamThread

Serve = Callable[..., "Served"]


class Script:
    """A stream that says what the test tells it to."""

    first = b"first"
    rest_until = 0.0
    wake_at = math.inf
    look_at = math.inf
    is_cut = False
    has_end = False

    def __init__(self) -> None:
        self.is_over = False
        self.lines: list[bytes | Exception] = []
        self.listeners: list[Callable[[], None]] = []
        self.steps = 0
        self.rests_after: bytes | None = None
        self.ends_with: bytes | None = None

    def step(self) -> bytes:
        """Return the next line."""
        self.steps += 1
        line = self.lines.pop(0) if self.lines else b""
        if isinstance(line, Exception):
            raise line
        if line == self.rests_after:
            self.rest_until = time.monotonic() + 1_000
        if line == self.ends_with:
            self.is_over = True
        return line

    def say(self, line: bytes | Exception) -> None:
        """Let the reader get a line."""
        self.lines.append(line)
        for listener in self.listeners:
            listener()

    def end(self) -> None:
        """Let the stream end."""
        self.is_over = True
        self.say(b"")

    def listen(self, listener: Callable[[], None]) -> None:
        """Call the listener from now on."""
        self.listeners.append(listener)

    def close(self) -> None:
        """Call nobody any more."""
        self.listeners.clear()


class Served:
    """A reader at the other end of a connection that the thread serves."""

    def __init__(self, thread: StreamThread, *, chunked: bool = False) -> None:
        ours, self.socket = socket.socketpair()
        self.socket.settimeout(10)
        self.events = Script()
        slot = thread.slots.take(100)
        assert slot is not None
        thread.serve(ours, self.events, slot, chunked=chunked)
        wait_until(lambda: bool(self.events.listeners))

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def receives(self) -> bytes:
        """Return what comes until the end."""
        return b"".join(iter(lambda: self.socket.recv(65_536), b""))


def look_for_nothing(streams: object) -> None:
    """Need nothing from the database."""
    del streams


@pytest.fixture
def thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[StreamThread]:
    """Return a thread that soon ends when it has nothing to do."""
    monkeypatch.setattr("webapp.web.streaming.thread.IDLE_SECONDS", 0.2)
    monkeypatch.setattr("webapp.web.streaming.thread.TICK_SECONDS", 0.05)
    yield StreamThread(look_for_nothing)
    wait_until(lambda: "webapp-streams" not in {t.name for t in threading.enumerate()})


@pytest.fixture
def serve(thread: StreamThread) -> Iterator[Serve]:
    """Return a function that lets the thread serve one more reader."""
    with ExitStack() as stack:
        yield lambda **kwargs: stack.enter_context(Served(thread, **kwargs))


@pytest.mark.parametrize(
    ("chunked", "expected"), [(False, b"onetwo"), (True, b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")]
)
def test_events_come_in_order(
    thread: StreamThread, serve: Serve, chunked: bool, expected: bytes
) -> None:
    served = serve(chunked=chunked)
    served.events.say(b"one")
    wait_until(lambda: not served.events.lines)
    served.events.say(b"two")
    served.events.end()
    assert served.receives() == expected
    assert thread.slots.in_use == 0


def test_last_step_waits_for_no_rest(serve: Serve) -> None:
    served = serve()
    served.events.rests_after = b"one"
    served.events.say(b"one")
    assert served.socket.recv(3) == b"one"
    served.events.ends_with = b"two"
    served.events.has_end = True
    served.events.say(b"two")
    assert served.receives() == b"two"


def test_error_of_one_stream_ends_only_that_one(
    thread: StreamThread, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    broken, whole = serve(), serve()
    broken.events.say(ValueError("a mistake in a template"))
    assert broken.receives() == b""
    assert "stream.failed" in caplog.text
    whole.events.say(b"on")
    whole.events.end()
    assert whole.receives() == b"on"
    assert thread.slots.in_use == 0


def test_reader_who_is_behind_is_not_asked_for_more(
    thread: StreamThread, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "SEND_SECONDS", 0.3)
    slow, quick = serve(), serve()
    slow.events.say(b"x" * 5_000_000)
    wait_until(lambda: not slow.events.lines)
    before = slow.events.steps
    slow.events.say(b"more")
    quick.events.say(b"on")
    assert quick.socket.recv(10) == b"on"
    assert slow.events.steps == before
    # It takes nothing, so it is given up, and the other one is not.
    wait_until(lambda: thread.slots.in_use == 1)
    quick.events.end()
    assert quick.receives() == b""


def test_reader_who_catches_up_gets_the_rest(serve: Serve) -> None:
    slow = serve()
    slow.events.say(b"x" * 5_000_000)
    wait_until(lambda: not slow.events.lines)
    slow.events.say(b"more")
    slow.events.say(b"")
    received = b""
    while not received.endswith(b"more"):
        received += slow.socket.recv(1_000_000)
    assert len(received) == 5_000_004
    slow.events.end()
    assert slow.receives() == b""


def test_database_that_hangs_holds_up_no_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.web.streaming.thread.TICK_SECONDS", 0.05)
    asked, answered = threading.Event(), threading.Event()

    def look(streams: object) -> None:
        del streams
        asked.set()
        answered.wait(10)

    with Served(StreamThread(look)) as served:
        served.events.look_at = time.monotonic()
        assert asked.wait(10)
        served.events.say(b"on")
        assert served.socket.recv(10) == b"on"
        answered.set()
        served.events.end()
        assert served.receives() == b""
