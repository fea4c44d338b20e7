"""Connections that send nothing, or half a request: everybody else is served meanwhile."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.support.apps import APPS, AppMaker
from tests.support.servers import (
    Server,
    chat_profiles_run,
    gunicorn,
    gunicorn_command,
    production,
    running,
    waitress,
    waitress_command,
)
from tests.support.wire import RemoteVisitor
from webapp.web.connections.limits import is_too_slow

pytestmark = pytest.mark.slow

MANY = 1_000
# With as few files as this, not all of them can be kept.
FEW_FILES = 400
HEAD = (
    b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n"
)
SENT = {
    "nothing": b"",
    "a byte": b"G",
    "half a line": b"GET /login HT",
    "half a head": HEAD,
    "half a body": HEAD + b"Content-Length: 1000\r\n\r\nusername=alice",
    "half a large body": HEAD + b"Content-Length: 200000\r\n\r\n" + b"a" * 100_000,
    "a sign to wait for": HEAD + b"Content-Length: 10\r\nExpect: 100-continue\r\n\r\n",
    "half a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nffff\r\nuser",
    "no end": b"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
    "a whole request": b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
}
IMPATIENT = """
    from webapp.web.connections import limits

    limits.ARRIVAL_SECONDS = 1.0
"""
# A visitor who needs a moment before the first byte, on a machine of any speed.
PATIENT = """
    import chat_profiles as cp
    from webapp.web.connections import limits

    limits.FIRST_BYTE_SECONDS = 60.0


    @cp.on_message
    async def answer(message: cp.Message) -> None:
        await cp.Message("Hello").send()
"""

Start = Callable[[Path, Mapping[str, str]], AbstractContextManager[Server]]
SERVERS: dict[str, Start] = {
    "gunicorn": gunicorn,
    "gunicorn 2 x 4 preload": lambda folder, settings: gunicorn(
        folder, settings, "--workers", "2", "--threads", "4", "--preload"
    ),
    "waitress": waitress,
    "chat-profiles run": lambda folder, _: chat_profiles_run(folder, APPS / "simple.py"),
}


@contextmanager
def waiting(port: int, sent: bytes, number: int) -> Iterator[list[socket.socket]]:
    """Yield so many connections, each of which has sent these bytes."""
    with ExitStack() as stack:
        connections = []
        for _ in range(number):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))
            connection.sendall(sent)
            if sent.startswith(b"GET /healthz"):
                assert b"200 OK" in connection.recv(4_096)
            connections.append(connection)
        yield connections


@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
@pytest.mark.parametrize("kind", SERVERS)
def test_a_visitor_is_served_while_many_connections_wait(
    tmp_path: Path, sqlite_url: str, kind: str, sent: bytes
) -> None:
    number = MANY if len(sent) < 10_000 else 100
    with SERVERS[kind](tmp_path, production(sqlite_url)) as server:
        with waiting(server.port, sent, number):
            # Two minutes and more without a bound.
            visitor = RemoteVisitor(server.port, timeout=15)
            started = visitor.start_chat()
            assert visitor.get(f"/chats/{started.chat_id}").status == 200
        assert "Traceback" not in server.log


@pytest.mark.parametrize("sent", [b"", SENT["half a body"], SENT["a whole request"]])
@pytest.mark.parametrize("command", [gunicorn_command(), waitress_command()], ids=lambda c: c[2])
def test_with_few_files_the_oldest_connections_make_room(
    tmp_path: Path, sqlite_url: str, command: list[str], sent: bytes
) -> None:
    limited = ["sh", "-c", f'ulimit -n {FEW_FILES}; exec "$@"', "sh", *command]
    with running(limited, tmp_path, production(sqlite_url)) as server:
        server.wait_for("/healthz")
        with waiting(server.port, sent, MANY) as connections:
            assert RemoteVisitor(server.port, timeout=15).get("/").status == 200
            assert has_ended(connections[0])
            assert not has_ended(connections[-1])
        assert "Traceback" not in server.log


@pytest.mark.parametrize("command", [gunicorn_command(), waitress_command()], ids=lambda c: c[2])
def test_a_connection_that_has_just_come_does_not_make_room(
    make_app: AppMaker, tmp_path: Path, sqlite_url: str, command: list[str]
) -> None:
    limited = ["sh", "-c", f'ulimit -n {FEW_FILES}; exec "$@"', "sh", *command]
    with running(limited, tmp_path, production(sqlite_url, make_app.path(PATIENT))) as server:
        server.wait_for("/healthz")
        with (
            waiting(server.port, b"G", FEW_FILES),
            socket.create_connection(("127.0.0.1", server.port), 30) as visitor,
            # Each of them asks for room, and so few that the visitor is never the oldest.
            waiting(server.port, b"G", 30),
            # Its answer shows that the connections before it have been accepted.
            waiting(server.port, SENT["a whole request"], 1),
        ):
            visitor.sendall(SENT["a whole request"])
            assert b"200 OK" in visitor.recv(4_096)


@pytest.mark.parametrize("sent", [SENT["half a head"], SENT["half a body"]])
@pytest.mark.parametrize("kind", ["gunicorn", "waitress"])
def test_half_sent_requests_end_even_if_a_byte_comes_now_and_then(
    make_app: AppMaker, tmp_path: Path, sqlite_url: str, kind: str, sent: bytes
) -> None:
    settings = production(sqlite_url, make_app.path(IMPATIENT))
    with ExitStack() as stack:
        server = stack.enter_context(SERVERS[kind](tmp_path, settings))
        [connection] = stack.enter_context(waiting(server.port, sent, 1))
        for _ in range(40):
            with suppress(OSError):
                connection.send(b"x")
            if has_ended(connection):
                break
        assert has_ended(connection)


@pytest.mark.parametrize("size", [10, 60_000, 200_000])
@pytest.mark.parametrize("kind", SERVERS)
def test_a_form_that_comes_in_pieces_is_read_whole(
    tmp_path: Path, sqlite_url: str, kind: str, size: int
) -> None:
    settings = production(sqlite_url)
    with SERVERS[kind](tmp_path, settings) as server:
        visitor = RemoteVisitor(server.port)
        chat = visitor.start_chat().chat_id
        text = f"{'word ' * (size // 5)}THE-END"
        fields = {"csrf_token": visitor.token, "content": text, "key": str(uuid.uuid4())}
        body = urlencode(fields).encode()
        head = (
            f"POST /chats/{chat}/messages HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
            f"Cookie: {visitor.cookies}\r\nContent-Length: {len(body)}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        ).encode()
        whole = head + body + b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        with socket.create_connection(("127.0.0.1", server.port), 30) as connection:
            for start in range(0, len(whole), 30_011):
                connection.sendall(whole[start : start + 30_011])
                time.sleep(0.01)
            answer = b""
            # The request that came with the end of the form is answered, too.
            while b"\r\n\r\nok" not in answer:
                piece = connection.recv(65_536)
                assert piece, answer
                answer += piece
        # This app answers no messages, and gives the text back.
        assert b"THE-END" in answer


def has_ended(connection: socket.socket) -> bool:
    """Return whether the server has closed a connection. What it has sent is skipped."""
    connection.settimeout(0.5)
    try:
        while connection.recv(65_536):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


@pytest.mark.parametrize(
    ("seconds", "received", "slow"),
    [(19, 0, False), (21, 0, True), (60, 100_000, True), (60, 1_000_000, False)],
)
def test_a_large_form_may_take_longer(seconds: float, received: int, *, slow: bool) -> None:
    assert is_too_slow(seconds, received) is slow
