"""The database is locked, gone, full, read-only or down: 503, and recovery without a restart."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import event

from tests.support.apps import AppMaker
from tests.support.conversation import wait_until
from tests.support.people import Visitor
from tests.support.postgresql import PostgreSQLServer
from tests.support.servers import Server, gunicorn, production
from tests.support.wire import Answer, RemoteVisitor
from webapp.database.engines import db, read_connection
from webapp.database.schema import known_revisions

pytestmark = pytest.mark.slow

LIMIT_SECONDS = 6.0
# The wait itself is 5 s; a busy machine may be later than the limit once, not every time, and
# never so late that somebody must have waited twice.
TRIES = 3
TWO_WAITS_SECONDS = 10.0
LOCKED_SECONDS = 60.0
LOCKER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
connection.execute("ROLLBACK")
"""


@pytest.fixture
def server(tmp_path: Path, sqlite_url: str) -> Iterator[Server]:
    """Return a server on SQLite in one process, so that its memory and limits are one."""
    with gunicorn(tmp_path, production(sqlite_url)) as started:
        yield started


@pytest.fixture
def database_file(sqlite_url: str) -> Path:
    """Return the file of the server's database."""
    return Path(sqlite_url.removeprefix("sqlite:///"))


def test_locked_database_stops_writers_only(server: Server, database_file: Path) -> None:
    visitors = [RemoteVisitor(server.port) for _ in range(6)]
    chats = [visitor.start_chat().chat_id for visitor in visitors]
    with _locked(database_file, LOCKED_SECONDS) as until:
        assert any(_slowest_refusal(visitors) < LIMIT_SECONDS for _ in range(TRIES))
        for path in ("/", f"/chats/{chats[0]}", "/profiles", "/healthz"):
            assert visitors[0].get(path).status == 200
        assert server.status("/readyz") == 503
        assert time.monotonic() < until, "the lock was gone before everything was tried"
    assert visitors[0].start_chat().status == 200


def test_short_lock_is_waited_for(server: Server, database_file: Path) -> None:
    visitor = RemoteVisitor(server.port)
    with _locked(database_file, 1.5):
        assert visitor.start_chat().status == 200


def test_database_file_that_is_gone_comes_back(server: Server, database_file: Path) -> None:
    visitor = RemoteVisitor(server.port)
    chat = visitor.start_chat().chat_id
    away = database_file.with_name("away.sqlite3")
    _move(database_file, away)
    for answer in (visitor.start_chat(), visitor.get(f"/chats/{chat}")):
        _is_refused(answer)
    assert server.status("/healthz") == 200
    assert server.status("/readyz") == 503
    assert not database_file.exists(), "an empty database was made in place of the lost one"
    _move(away, database_file)
    assert server.status("/readyz") == 200
    assert visitor.get(f"/chats/{chat}").status == 200
    assert visitor.start_chat().status == 200


def test_full_disk_stops_writers_only(server: Server, database_file: Path) -> None:
    visitor = RemoteVisitor(server.port)
    chat = visitor.start_chat().chat_id
    # A limit on file size stands in for a full disk: it needs no root, and it can be lifted.
    with _no_file_may_grow(server, database_file):
        for _ in range(3):
            _is_refused(visitor.start_chat())
        assert visitor.get(f"/chats/{chat}").status == 200
        assert visitor.get("/").status == 200
    assert visitor.start_chat().status == 200


def test_a_full_disk_is_the_reason_also_where_an_answer_waits_to_be_stored(
    tmp_path: Path, sqlite_url: str, database_file: Path
) -> None:
    with gunicorn(tmp_path, production(sqlite_url, "talker.py")) as server:
        visitor = RemoteVisitor(server.port)
        visitor.get("/")
        chat = f"/chats/{visitor.post('/chats', htmx=True).chat_id}"
        enough = tmp_path / "enough"
        assert _say(visitor, chat, f"sleep long {enough}").status == 303
        with _no_file_may_grow(server, database_file):
            enough.touch()
            wait_until(lambda: "turns.not_stored" in server.log)
            for words in ("echo one", "echo two"):
                _is_refused(_say(visitor, chat, words))
        wait_until(lambda: _say(visitor, chat, "echo three").status == 303)
        assert "long has slept" in visitor.get(chat).text


def _say(visitor: RemoteVisitor, chat: str, words: str) -> Answer:
    return visitor.post(f"{chat}/messages", {"content": words, "key": str(uuid4())})


