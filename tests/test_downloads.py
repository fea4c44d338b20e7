"""Files on real servers: slow readers hold no threads, and no file is in memory as a whole."""

from __future__ import annotations

import hashlib
import os
import signal
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.conversation import wait_until
from tests.support.files import Reader, new_file, show
from tests.support.procfs import holdings, peak_memory
from tests.support.s3 import S3Server, s3_server
from tests.support.servers import Server, gunicorn, production, waitress
from tests.support.wire import RemoteVisitor

pytestmark = pytest.mark.slow

SHAPE = ("--workers", "1", "--threads", "4")
DOWNLOADS = 50
MIB = 1024 * 1024
LARGE = 100 * MIB
# The thread of the downloads, those of gunicorn that had nothing to do yet, and two loaders.
OTHER_THREADS = 1 + 4 + 4


@dataclass
class Library:
    """A server, and files that one visitor of it may read."""

    server: Server
    app: Flask
    visitor: RemoteVisitor
    chat_id: uuid.UUID
    readers: list[Reader] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(50, 10_000)))

    @property
    def worker(self) -> int:
        """Return the process that answers."""
        [worker] = self.server.workers() or [self.server.process.pid]
        return worker

    def add(self, content: bytes | Path) -> str:
        """Store a file, and return its path."""
        number = next(self.numbers)
        shown = show(self.app, "", new_file(content), chat_id=self.chat_id, sequence=number)
        return shown.address

    def reader(self, path: str, start: int = 0) -> Reader:
        """Return somebody who begins to read a file."""
        self.readers.append(Reader(self.server.port, path, self.visitor.cookies, start))
        return self.readers[-1]


