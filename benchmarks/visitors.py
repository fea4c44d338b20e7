"""People who chat: they send a message as htmx does, and read what comes of it to the end."""

from __future__ import annotations

import gzip
import re
import socket
import struct
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from clients import HEADERS, form_request, open_page

POLL_SECONDS = 1.0
SILENCE_SECONDS = 90.0
_STAMP = re.compile(rb"stamp-(\d+)-here")
_FOLLOW = re.compile(rb'hx-get="(/chats/[^"]+/turns/[^"]+)"')
_ACTION = re.compile(rb'action="(/chats/[^"]+/messages)"')
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_PACKED = re.compile(rb"\r\ncontent-encoding: gzip", re.IGNORECASE)
_COOKIE = re.compile(rb"\r\nset-cookie: ([^;\r]+)", re.IGNORECASE)


@dataclass
class Heard:
    """One answer of the server: its status, its body, and when its parts came."""

    status: int
    is_stream: bool
    body: bytes
    seconds: float
    # From the author's first token until its bytes were here.
    first_token: float | None
    cookie: str = ""


@dataclass
class Told:
    """What came of one message."""

    ways: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0
    first_token: float | None = None
    polls: list[float] = field(default_factory=list)
    ended: bool = False


class Line:
    """A connection that is kept, and made anew when the server has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def ask(self, request: bytes, until: Callable[[bytes], bool] | None = None) -> Heard:
        """Send a request and read its answer, or as much of it as ``until`` wants."""
        began = time.perf_counter()
        if self._socket is not None:
            try:
                return self._asked(self._socket, request, began, until)
            except ConnectionError:
                self.close()
        self._socket = socket.create_connection(("127.0.0.1", self._port), SILENCE_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._asked(self._socket, request, began, until)

    def close(self, *, reset: bool = False) -> None:
        """Hang up, with a FIN or with a RST."""
        if self._socket is not None:
            if reset:
                linger = struct.pack("ii", 1, 0)
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._socket.close()
            self._socket = None

    def _asked(
        self,
        connection: socket.socket,
        request: bytes,
        began: float,
        until: Callable[[bytes], bool] | None,
    ) -> Heard:
        connection.sendall(request)
        raw, first = bytearray(), None
        while not _is_whole(raw):
            part = connection.recv(65_536)
            if not part:
                raise ConnectionError("the server hung up")
            raw += part
            if first is None and (stamp := _STAMP.search(raw)):
                first = (time.time_ns() - int(stamp[1])) / 1e9
            if until is not None and until(raw):
                break
        head, _, body = bytes(raw).partition(b"\r\n\r\n")
        is_stream = b"text/event-stream" in head
        seconds = time.perf_counter() - began
        given = _COOKIE.search(head)
        cookie = given[1].decode() if given else ""
        if _PACKED.search(head) and _is_whole(raw):
            body = gzip.decompress(body)
        return Heard(int(head[9:12]), is_stream, body, seconds, first, cookie)


class Visitor:
    """Somebody with an open chat in our app."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._line = Line(port)
        cookie, token = open_page(port)
        form = {"csrf_token": token, "profile": "Quick"}
        started = self._line.ask(
            form_request(port, "/chats", form, {"HX-Request": "true", "Cookie": cookie})
        )
        action = _ACTION.search(started.body)
        if started.status != 200 or action is None:
            raise SystemExit(f"a chat did not start: {started.body[:300]!r}")
        self.cookie = started.cookie or cookie
        self._form = {"csrf_token": token}
        self._say = action[1].decode()
        self.page = self._say.removesuffix("/messages")

    def say(self, content: str) -> Told:
        """Send a message, and read what comes of it to its end."""
        told, began = Told(), time.perf_counter()
        try:
            self._follow(told, self._line.ask(self._message(content)), time.perf_counter())
        except OSError as error:
            told.errors.append(f"{type(error).__name__}: {error}")
        told.seconds = time.perf_counter() - began
        return told

    def post(self, content: str) -> Told:
        """Send a message, and go away with the first bytes of the answer."""
        told = Told()
        try:
            self._line.ask(self._message(content), until=_has_begun)
        except OSError as error:
            told.errors.append(f"{type(error).__name__}: {error}")
        return told

    def leave(self, *, reset: bool = False) -> None:
        """Close the connection, whatever is on its way."""
        self._line.close(reset=reset)

    def look(self) -> Heard:
        """Return the page of the chat."""
        return self._line.ask(get(self._port, self.page, self.cookie))

    def is_answered(self) -> bool:
        """Say whether nothing is being written in the chat."""
        return b'data-turn-id="' not in self.look().body

    def _follow(self, told: Told, heard: Heard, asked_at: float) -> None:
        follow = _FOLLOW.search(heard.body)
        path = follow[1].decode() if follow else ""
        told.first_token = heard.first_token
        while True:
            told.ways.append(_way(heard))
            if heard.status != 200:
                told.errors.append(f"{heard.status}: {heard.body[:200]!r}")
                return
            if _has_ended(heard):
                told.ended = True
                return
            # A page asks every second, however long an answer takes; after a stream at once.
            pause = 0.0 if heard.is_stream else POLL_SECONDS - (time.perf_counter() - asked_at)
            time.sleep(max(0.0, pause))
            asked_at = time.perf_counter()
            heard = self._line.ask(get(self._port, path, self.cookie, {"HX-Request": "true"}))
            told.polls += [] if heard.is_stream else [heard.seconds]

    def _message(self, content: str) -> bytes:
        form = {**self._form, "content": content, "key": str(uuid.uuid4())}
        headers = {"HX-Request": "true", "Cookie": self.cookie}
        return form_request(self._port, self._say, form, headers)