def test_read_only_database_stops_writers_only(make_app: AppMaker) -> None:
    app = make_app("simple.py")
    visitor = Visitor(app)
    path = visitor.start_chat()
    with app.app_context():
        engine = db.engine
    engine.dispose()
    # Permissions would not stop root; SQLite reports both in the same way.
    event.listen(engine, "connect", lambda raw, _entry: raw.execute("PRAGMA query_only = ON"))
    answer = visitor.post("/chats", {"profile": "GPT-4"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert visitor.get(path).status_code == 200


@pytest.mark.postgresql
def test_postgresql_table_that_is_locked_is_not_waited_for_for_ever(
    tmp_path: Path, postgresql_url: str
) -> None:
    with gunicorn(tmp_path, production(postgresql_url)) as server:
        visitor = RemoteVisitor(server.port)
        visitor.start_chat()
        with psycopg.connect(postgresql_url) as connection:
            connection.execute("LOCK TABLE chats IN ACCESS EXCLUSIVE MODE")
            assert any(_slowest_refusal([visitor]) < LIMIT_SECONDS for _ in range(TRIES))
        assert visitor.start_chat().status == 200


@pytest.mark.postgresql
def test_postgresql_that_is_restarted_is_used_again(
    tmp_path: Path, postgresql_server: PostgreSQLServer, postgresql_url: str
) -> None:
    with gunicorn(tmp_path, production(postgresql_url)) as server:
        visitors = [RemoteVisitor(server.port) for _ in range(8)]
        chats = [visitor.start_chat().chat_id for visitor in visitors]
        with _stopped(postgresql_server):
            for answer in (visitors[0].start_chat(), visitors[0].get(f"/chats/{chats[0]}")):
                _is_refused(answer)
            assert (server.status("/healthz"), server.status("/readyz")) == (200, 503)
        # Not one of the pool's dead connections is shown to anybody.
        for visitor, chat in zip(visitors, chats, strict=True):
            assert visitor.get(f"/chats/{chat}").status == 200
            assert visitor.start_chat().status == 200


@pytest.mark.postgresql
@pytest.mark.parametrize("idle_seconds", [0.0, 1.5])
def test_postgresql_that_is_frozen_is_not_waited_for(
    tmp_path: Path, postgresql_server: PostgreSQLServer, postgresql_url: str, idle_seconds: float
) -> None:
    with gunicorn(tmp_path, production(postgresql_url)) as server:
        visitors = [RemoteVisitor(server.port) for _ in range(8)]
        chats = [visitor.start_chat().chat_id for visitor in visitors]
        # A connection that was used within the last second is trusted.
        time.sleep(idle_seconds)
        with postgresql_server.frozen():
            # The first to ask find the connections as they were left. None of them waits twice.
            _slowest_refusal(visitors)
            assert any(_slowest_refusal(visitors) < LIMIT_SECONDS for _ in range(TRIES))
            _is_refused(visitors[0].get(f"/chats/{chats[0]}"))
            assert (server.status("/healthz"), server.status("/readyz")) == (200, 503)
        server.wait_for("/readyz")
        for visitor, chat in zip(visitors, chats, strict=True):
            assert visitor.get(f"/chats/{chat}").status == 200
            assert visitor.start_chat().status == 200


@pytest.mark.postgresql
def test_a_statement_that_takes_long_is_no_silent_server(
    make_app: AppMaker, postgresql_url: str
) -> None:
    make_app.database_url = postgresql_url
    with make_app("simple.py", database_timeout=0.5).app_context(), read_connection() as connection:
        assert connection.exec_driver_sql("SELECT 1 FROM pg_sleep(1.5)").scalar() == 1


@pytest.mark.postgresql
def test_app_starts_before_its_database(
    tmp_path: Path, postgresql_server: PostgreSQLServer, postgresql_url: str
) -> None:
    with ExitStack() as stack:
        with _stopped(postgresql_server):
            server = stack.enter_context(gunicorn(tmp_path, production(postgresql_url)))
            visitor = RemoteVisitor(server.port)
            _is_refused(visitor.start_chat())
            assert server.status("/readyz") == 503
        server.wait_for("/readyz")
        assert visitor.start_chat().status == 200


@pytest.mark.postgresql
@pytest.mark.parametrize(("oldest_program", "status"), [("0005", 200), ("9999", 503)])
def test_a_worker_that_is_replaced_in_an_upgrade_ends_no_other(
    tmp_path: Path, postgresql_url: str, oldest_program: str, status: int
) -> None:
    with gunicorn(tmp_path, production(postgresql_url)) as server:
        visitor = RemoteVisitor(server.port)
        visitor.start_chat()
        with psycopg.connect(postgresql_url) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
            oldest = "UPDATE schema_compatibility SET oldest_program = %s"
            connection.execute(oldest, [oldest_program])
        assert visitor.start_chat().status == 200
        [worker] = server.workers()
        os.kill(worker, signal.SIGTERM)
        wait_until(lambda: server.workers() not in ([], [worker]))
        server.wait_for("/readyz", status)
        assert visitor.get("/").status == status


@pytest.mark.postgresql
def test_a_newer_schema_that_comes_later_is_not_served(
    tmp_path: Path, postgresql_server: PostgreSQLServer, postgresql_url: str
) -> None:
    with psycopg.connect(postgresql_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("UPDATE schema_compatibility SET oldest_program = '9999'")
    with ExitStack() as stack:
        with _stopped(postgresql_server):
            server = stack.enter_context(gunicorn(tmp_path, production(postgresql_url)))
        visitor = RemoteVisitor(server.port)
        for path in ("/", "/profiles", "/public/icon.svg"):
            assert visitor.get(path).status == 503
        assert "newer version" in server.log
        assert (server.status("/healthz"), server.status("/readyz")) == (200, 503)
        with psycopg.connect(postgresql_url) as connection:
            connection.execute(
                "UPDATE alembic_version SET version_num = %s", [known_revisions()[-1]]
            )
        assert visitor.start_chat().status == 200


@pytest.mark.postgresql
def test_app_makes_the_schema_of_an_empty_database_that_comes_later(
    tmp_path: Path, postgresql_server: PostgreSQLServer
) -> None:
    with postgresql_server.database(template="template1") as url, ExitStack() as stack:
        with _stopped(postgresql_server):
            server = stack.enter_context(gunicorn(tmp_path, production(url)))
        server.wait_for("/readyz")
        assert RemoteVisitor(server.port).start_chat().status == 200


@contextmanager
def _locked(file: Path, seconds: float) -> Iterator[float]:
    """Lock a SQLite file in another process, and yield the time until which it is locked.

    It is free again after ``seconds``, or at the end of the block.
    """
    locker = subprocess.Popen(
        [sys.executable, "-c", LOCKER, str(file), str(seconds)], stdout=subprocess.PIPE
    )
    try:
        assert locker.stdout is not None
        assert locker.stdout.readline() == b"locked\n"
        yield time.monotonic() + seconds
    finally:
        locker.kill()
        locker.communicate()


@contextmanager
def _no_file_may_grow(server: Server, database_file: Path) -> Iterator[None]:
    """Let the workers write no file beyond the size that the write-ahead log has now."""
    log = database_file.with_name(f"{database_file.name}-wal")
    for worker in server.workers():
        _, hard = resource.prlimit(worker, resource.RLIMIT_FSIZE)
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (log.stat().st_size, hard))
    yield
    for worker in server.workers():
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def _stopped(server: PostgreSQLServer) -> Iterator[None]:
    """Stop PostgreSQL for the time of the block, for every later test's sake not longer."""
    server.stop()
    try:
        yield
    finally:
        server.start()


def _slowest_refusal(visitors: list[RemoteVisitor]) -> float:
    """Let all of them ask at once, and return the seconds until the last was refused."""
    with ThreadPoolExecutor(len(visitors)) as pool:
        answers = list(pool.map(_timed_start, visitors))
    for answer, seconds in answers:
        _is_refused(answer)
        assert seconds < TWO_WAITS_SECONDS
    return max(seconds for _, seconds in answers)


def _timed_start(visitor: RemoteVisitor) -> tuple[Answer, float]:
    begin = time.monotonic()
    return visitor.start_chat(), time.monotonic() - begin


def _is_refused(answer: Answer) -> None:
    assert answer.status == 503, answer.text
    assert answer.headers["Retry-After"] == "5"
    assert "Temporarily unavailable" in answer.text
    assert "Traceback" not in answer.text


def _move(file: Path, to: Path) -> None:
    """Rename a database with the two files that SQLite keeps beside it."""
    for ending in ("-wal", "-shm", ""):
        beside = file.with_name(file.name + ending)
        if beside.exists():
            beside.rename(to.with_name(to.name + ending))