@contextmanager
def library(
    folder: Path,
    database_url: str,
    start: Callable[[Path, dict[str, str]], AbstractContextManager[Server]],
    **more: str,
) -> Iterator[Library]:
    """Start a server whose files this process can add."""
    files = {"WEBAPP_FILES_URL": str(folder / "files"), "WEBAPP_FILE_BYTES": str(2 * LARGE), **more}
    ours = {name.removeprefix("WEBAPP_").lower(): files[name] for name in list(files)[:2]}
    with AppMaker.in_folder(folder, database_url) as maker:
        app = maker("simple.py", **ours)
        with start(folder, production(database_url) | files) as server:
            visitor = RemoteVisitor(server.port)
            made = Library(server, app, visitor, uuid.UUID(visitor.start_chat().chat_id))
            yield made
            for reader in made.readers:
                reader.close()
            assert "Traceback" not in server.log


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Return a file of 100 MB, all of it different."""
    path = tmp_path / "large.bin"
    piece = os.urandom(MIB)
    with path.open("wb") as file:
        for number in range(LARGE // MIB):
            file.write(number.to_bytes(8) + piece[8:])
    return path


@pytest.fixture
def on_gunicorn(tmp_path: Path, sqlite_url: str) -> Iterator[Library]:
    with library(tmp_path, sqlite_url, lambda *given: gunicorn(*given, *SHAPE)) as made:
        yield made


@pytest.fixture
def on_waitress(tmp_path: Path, sqlite_url: str) -> Iterator[Library]:
    with library(tmp_path, sqlite_url, lambda *given: waitress(*given, "--threads", "4")) as made:
        yield made


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def on_s3(
    tmp_path: Path, sqlite_url: str, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Library]:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    where = {"WEBAPP_FILES_URL": s3.new_bucket()}
    with library(tmp_path, sqlite_url, lambda *given: gunicorn(*given, *SHAPE), **where) as made:
        yield made


def test_fifty_slow_readers_hold_no_thread(on_gunicorn: Library) -> None:
    content = os.urandom(8 * MIB)
    path = on_gunicorn.add(content)
    on_gunicorn.reader(path).close()
    before = holdings(on_gunicorn.worker)
    readers = [on_gunicorn.reader(path) for _ in range(DOWNLOADS)]
    for reader in readers:
        reader.read(1_000)
    for _ in range(5):
        assert on_gunicorn.visitor.get("/").status == 200
    now = holdings(on_gunicorn.worker)
    assert now.threads <= before.threads + OTHER_THREADS
    assert now.memory <= before.memory + 8 * 1024
    for reader in readers[DOWNLOADS // 2 :]:
        reader.close()
    for reader in readers[: DOWNLOADS // 2]:
        reader.digest()
    wait_until(lambda: holdings(on_gunicorn.worker).files <= before.files + 3)


@pytest.mark.parametrize("where", ["on_gunicorn", "on_waitress", "on_s3"])
def test_a_large_file_arrives_whole_and_is_never_in_memory(
    request: pytest.FixtureRequest, where: str, large: Path
) -> None:
    made: Library = request.getfixturevalue(where)
    path = made.add(large)
    small = made.add(os.urandom(3 * MIB))
    made.reader(small).digest()  # what the first download makes is there by now
    before = peak_memory(made.worker)
    reader = made.reader(path)
    assert b"Content-Length: %d" % LARGE in reader.head
    assert reader.digest() == hashlib.sha256(large.read_bytes()).hexdigest()
    assert peak_memory(made.worker) <= before + 8 * 1024


@pytest.mark.parametrize("where", ["on_gunicorn", "on_waitress", "on_s3"])
def test_the_rest_of_a_file_arrives(request: pytest.FixtureRequest, where: str) -> None:
    made: Library = request.getfixturevalue(where)
    content = os.urandom(3 * MIB + 5)
    path = made.add(content)
    reader = made.reader(path, start=MIB - 1)
    assert reader.head.startswith(b"HTTP/1.1 206")
    assert reader.digest() == hashlib.sha256(content[MIB - 1 :]).hexdigest()


def test_many_at_once_each_get_their_own(on_gunicorn: Library) -> None:
    contents = [os.urandom(MIB + number) for number in range(12)]
    paths = [on_gunicorn.add(content) for content in contents]
    readers = [on_gunicorn.reader(path) for path in paths]
    for reader, content in zip(reversed(readers), reversed(contents), strict=True):
        assert reader.digest() == hashlib.sha256(content).hexdigest()


def test_a_small_file_keeps_its_connection(on_gunicorn: Library) -> None:
    reader = on_gunicorn.reader(on_gunicorn.add(b"x" * 10_000))
    assert b"Connection: keep-alive" in reader.head
    assert len(reader.read(100_000)) > 0


def test_a_reader_who_goes_is_forgotten(on_gunicorn: Library) -> None:
    path = on_gunicorn.add(os.urandom(8 * MIB))
    on_gunicorn.reader(path).close()
    before = holdings(on_gunicorn.worker)
    for _ in range(200):
        on_gunicorn.reader(path).close()
    wait_until(lambda: holdings(on_gunicorn.worker).files <= before.files + 3)


def test_one_reader_leaves_room_for_others(on_gunicorn: Library) -> None:
    path = on_gunicorn.add(os.urandom(8 * MIB))
    readers = [on_gunicorn.reader(path) for _ in range(100)]
    refused = on_gunicorn.reader(path)
    assert refused.head.startswith(b"HTTP/1.1 429")
    other = RemoteVisitor(on_gunicorn.server.port)
    assert other.get("/").status == 200
    for reader in readers:
        reader.close()
    wait_until(lambda: on_gunicorn.reader(path).head.startswith(b"HTTP/1.1 200"))


def test_a_worker_that_ends_lets_a_download_finish(on_gunicorn: Library) -> None:
    content = os.urandom(8 * MIB)
    reader = on_gunicorn.reader(on_gunicorn.add(content))
    os.kill(on_gunicorn.server.process.pid, signal.SIGTERM)
    wait_until(lambda: "Worker exiting" in on_gunicorn.server.log)
    assert reader.digest() == hashlib.sha256(content).hexdigest()


def test_a_worker_that_has_answered_enough_goes_on_with_a_download(
    tmp_path: Path, sqlite_url: str, large: Path
) -> None:
    shape = (*SHAPE, "--max-requests", "20")
    with library(tmp_path, sqlite_url, lambda *given: gunicorn(*given, *shape)) as site:
        before, path = site.worker, site.add(large)
        reader = site.reader(path)
        assert [site.server.status("/healthz") for _ in range(40)] == [200] * 40
        assert site.worker == before
        with large.open("rb") as file:
            assert reader.digest() == hashlib.file_digest(file, "sha256").hexdigest()
        wait_until(lambda: before not in site.server.workers())


def test_object_storage_that_goes_breaks_the_connection(on_s3: Library, s3: S3Server) -> None:
    content = os.urandom(20 * MIB)
    path = on_s3.add(content)
    reader = on_s3.reader(path)
    s3.stop()
    try:
        received = 0
        try:
            while piece := reader.read(64 * 1024):
                received += len(piece)
        except ConnectionError:
            pass
        assert received < len(content)
        answer = on_s3.visitor.get(path)
        assert (answer.status, "Nothing is lost" in answer.text) == (503, True)
        assert on_s3.visitor.get("/").status == 200
    finally:
        s3.start()
