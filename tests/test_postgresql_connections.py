"""Connections to PostgreSQL: what they send by themselves, poolers in between, and dead ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from flask import Flask
from psycopg.pq import TransactionStatus
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from tests.cli_support import GOOD_PASSWORD, CommandLine
from tests.support.apps import AppMaker
from tests.support.people import Visitor
from webapp.config.settings import Settings
from webapp.config.startup_error import StartupError
from webapp.database import connections
from webapp.database.engines import (
    db,
    has_failed_recently,
    read_connection,
    write_session,
    write_transaction,
)

pytestmark = pytest.mark.postgresql

SEEDED = """
    import webapp as cl

    cl.password_auth_callback(cl.seeded_user)

    @cl.on_message
    def answer(message):
        cl.Message("Answer").send()
"""


@pytest.fixture
def app(make_app: AppMaker, postgresql_url: str) -> Iterator[Flask]:
    """Return an app on PostgreSQL, whose context is pushed."""
    make_app.database_url = postgresql_url
    app = make_app("simple.py")
    with app.app_context():
        yield app


def raw(connection: Connection) -> Any:
    return connection.connection.dbapi_connection


def end_from_outside(url: str, pid: int) -> None:
    """End a session of the server, as an administrator or a restart would."""
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])


def test_reading_begins_no_transaction(app: Flask) -> None:
    with read_connection() as connection:
        connection.execute(text("SELECT 1"))
        assert raw(connection).info.transaction_status is TransactionStatus.IDLE


def test_writing_begins_one_and_ends_it(app: Flask) -> None:
    with write_transaction() as connection:
        assert raw(connection).info.transaction_status is TransactionStatus.INTRANS
        connection.execute(text("UPDATE chats SET written = true"))
    with read_connection() as connection:
        assert raw(connection).info.transaction_status is TransactionStatus.IDLE


def test_sessions_of_the_orm_read_in_a_transaction(app: Flask) -> None:
    with write_session() as session:
        in_session = raw(session.connection()).info.transaction_status
    assert in_session is TransactionStatus.INTRANS


def test_connections_are_kept_for_the_next_crowd(app: Flask) -> None:
    def take_all() -> set[int]:
        with ExitStack() as stack:
            taken = [
                stack.enter_context(db.engine.connect()) for _ in range(Settings.database_pool)
            ]
            return {raw(connection).info.backend_pid for connection in taken}

    assert take_all() == take_all()


@pytest.mark.parametrize("trusted_seconds", [60.0, 0.0])
def test_a_dead_connection_is_replaced_before_it_is_used(
    app: Flask, postgresql_url: str, monkeypatch: pytest.MonkeyPatch, trusted_seconds: float
) -> None:
    monkeypatch.setattr(connections, "TRUSTED_SECONDS", trusted_seconds)
    with read_connection() as connection:
        pid = raw(connection).info.backend_pid
    end_from_outside(postgresql_url, pid)
    with write_transaction() as connection:
        assert raw(connection).info.backend_pid != pid
    assert has_failed_recently(60)


def test_a_connection_that_dies_at_begin_is_an_error_of_the_database(
    app: Flask, postgresql_url: str
) -> None:
    with db.engine.connect() as connection:
        end_from_outside(postgresql_url, raw(connection).info.backend_pid)
        with pytest.raises(OperationalError) as raised:
            connection.execute(text("SELECT 1"))
    assert raised.value.connection_invalidated


def test_behind_a_pooler_transactions_need_nothing_of_their_session(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A pooler tells its clients a process id of its own.
    monkeypatch.setattr(psycopg.ConnectionInfo, "backend_pid", 0)
    db.engine.dispose()
    for _ in range(10):
        with write_transaction() as connection:
            connection.exec_driver_sql("SELECT 1")
            prepared = connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements")
            assert prepared.scalar() == 0
    with db.engine.connect() as connection:
        # As in a session that another client has had before.
        raw(connection).execute("RESET lock_timeout")
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "5s"


def test_without_a_pooler_statements_are_prepared(app: Flask) -> None:
    for _ in range(10):
        with read_connection() as connection:
            connection.exec_driver_sql("SELECT 1")
    with read_connection() as connection:
        prepared = connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements")
        assert prepared.scalar() == 1


@pytest.mark.parametrize(
    "option",
    ["sslmode=wrong", "foo=bar", "connect_timeout=soon", "keepalives=x", "prepare_threshold=x"],
)
def test_a_wrong_option_in_the_url_is_one_clear_line(
    make_app: AppMaker, postgresql_url: str, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    make_app.database_url = f"{postgresql_url}?{option}"
    with pytest.raises(StartupError):
        make_app("simple.py")
    [line] = capsys.readouterr().err.splitlines()
    assert "WEBAPP_DATABASE_URL" in line
    assert option.partition("=")[0] in line


def test_a_command_says_it_in_one_line_too(postgresql_url: str, tmp_path: Path) -> None:
    result = CommandLine(tmp_path, f"{postgresql_url}?sslmode=wrong")("users", "list")
    assert result.exit_code != 0
    assert result.stderr.count("\n") == 1
    assert "sslmode" in result.stderr


def test_one_connection_is_enough_for_all_that_a_request_does(
    make_app: AppMaker, postgresql_url: str, tmp_path: Path
) -> None:
    CommandLine(tmp_path, postgresql_url).add("alice")
    make_app.database_url = postgresql_url
    app = make_app(SEEDED, database_pool=1, database_timeout=2)
    visitor = Visitor(app)
    assert visitor.post("/login", {"username": "alice", "password": "x"}).status_code == 401
    visitor.logged_in("alice", GOOD_PASSWORD)
    chat = visitor.start_chat()
    message = {"content": "needle", "key": str(uuid4())}
    assert visitor.post(f"{chat}/messages", message).status_code < 400
    for path in ("/", chat, "/chats?q=needle", "/account", "/readyz", f"{chat}/export"):
        assert visitor.get(path).status_code < 400, path
    assert visitor.post("/logout").status_code == 303


def test_the_settings_and_the_options_of_the_host_count(
    make_app: AppMaker, postgresql_url: str
) -> None:
    make_app.database_url = postgresql_url
    own = {"pool_size": 3, "connect_args": {"application_name": "of-the-host"}}
    app = make_app("simple.py", database_pool=2, SQLALCHEMY_ENGINE_OPTIONS=own)
    with app.app_context():
        assert db.engine.pool.size() == 3  # type: ignore[attr-defined]
        with db.engine.connect() as connection:
            name = connection.exec_driver_sql("SHOW application_name").scalar()
    assert name == "of-the-host"
    with make_app("simple.py", database_pool=2).app_context():
        assert db.engine.pool.size() == 2  # type: ignore[attr-defined]


def test_the_host_may_choose_another_pool(make_app: AppMaker, postgresql_url: str) -> None:
    make_app.database_url = postgresql_url
    app = make_app("simple.py", SQLALCHEMY_ENGINE_OPTIONS={"poolclass": NullPool})
    visitor = Visitor(app)
    assert visitor.get(visitor.start_chat("GPT-4")).status_code == 200
