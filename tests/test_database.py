"""The rules for connections, and what happens when the database cannot be used."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.engine import Engine, ExceptionContext
from sqlalchemy.exc import IntegrityError, OperationalError

from tests.support.apps import AppMaker
from tests.support.conversation import wait_until
from tests.support.html import parse
from tests.support.people import Visitor
from tests.support.postgresql import PostgreSQLServer
from tests.support.rows import column, count, every_row, pooled_connections_in_use, run_sql
from webapp.config.settings import Settings
from webapp.config.startup_error import StartupError
from webapp.database import connections, engines
from webapp.database.engines import close_connections, db, write_session
from webapp.database.schema import SchemaState, read_schema_state, upgrade
from webapp.testing.background import wait_for_background
from webapp.web import health
from webapp.web.housekeeping import EXTENSION as HOUSEKEEPING

# In how many seconds the slowest machine answers, and how long a wait for a connection would be.
SOON, LATE = 20.0, 60.0


@pytest.fixture
def file(sqlite_url: str) -> Path:
    return Path(sqlite_url.removeprefix("sqlite:///"))


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch, file: Path) -> Iterator[list[str]]:
    """Let a writer wait for 1 s instead of 5 s, and note each wait that was in vain."""
    monkeypatch.setattr(connections, "BUSY_MILLISECONDS", 1_000)
    noted: list[str] = []

    def note(context: ExceptionContext) -> None:
        # Not what another app of this process meets, which an earlier test has made.
        if context.engine is not None and str(context.engine.url.database).endswith(str(file)):
            noted.append(str(context.original_exception))

    event.listen(Engine, "handle_error", note)
    yield noted
    event.remove(Engine, "handle_error", note)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the write lock of a database, as another process would."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def pragma(app: Flask, name: str) -> object:
    with app.app_context(), db.engine.connect() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


@pytest.mark.parametrize(
    ("name", "value"),
    [("foreign_keys", 1), ("busy_timeout", 5_000), ("synchronous", 2), ("journal_mode", "wal")],
)
def test_every_connection_keeps_the_rules(make_app: AppMaker, name: str, value: object) -> None:
    assert pragma(make_app("simple.py", sqlite_synchronous=None), name) == value


def test_synchronous_is_a_setting(make_app: AppMaker) -> None:
    assert pragma(make_app("simple.py", sqlite_synchronous="NORMAL"), "synchronous") == 1


def test_foreign_keys_are_checked(simple_app: Flask) -> None:
    with pytest.raises(IntegrityError):
        run_sql(
            simple_app,
            "INSERT INTO messages (id, chat_id, sequence, kind, content, status, created_at) "
            "VALUES ('a', 'nowhere', 1, 'user', '', 'complete', '')",
        )


def test_a_deleted_chat_takes_its_messages_along(visitor: Visitor) -> None:
    visitor.start_chat("GPT-4")
    run_sql(visitor.app, "DELETE FROM chats")
    assert count(visitor.app, "messages") == 0


def test_writing_begins_immediately_and_reading_does_not(visitor: Visitor) -> None:
    visitor.app.extensions[HOUSEKEEPING].jobs.clear()  # they have connections of their own
    statements: list[str] = []

    def trace(connection: sqlite3.Connection, _entry: object) -> None:
        connection.set_trace_callback(statements.append)

    with visitor.app.app_context():
        close_connections()
        for engine in db.engines.values():
            event.listen(engine, "connect", trace)
    visitor.get("/chats/00000000-0000-4000-8000-000000000000")
    assert statements
    assert "BEGIN IMMEDIATE" not in statements
    visitor.start_chat("GPT-4")
    writes = [s for s in statements if s.startswith(("INSERT", "UPDATE", "DELETE"))]
    assert len(writes) >= 4
    for number, statement in enumerate(statements):
        if statement in writes:
            begun = [s for s in statements[:number] if s.startswith(("BEGIN", "COMMIT"))]
            assert begun[-1] == "BEGIN IMMEDIATE"


def test_one_connection_does_all_writing_and_keeps_its_settings(visitor: Visitor) -> None:
    visitor.app.extensions[HOUSEKEEPING].jobs.clear()
    visitor.start_chat("GPT-4")
    statements: list[str] = []
    with visitor.app.app_context():
        writer, both = db.engine, list(db.engines.values())
    opened: list[int] = []
    event.listen(writer, "connect", lambda *_: opened.append(1))
    for engine in both:
        event.listen(engine, "checkout", lambda raw, *_: raw.set_trace_callback(statements.append))
    for profile in ("GPT-3.5", "GPT-4"):
        visitor.start_chat(profile)
    assert statements.count("BEGIN IMMEDIATE") >= 2
    assert not [s for s in statements if s.startswith("PRAGMA")]
    assert not opened


def test_a_block_that_fails_stores_nothing(visitor: Visitor) -> None:
    visitor.start_chat("GPT-4")
    before = every_row(visitor.app)
    with visitor.app.app_context(), pytest.raises(RuntimeError):
        delete_and_fail()
    assert before["chats"]
    assert every_row(visitor.app) == before


def delete_and_fail() -> None:
    with write_session() as session:
        session.connection().exec_driver_sql("DELETE FROM chats")
        raise RuntimeError


def test_the_file_and_its_folder_are_private(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "instance" / "chat.sqlite3"
    before = os.umask(0)
    try:
        upgrade(Settings(database_url=f"sqlite:///{path}"))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {stat.S_IMODE(p.stat().st_mode) for p in path.parents[:2]} == {0o700}


@pytest.mark.parametrize("name", ["a#b", "100%41", "q?x", "with space", "ünï", "file:x"])
def test_a_folder_may_be_called_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.chdir(folder)
    upgrade(Settings())
    file = folder / "instance" / "chat.sqlite3"
    assert read_schema_state(Settings()) is SchemaState.CURRENT
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.stat().st_size > 10_000
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert [p.name for p in folder.iterdir()] == ["instance"]


def test_the_files_beside_it_are_private_too(visitor: Visitor, file: Path) -> None:
    visitor.start_chat("GPT-4")
    modes = {p.name: oct(stat.S_IMODE(p.stat().st_mode)) for p in file.parent.iterdir()}
    assert set(modes) >= {"chat.sqlite3", "chat.sqlite3-wal"}
    assert set(modes.values()) == {"0o600"}


@pytest.mark.parametrize("profile", ["GPT-4", None])
def test_a_locked_database_is_503_after_one_wait_and_recovers(
    waits: list[str], simple_app: Flask, file: Path, profile: str | None
) -> None:
    visitor = Visitor(simple_app)
    form = {"profile": profile} if profile else {}
    visitor.get("/")
    with locked(file):
        answer = visitor.post("/chats", form)
    assert waits == ["database is locked"]
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "Content-Security-Policy" in answer.headers
    assert count(simple_app, "chats") == 0
    assert visitor.post("/chats", form).status_code == 303


def test_somebody_logged_in_waits_no_longer(waits: list[str], roles_app: Flask, file: Path) -> None:
    alice = Visitor(roles_app).logged_in("alice")
    before = every_row(roles_app)
    with locked(file):
        answer = alice.post("/chats", {"profile": "admin-only"}, htmx=True)
    assert waits == ["database is locked"]
    assert answer.status_code == 503
    assert parse(answer.text).one(data_testid="notice")["data-code"] == "503"
    assert every_row(roles_app) == before


@pytest.mark.usefixtures("waits")
def test_a_locked_database_can_still_be_read(roles_app: Flask, file: Path) -> None:
    alice = Visitor(roles_app).logged_in("alice")
    chat = alice.start_chat("team")
    with locked(file):
        for path in (chat, "/", "/profiles"):
            assert alice.get(path).status_code == 200
        assert alice.get("/readyz").status_code == 503


@pytest.mark.usefixtures("waits")
def test_a_login_that_cannot_be_stored_leaves_nothing_behind(roles_app: Flask, file: Path) -> None:
    visitor = Visitor(roles_app)
    visitor.get("/login")
    with locked(file):
        answer = visitor.post("/login", {"username": "bob", "password": "bobbob"})
    assert answer.status_code == 503
    assert count(roles_app, "login_sessions") == 0
    assert visitor.get("/").status_code == 303
    assert visitor.logged_in("bob").get("/").status_code == 200


@pytest.mark.usefixtures("waits")
def test_a_logout_that_cannot_be_stored_says_so_and_can_be_repeated(
    roles_app: Flask, file: Path
) -> None:
    alice = Visitor(roles_app).logged_in("alice")
    with locked(file):
        assert alice.post("/logout").status_code == 503
    assert alice.get("/").status_code == 200
    assert alice.post("/logout").status_code == 303
    assert count(roles_app, "login_sessions") == 0


def test_a_database_that_cannot_be_written_is_503(visitor: Visitor) -> None:
    visitor.get("/")
    with visitor.app.app_context():
        event.listen(
            db.engine, "begin", lambda c: c.exec_driver_sql("PRAGMA query_only = ON"), insert=True
        )
        close_connections()
    answer = visitor.post("/chats", {"profile": "GPT-4"})
    assert answer.status_code == 503
    assert visitor.get("/").status_code == 200


def test_a_database_that_is_gone_is_503_until_it_is_back(
    visitor: Visitor, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BUSY_MILLISECONDS", int(LATE) * 1_000)
    chat = visitor.start_chat("GPT-4")
    away = file.with_name("away")
    file.rename(away)
    began = time.monotonic()
    assert [visitor.get(p).status_code for p in (chat, "/readyz")] == [503, 503]
    assert visitor.get("/healthz").status_code == 200
    assert time.monotonic() - began < SOON
    assert not file.exists()
    away.rename(file)
    assert [visitor.get(p).status_code for p in (chat, "/readyz")] == [200, 200]


def test_a_restored_backup_is_read_instead_of_the_old_file(visitor: Visitor, file: Path) -> None:
    backup = file.with_name("backup")
    shutil.copy(file, backup)
    chat = visitor.start_chat("GPT-4")
    wait_for_background()  # it writes the words of the chat
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink()
    backup.rename(file)
    assert visitor.get(chat).status_code == 404
    visitor.forget_token()
    visitor.start_chat("GPT-3.5")
    assert column(visitor.app, "chats.profile") == ["GPT-3.5"]


def test_an_app_starts_with_the_database_down_and_comes_up_by_itself(
    make_app: AppMaker, file: Path
) -> None:
    away = file.with_name("away")
    file.rename(away)
    file.mkdir()
    visitor = Visitor(make_app("roles.py"))
    assert visitor.get("/healthz").status_code == 200
    assert visitor.get("/readyz").status_code == 503
    visitor.client.set_cookie("session", "x" * 43)
    assert visitor.get("/").status_code == 503
    file.rmdir()
    away.rename(file)
    assert visitor.get("/readyz").status_code == 200
    assert visitor.logged_in("alice").get("/").status_code == 200


def test_readiness_is_told_by_trying_to_write(
    roles_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "WRITE_EVERY_SECONDS", 0.0)
    client = roles_app.test_client()
    before = every_row(roles_app)
    assert client.get("/readyz").status_code == 200
    assert every_row(roles_app) == before
    monkeypatch.setattr(engines, "LEAST_FREE_BYTES", 10**18)
    assert client.get("/readyz").status_code == 503


def test_however_many_ask_one_write_is_tried_a_second(
    roles_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[float] = []
    monkeypatch.setattr(health, "try_to_write", lambda: tried.append(time.monotonic()))
    monkeypatch.setattr(health, "WRITE_EVERY_SECONDS", 60.0)
    with ThreadPoolExecutor(8) as threads:
        answers = list(
            threads.map(lambda _: roles_app.test_client().get("/readyz").status_code, range(40))
        )
    assert answers == [200] * 40
    assert len(tried) == 1
    monkeypatch.setattr(health, "WRITE_EVERY_SECONDS", 0.0)
    roles_app.test_client().get("/readyz")
    assert len(tried) == 2


def test_a_write_that_failed_is_told_to_all_of_that_second(
    roles_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[float] = []

    def fails() -> None:
        tried.append(time.monotonic())
        raise OperationalError("BEGIN IMMEDIATE", None, OSError("the disk is full"))

    monkeypatch.setattr(health, "try_to_write", fails)
    monkeypatch.setattr(health, "WRITE_EVERY_SECONDS", 60.0)
    assert [roles_app.test_client().get("/readyz").status_code for _ in range(5)] == [503] * 5
    assert len(tried) == 1


@pytest.mark.postgresql
def test_a_read_only_postgresql_is_not_ready(
    make_app: AppMaker, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "WRITE_EVERY_SECONDS", 0.0)
    make_app.database_url = postgresql_url
    client = make_app("simple.py").test_client()
    assert client.get("/readyz").status_code == 200
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert client.get("/readyz").status_code == 503


@pytest.mark.parametrize("damage", [b"no database" * 200, b"SQLite format 3\0" + b"x" * 5_000])
def test_a_damaged_file_is_503(roles_app: Flask, file: Path, damage: bytes) -> None:
    visitor = Visitor(roles_app)
    visitor.get("/login")
    with roles_app.app_context():
        close_connections()
    for beside in file.parent.glob(f"{file.name}-*"):
        beside.unlink()
    file.write_bytes(damage)
    answer = visitor.post("/login", {"username": "alice", "password": "alicealice"})
    assert answer.status_code == 503
    assert visitor.get("/readyz").status_code == 503


def test_a_folder_that_may_not_be_used_is_refused_at_start(
    make_app: AppMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_settings: Settings, *, upgrade_old: bool) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / "instance"))

    monkeypatch.setattr("webapp.app.settle_schema", refused)
    with pytest.raises(StartupError, match="instance: Permission denied"):
        make_app("simple.py")


@pytest.mark.postgresql
def test_a_postgresql_server_may_restart(
    make_app: AppMaker, postgresql_server: PostgreSQLServer, postgresql_url: str
) -> None:
    make_app.database_url = postgresql_url
    visitor = Visitor(make_app("simple.py", database_timeout=LATE))
    chat = visitor.start_chat("GPT-4")
    postgresql_server.stop()
    try:
        began = time.monotonic()
        down = [visitor.get(path).status_code for path in (chat, "/readyz", "/healthz")]
        assert time.monotonic() - began < SOON
    finally:
        postgresql_server.start()
    assert down == [503, 503, 200]
    assert [visitor.get(chat).status_code for _ in range(5)] == [200] * 5


def test_no_connection_is_kept_after_a_request(alice: Visitor) -> None:
    # It has a connection of its own for a moment.
    alice.app.extensions[HOUSEKEEPING].jobs.clear()
    for path in ("/", "/nothing", "/profiles", "/readyz", alice.start_chat("team")):
        alice.get(path)
        assert pooled_connections_in_use(alice.app) == 0


def test_many_writers_at_once_lose_nothing(make_app: AppMaker, either_url: str) -> None:
    make_app.database_url = either_url
    app = make_app("simple.py")
    with ThreadPoolExecutor(16) as pool:
        chats = list(pool.map(lambda _: Visitor(app).start_chat("GPT-4"), range(48)))
    # A start that takes long is answered before its message is stored.
    wait_until(lambda: count(app, "messages") == 48)
    assert len(set(chats)) == count(app, "chats") == count(app, "messages") == 48
