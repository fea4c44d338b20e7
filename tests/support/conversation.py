"""Talking in a chat over real sockets: saying something, watching the answer, coming back."""

from __future__ import annotations

import re
import socket
import sqlite3
import struct
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.support.html import Element, parse
from tests.support.servers import PATIENCE
from tests.support.wire import Answer, RemoteVisitor

EVENT_STREAM = "text/event-stream"
HTMX = {"HX-Request": "true"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class Bubble:
    """A message as the page shows it."""

    kind: str
    status: str
    text: str


@dataclass(frozen=True)
class Event:
    """A server-sent event: when it came, and its data; none for a heartbeat."""

    at: float
    html: str


class Stream:
    """An answer that is read while it comes."""

    def __init__(self, connection: HTTPConnection, sock: socket.socket) -> None:
        self._connection = connection
        self._socket = sock
        self._response: HTTPResponse = connection.getresponse()
        self._buffer = b""

    @property
    def status(self) -> int:
        """Return the status."""
        return self._response.status

    @property
    def headers(self) -> Message:
        """Return the headers."""
        return self._response.headers

    @property
    def is_stream(self) -> bool:
        """Say whether it is a stream, rather than an answer that is there at once."""
        return self.headers.get_content_type() == EVENT_STREAM

    @property
    def left_over(self) -> bytes:
        """Return what came of an event that did not come whole."""
        return self._buffer

    def events(self) -> Iterator[Event]:
        """Yield the events as they come, until the server ends the stream."""
        while True:
            whole, end, rest = self._buffer.partition(b"\n\n")
            if end:
                self._buffer = rest
                yield Event(time.monotonic(), _data(whole.decode()))
            elif data := self._response.read1(65_536):
                self._buffer += data
            else:
                return

    def text(self) -> str:
        """Return everything that comes until the end, events as the HTML in them."""
        if self.is_stream:
            return "".join(event.html for event in self.events())
        return self._response.read().decode()

    def until(self, wanted: str) -> str:
        """Read until ``wanted`` has come; return the HTML of all events up to there."""
        seen = ""
        for event in self.events():
            seen += event.html
            if wanted in seen:
                return seen
        raise AssertionError(f"the stream ended without {wanted!r}: {seen[-2_000:]}")

    def reset(self) -> None:
        """Break the connection off, so that the server gets an RST for what it sends."""
        linger = struct.pack("ii", 1, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._response.close()
        self._connection.close()


class Talker(RemoteVisitor):
    """Somebody who talks in a chat of the app `talker.py`, as htmx would."""

    def __init__(self, port: int, timeout: float = PATIENCE) -> None:
        super().__init__(port, timeout)
        self.chat_id = ""

    def log_in(self, name: str) -> Talker:
        """Log in with the name twice, and return this visitor."""
        self.get("/login")
        answer = self.post("/login", {"username": name, "password": name * 2})
        assert answer.status == 303, answer.text
        self.get("/")
        return self

    def start(self) -> Talker:
        """Start a chat, and return this visitor."""
        if not self.token:
            self.get("/")
        started = self.post("/chats", htmx=True)
        assert started.status == 200, started.text
        self.chat_id = started.chat_id
        return self

    def twin(self) -> Talker:
        """Return the same browser for use in another thread, in the same chat."""
        other = Talker(self._port, self._timeout)
        other._cookies = dict(self._cookies)
        other.token, other.chat_id = self.token, self.chat_id
        return other

    @property
    def path(self) -> str:
        """Return the address of the chat."""
        return f"/chats/{self.chat_id}"

    def said(self, text: str, key: str = "", *, htmx: bool = True) -> Answer:
        """Say something, and return the answer when all of it is there."""
        return self.post(f"{self.path}/messages", question(text, key), htmx=htmx)

    @contextmanager
    def say(self, text: str, key: str = "") -> Iterator[Stream]:
        """Say something, and yield the answer while it comes."""
        form = {"csrf_token": self.token, **question(text, key)}
        with self._streaming("POST", f"{self.path}/messages", urlencode(form)) as stream:
            yield stream

    @contextmanager
    def say_and_read_nothing(self, text: str) -> Iterator[None]:
        """Say something, and stay connected without taking anything of the answer."""
        form = urlencode({"csrf_token": self.token, **question(text)}).encode()
        with socket.socket() as sock:
            # Set before it connects, so that the other side may send next to nothing.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            sock.connect(("127.0.0.1", self._port))
            head = {**self._as_htmx(), **FORM, "Host": "127.0.0.1", "Content-Length": len(form)}
            lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
            start = f"POST {self.path}/messages HTTP/1.1\r\n{lines}\r\n"
            sock.sendall(start.encode() + form)
            yield

    @contextmanager
    def follow(self, turn: str = "") -> Iterator[Stream]:
        """Ask how a turn goes on, the one that runs unless told, and yield what comes."""
        path = f"{self.path}/turns/{turn or self.running()}"
        with self._streaming("GET", path, None) as stream:
            yield stream

    def asks(self, path: str) -> Answer:
        """Ask for a part of a page."""
        return self._ask("GET", path, dict(HTMX), None)

    def stop(self) -> Answer:
        """Stop the turn that runs."""
        return self.post(f"{self.path}/stop", {"turn": self.running()}, htmx=True)

    def page(self) -> Element:
        """Return the page of the chat, as it is now."""
        answer = self.get(self.path)
        assert answer.status == 200, answer.text
        return parse(answer.text)

    def bubbles(self) -> list[Bubble]:
        """Return the messages that the page of the chat shows now."""
        return bubbles(self.page())

    def all_bubbles(self) -> list[Bubble]:
        """Return all messages of the chat: those on its page, and the earlier ones."""
        page = self.page()
        found = bubbles(page)
        while links := page.all(data_testid="earlier"):
            page = parse(self.get(links[0]["href"]).text)
            found = bubbles(page) + found
        return found

    def running(self) -> str:
        """Return the id of the turn that runs in the chat; "" for none."""
        return running_turn(self.page())

    def wait_for_end(self, seconds: float = PATIENCE) -> list[Bubble]:
        """Wait until no turn runs in the chat, and return its messages."""
        pages: list[Element] = []

        def is_quiet() -> bool:
            pages[:] = [self.page()]
            return not running_turn(pages[0])

        wait_until(is_quiet, seconds, pause=0.1)
        return bubbles(pages[0])

    @contextmanager
    def _streaming(self, method: str, path: str, body: str | None) -> Iterator[Stream]:
        headers = {**self._as_htmx(), **(FORM if body else {})}
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=self._timeout)) as connection:
            connection.request(method, path, body, headers)
            sock = connection.sock
            assert sock is not None
            with closing(Stream(connection, sock)) as stream:
                yield stream

    def _as_htmx(self) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        return {**HTMX, "Cookie": cookies}