class BareVisitor:
    """Somebody with an open chat in the bare app, whose page is the text."""

    cookie = ""

    def __init__(self, port: int) -> None:
        self._port = port
        self._line = Line(port)
        started = self._line.ask(form_request(port, "/chats", {}))
        self._chat = started.body.decode()
        self.page = f"/chats/{self._chat}"

    def say(self, content: str) -> Told:
        """Send a message, and read what comes of it to its end."""
        told, began = Told(), time.perf_counter()
        form = {"chat": self._chat, "content": content, "key": str(uuid.uuid4())}
        try:
            heard = self._line.ask(form_request(self._port, "/say/stream", form))
        except OSError as error:
            told.errors.append(f"{type(error).__name__}: {error}")
            return told
        told.ways, told.first_token, told.ended = [_way(heard)], heard.first_token, True
        told.errors += [] if heard.status == 200 else [str(heard.status)]
        told.seconds = time.perf_counter() - began
        return told

    def look(self) -> Heard:
        """Return what is stored of the chat."""
        return self._line.ask(get(self._port, self.page, self.cookie))

    def leave(self) -> None:
        """Close the connection."""
        self._line.close()


class Crowd:
    """Visitors in a process of their own, so that they do not slow down whoever measures.

    Parameters
    ----------
    make:
        Makes a visitor of a server: `Visitor` or `BareVisitor`.
    contents:
        What each of them says; there are as many visitors.
    whole:
        What must stand in the page of each at the end.
    """

    def __init__(
        self, make: type[Visitor | BareVisitor], port: int, contents: list[str], whole: str
    ) -> None:
        self._pipe, theirs = get_context("spawn").Pipe()
        self._process = get_context("spawn").Process(
            target=_run_crowd, args=(theirs, make, port, contents, whole), daemon=True
        )
        self._process.start()
        theirs.close()
        self._pipe.recv()

    def begin(self) -> None:
        """Let all of them speak at once."""
        self._pipe.send(None)

    def is_done(self) -> bool:
        """Say whether all of them are through."""
        return self._pipe.poll()

    def told(self) -> list[Told]:
        """Wait for the end, and return what came of it."""
        told: list[Told] = self._pipe.recv()
        self._process.join()
        return told


def _run_crowd(
    pipe: Connection,
    make: type[Visitor | BareVisitor],
    port: int,
    contents: list[str],
    whole: str,
) -> None:
    visitors = [make(port) for _ in contents]
    told = [Told() for _ in contents]
    pipe.send(None)
    pipe.recv()

    def run(place: int) -> None:
        told[place] = visitors[place].say(contents[place])

    at_once(run, [(place,) for place in range(len(contents))])
    for one, visitor in zip(told, visitors, strict=True):
        if whole and whole not in visitor.look().body.decode():
            one.errors.append("the page does not have the whole answer")
        visitor.leave()
    pipe.send(told)


def get(port: int, path: str, cookie: str, headers: dict[str, str] | None = None) -> bytes:
    """Return a GET as it goes over the wire."""
    lines = {"Host": f"127.0.0.1:{port}", **HEADERS, "Cookie": cookie, **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"GET {path} HTTP/1.1\r\n{head}\r\n".encode()


def at_once(function: Callable[..., Any], calls: list[tuple[Any, ...]]) -> None:
    """Call a function in as many threads as there are argument lists, and wait for all."""
    threads = [threading.Thread(target=function, args=arguments) for arguments in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _way(heard: Heard) -> str:
    if heard.is_stream:
        return "stream"
    return "whole" if _has_ended(heard) else "poll"


def _has_ended(heard: Heard) -> bool:
    # The controls of a running turn name it; the last words of a stream aim at those.
    if heard.is_stream:
        return b"#turn[data-turn-id=" in heard.body or b"event: end" in heard.body
    return b' data-turn-id="' not in heard.body


def _has_begun(raw: bytes) -> bool:
    return b"\r\n\r\n" in raw and len(raw.partition(b"\r\n\r\n")[2]) > 0


def _is_whole(raw: bytearray) -> bool:
    head, end, body = raw.partition(b"\r\n\r\n")
    if not end:
        return False
    length = _LENGTH.search(head)
    if length is not None:
        return len(body) >= int(length[1])
    return raw.endswith(b"\r\n0\r\n\r\n") or head.startswith(b"HTTP/1.1 204")
