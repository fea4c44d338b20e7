"""Files that arrive at real servers: in what time, in how much memory, and when all goes wrong."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.support.apps import AppMaker
from tests.support.conversation import wait_until
from tests.support.nginx import needs_nginx, nginx
from tests.support.procfs import peak_memory
from tests.support.servers import (
    gunicorn,
    gunicorn_command,
    production,
    running,
    waitress,
)
from tests.support.uploads import uploads_app
from tests.support.wire import RemoteVisitor

pytestmark = pytest.mark.slow

MEGABYTE = 1024 * 1024
PIECE = os.urandom(65_536)
BOUNDARY = "----of-a-test"


class Uploader(RemoteVisitor):
    """Somebody who sends files piece by piece."""

    def __init__(self, port: int) -> None:
        super().__init__(port, timeout=60)
        self.get("/")
        self.chat_id = self.post("/chats", htmx=True).chat_id

    @contextmanager
    def sending(self, size: int, name: str = "big.bin") -> Iterator[socket.socket]:
        """Yield a connection on which a message was sent up to the first byte of its file."""
        fields = {"csrf_token": self.token, "key": str(uuid.uuid4()), "content": "Here"}
        head = "".join(
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
            for key, value in fields.items()
        )
        head += (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        )
        length = len(head) + size + len(self.tail)
        request = (
            f"POST /chats/{self.chat_id}/messages HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Cookie: {self.cookies}\r\nHX-Request: true\r\n"
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
            f"Content-Length: {length}\r\n\r\n{head}"
        )
        with closing(socket.create_connection(("127.0.0.1", self._port), 60)) as connection:
            connection.sendall(request.encode())
            yield connection

    @property
    def tail(self) -> bytes:
        """Return what comes after the file."""
        return f"\r\n--{BOUNDARY}--\r\n".encode()

    def upload(self, size: int, name: str = "big.bin") -> bytes:
        """Send a file, and return the beginning of the answer."""
        with self.sending(size, name) as connection:
            send_pieces(connection, size)
            connection.sendall(self.tail)
            return answer_of(connection)


def send_pieces(connection: socket.socket, size: int) -> None:
    """Send so many bytes of a file."""
    while size > 0:
        connection.sendall(PIECE[:size])
        size -= len(PIECE)


def answer_of(connection: socket.socket) -> bytes:
    """Return the status line and the beginning of an answer."""
    answer = b""
    while b"\r\n\r\n" not in answer or len(answer) < 2_000:
        piece = connection.recv(65_536)
        if not piece:
            break
        answer += piece
    return answer


@pytest.fixture
def settings(tmp_path: Path, sqlite_url: str, make_app: AppMaker) -> Mapping[str, str]:
    """Return the settings of a site that takes large files."""
    app_file = make_app.path(uploads_app("max_files=1"))
    return production(sqlite_url, app_file) | {
        "WEBAPP_FILES_URL": str(tmp_path / "files"),
        "WEBAPP_FILE_BYTES": str(200 * MEGABYTE),
    }


def left_over(folder: Path) -> list[Path]:
    """Return what is neither a folder nor a content of the store."""
    stored = set(folder.glob("[0-9a-f][0-9a-f]/*"))
    return [path for path in folder.rglob("*") if path.is_file() and path not in stored]


def test_a_large_file_takes_little_memory(tmp_path: Path, settings: Mapping[str, str]) -> None:
    with gunicorn(tmp_path, settings, fork=False) as server:
        (worker,) = server.workers()
        uploader = Uploader(server.port)
        assert uploader.upload(MEGABYTE).startswith(b"HTTP/1.1 200")
        before = peak_memory(worker)
        assert uploader.upload(100 * MEGABYTE).startswith(b"HTTP/1.1 200")
        after = peak_memory(worker)
        stored = sorted(path.stat().st_size for path in tmp_path.glob("files/??/*"))
    assert stored[-1] == 100 * MEGABYTE
    assert after - before <= 8 * 1024, (before, after)


@pytest.mark.parametrize("start", [gunicorn, waitress])
def test_a_large_file_arrives(tmp_path: Path, settings: Mapping[str, str], start: Any) -> None:
    with start(tmp_path, settings) as server:
        assert Uploader(server.port).upload(30 * MEGABYTE).startswith(b"HTTP/1.1 200")
        assert left_over(tmp_path / "files") == []
        assert "Traceback" not in server.log


@needs_nginx
def test_nginx_passes_files_on_and_sends_them_itself(
    tmp_path: Path, settings: Mapping[str, str]
) -> None:
    own = {**settings, "WEBAPP_FILES_SENDFILE": "X-Accel-Redirect:/internal-files"}
    docs = (Path(__file__).parent.parent / "docs" / "hosting.md").read_text()
    [documented] = re.findall(
        r"^    location /internal-files/ \{.*?^    \}", docs, re.MULTILINE | re.DOTALL
    )
    internal = documented.replace("/srv/chat/instance/files/", f"{tmp_path}/files/")
    with gunicorn(tmp_path, own) as server:
        location = (
            f"location / {{ proxy_pass http://127.0.0.1:{server.port}; client_max_body_size 40m; "
            f"proxy_set_header Host $http_host; }} {internal}"
        )
        with nginx(tmp_path, location) as port:
            uploader = Uploader(port)
            assert uploader.upload(30 * MEGABYTE, "big <b>.svg").startswith(b"HTTP/1.1 200")
            page = uploader.get(f"/chats/{uploader.chat_id}").text
            address = re.findall(r'href="(/files/[^"]+)"', page)[0]
            connection = HTTPConnection("127.0.0.1", port, timeout=60)
            with closing(connection):
                head = {"Cookie": uploader.cookies, "Range": "bytes=100-199"}
                connection.request("GET", address, headers=head)
                answer = connection.getresponse()
                part = answer.read()
            stranger = RemoteVisitor(port)
            assert stranger.get(address).status == 404
            assert stranger.get("/internal-files/").status == 404
        direct = RemoteVisitor(server.port, headers={"Cookie": uploader.cookies}).get(address)
    assert (answer.status, part) == (206, PIECE[100:200])
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert direct.text == ""  # nginx sends it, not the app


def test_a_body_that_is_too_long_is_refused_before_it_is_sent(
    tmp_path: Path, settings: Mapping[str, str]
) -> None:
    with gunicorn(tmp_path, settings) as server:
        with Uploader(server.port).sending(300 * MEGABYTE) as connection:
            send_pieces(connection, 300_000)  # the fields are known by then
            answer = answer_of(connection)
        assert answer.startswith(b"HTTP/1.1 413")
        assert "“<bdi>big.bin</bdi>” is too large".encode() in answer


def test_a_file_that_is_too_large_is_refused_while_it_is_sent(
    tmp_path: Path, settings: Mapping[str, str]
) -> None:
    small = {**settings, "WEBAPP_FILE_BYTES": str(5 * MEGABYTE)}
    with gunicorn(tmp_path, small) as server:
        with Uploader(server.port).sending(6 * MEGABYTE - 1) as connection:
            send_pieces(connection, 5 * MEGABYTE + 200_000)
            answer = answer_of(connection)
        assert answer.startswith(b"HTTP/1.1 413")
        assert left_over(tmp_path / "files") == []


def test_a_strangers_file_is_refused_before_it_is_sent(
    tmp_path: Path, settings: Mapping[str, str]
) -> None:
    with gunicorn(tmp_path, settings) as server:
        stranger = Uploader(server.port)
        stranger._cookies.clear()
        with stranger.sending(100 * MEGABYTE) as connection:
            send_pieces(connection, 300_000)
            assert answer_of(connection).startswith(b"HTTP/1.1 400")
        assert left_over(tmp_path / "files") == []


def test_an_upload_that_breaks_off_leaves_nothing(
    tmp_path: Path, settings: Mapping[str, str]
) -> None:
    with gunicorn(tmp_path, settings) as server:
        uploader = Uploader(server.port)
        with uploader.sending(50 * MEGABYTE) as connection:
            send_pieces(connection, 10 * MEGABYTE)
            wait_until(lambda: bool(left_over(tmp_path / "files")))
        wait_until(lambda: not left_over(tmp_path / "files"))
        assert uploader.get(f"/chats/{uploader.chat_id}").status == 200
        assert "Traceback" not in server.log


def test_a_killed_process_leaves_what_a_job_removes(
    tmp_path: Path, settings: Mapping[str, str]
) -> None:
    with gunicorn(tmp_path, settings) as server:
        (worker,) = server.workers()
        with Uploader(server.port).sending(50 * MEGABYTE) as connection:
            send_pieces(connection, 10 * MEGABYTE)
            wait_until(lambda: bool(left_over(tmp_path / "files")))
            os.kill(worker, signal.SIGKILL)
        wait_until(lambda: worker not in server.workers() and bool(server.workers()))
        [left] = left_over(tmp_path / "files")
        assert left.parent.name == "temporary"
        two_days_ago = time.time() - 2 * 86_400
        os.utime(left, (two_days_ago, two_days_ago))
        # Whoever starts a chat lets the jobs run.
        Uploader(server.port)
        wait_until(lambda: not left_over(tmp_path / "files"))


def test_slow_uploads_leave_room_for_visitors(tmp_path: Path, settings: Mapping[str, str]) -> None:
    with ExitStack() as stack:
        threads = ("--workers", "1", "--threads", "8")
        server = stack.enter_context(gunicorn(tmp_path, settings, *threads))
        waiting = []
        for _ in range(8):
            sending = Uploader(server.port).sending(50 * MEGABYTE)
            waiting.append(stack.enter_context(sending))
            send_pieces(waiting[-1], 300_000)

        def answered() -> list[socket.socket]:
            return select.select(waiting, [], [], 0)[0]

        # Two of eight threads wait for files. The others are told to come again.
        wait_until(lambda: len(answered()) == 6)
        assert Uploader(server.port).upload(1_000).startswith(b"HTTP/1.1 200")
        assert [each.recv(12) for each in answered()] == [b"HTTP/1.1 503"] * 6


def test_a_full_disk_is_told_and_keeps_nothing(tmp_path: Path, settings: Mapping[str, str]) -> None:
    # No file of this process may grow beyond 8 MB, as on a disk that is full.
    limited = {**settings, "WEBAPP_FILE_BYTES": str(50 * MEGABYTE)}
    command = ["sh", "-c", 'ulimit -f 16384; exec "$@"', "sh", *gunicorn_command()]
    with running(command, tmp_path, limited) as server:
        server.wait_for("/healthz")
        uploader = Uploader(server.port)
        answer = uploader.upload(20 * MEGABYTE)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b"Files cannot be stored at the moment" in answer
        assert left_over(tmp_path / "files") == []
        assert uploader.upload(1_000).startswith(b"HTTP/1.1 200")