def question(text: str, key: str = "") -> dict[str, str]:
    """Return the fields of the composer."""
    return {"content": text, "key": key or str(uuid.uuid4())}


def bubbles(page: Element) -> list[Bubble]:
    """Return the messages in a page or fragment."""
    found = page.all(data_testid="message")
    return [Bubble(m["data-kind"], m["data-status"], _prose(m)) for m in found]


def running_turn(page: Element) -> str:
    """Return the id of the turn that a page watches; "" for none."""
    places = [e for e in page.all(id="turn") if e.get("data-turn-id")]
    return places[0]["data-turn-id"] if places else ""


def watch_growing(pieces: Iterable[str], name: str, enough: Path, lengths: int) -> list[str]:
    """Watch an answer that goes on until a file is there, and return its pieces to the end.

    The file is there as soon as the answer was seen in so many lengths.
    """
    seen: list[str] = []
    found: set[int] = set()
    give_up = time.monotonic() + PATIENCE
    for piece in pieces:
        seen.append(piece)
        found.add(tokens_in(piece, name))
        if len(found - {0}) >= lengths or time.monotonic() > give_up:
            enough.touch()
    return seen


def spoken(name: str, tokens: int) -> str:
    """Return what ``stream name tokens`` says in the end."""
    return " ".join([*(f"{name}-{number}" for number in range(tokens)), f"{name}-end"])


def tokens_in(text: str, name: str) -> int:
    """Return how many tokens of ``stream name`` a text has, up to the last one."""
    return max((int(number) + 1 for number in re.findall(rf"{name}-(\d+)", text)), default=0)


def wait_until(
    is_so: Callable[[], bool], seconds: float = PATIENCE, *, pause: float = 0.02
) -> float:
    """Wait until something is so; return how many seconds it took."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < seconds, f"not so after {seconds} s"
        time.sleep(pause)
    return time.monotonic() - began


class Calls:
    """What `talker.py` was called with, in whichever process."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "calls.txt"
        self.file.touch()

    @property
    def settings(self) -> dict[str, str]:
        """Return what a server's environment needs for it."""
        return {"TALKER_CALLS": str(self.file)}

    def all(self) -> list[str]:
        """Return the messages of all calls so far."""
        return self.file.read_text(encoding="utf-8").splitlines()

    def of(self, text: str) -> int:
        """Return how often a message was answered."""
        return self.all().count(text)


@dataclass
class Rows:
    """A server's SQLite file, looked at from outside."""

    url: str
    file: str = field(init=False)

    def __post_init__(self) -> None:
        self.file = self.url.removeprefix("sqlite:///")

    def all(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows that a statement finds."""
        with closing(sqlite3.connect(self.file, timeout=PATIENCE)) as connection:
            return connection.execute(statement, values).fetchall()

    def one(self, statement: str, *values: Any) -> Any:
        """Return the only value that a statement finds."""
        [[value]] = self.all(statement, *values)
        return value

    def run(self, statement: str, *values: Any) -> None:
        """Run a statement that writes."""
        with closing(sqlite3.connect(self.file, timeout=PATIENCE)) as connection, connection:
            connection.execute(statement, values)


def until_answered(ask: Callable[[], Answer], seconds: float = PATIENCE) -> Answer:
    """Ask again, as a person would, while the site cannot be reached; return its answer."""
    answers: list[Answer] = []

    def is_answered() -> bool:
        try:
            answers[:] = [ask()]
        except (OSError, HTTPException):
            return False
        return answers[0].status < 500

    wait_until(is_answered, seconds, pause=0.1)
    return answers[0]


def _prose(message: Element) -> str:
    return " ".join(text.text for text in message.with_class("prose")).strip()


def _data(block: str) -> str:
    lines = [line for line in block.split("\n") if line.startswith("data: ")]
    return "\n".join(line.removeprefix("data: ") for line in lines)
