"""Connections to PostgreSQL: what they send by themselves, poolers in between, and dead ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import psycopg
import pytest
from flask import Flask
from psycopg.pq import TransactionStatus
from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from tests.support.apps import AppMaker
from webapp.database import connections
from webapp.database.engines import POSTGRESQL_CONNECTIONS as MOST
from webapp.database.engines import (
    db,
    has_failed_recently,
    read_connection,
    write_session,
    write_transaction,
)

pytestmark = pytest.mark.postgresql


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
            taken = [stack.enter_context(db.engine.connect()) for _ in range(MOST)]
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
