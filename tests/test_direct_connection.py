"""Statements that run by the driver give what SQLAlchemy gives, and fail as it does."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import bindparam, event, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError

from tests.support.apps import AppMaker
from webapp.accounts.models import LoginSession
from webapp.chats.models import SearchEntry
from webapp.database import direct_connection
from webapp.database.engines import db, read_connection, write_transaction

SUMMER = timezone(timedelta(hours=2))
SESSION = {
    "id": uuid.uuid4(),
    "token_hash": "a",
    "identifier": None,
    "data": {"name": "Ünï\x00", "list": [1, None]},
    "user_agent": None,
    "ip": "::1",
    "created_at": datetime(2026, 7, 1, 1, 30, tzinfo=SUMMER),
    "seen_at": datetime(2026, 6, 30, 23, 30, 0, 1, tzinfo=UTC),
}
ADD = insert(LoginSession)
ALL = select(LoginSession.__table__).order_by(LoginSession.token_hash)
FIND = select(LoginSession.id, func.count().label("n")).where(
    LoginSession.token_hash == bindparam("token"), LoginSession.ip == "::1"
)
FIND = FIND.group_by(LoginSession.id)
SEE = (
    update(LoginSession)
    .where(LoginSession.token_hash == bindparam("token"))
    .values(seen_at=bindparam("now"))
)
SEE_AND_TELL = SEE.returning(LoginSession.identifier, LoginSession.seen_at)


@pytest.fixture
def app(make_app: AppMaker, either_url: str) -> Iterator[Flask]:
    """Return an app on each database, whose context is pushed."""
    make_app.database_url = either_url
    app = make_app("simple.py")
    with app.app_context():
        yield app


@pytest.fixture(autouse=True)
def _known_statements() -> None:
    """Let each statement count as one that has come before."""
    for statement in (ADD, ALL, FIND, SEE, SEE_AND_TELL):
        direct_connection._plans[statement] = {}


def add(**values: Any) -> dict[str, Any]:
    session = {**SESSION, "id": uuid.uuid4(), **values}
    with write_transaction() as connection:
        connection.execute(ADD, session)
    return session


def sent_by_sqlalchemy() -> list[str]:
    found: list[str] = []
    for engine in db.engines.values():
        event.listen(engine, "before_cursor_execute", lambda *a: found.append(a[2]))
    return found


def test_what_is_stored_is_read_as_by_sqlalchemy(app: Flask) -> None:
    given = add()
    with read_connection() as connection:
        [ours] = connection.execute(ALL)
        found = connection.scalar(FIND, {"token": "a"})
    with db.engine.connect() as connection:
        [theirs] = connection.execute(ALL)
    assert tuple(ours) == tuple(theirs)
    assert dict(ours._mapping) == dict(theirs._mapping)
    assert (ours.id, ours.seen_at, ours.created_at) == (
        *(given["id"], given["seen_at"], given["created_at"]),
    )
    assert ours.data == {"name": "Ünï", "list": [1, None]}
    assert found == given["id"]


def test_each_way_to_take_rows_is_that_of_sqlalchemy(app: Flask) -> None:
    ids = [add(token_hash=token)["id"] for token in "abc"]
    with read_connection() as connection:
        assert connection.scalars(ALL).all() == ids
        assert connection.execute(FIND, {"token": "b"}).one() == (ids[1], 1)
        assert connection.execute(FIND, {"token": "b"}).scalar_one() == ids[1]
        assert connection.execute(FIND, {"token": "b"}).scalar_one_or_none() == ids[1]
        nobody = connection.execute(FIND, {"token": "nobody"})
        assert (nobody.first(), nobody.one_or_none(), nobody.scalar(), nobody.all()) == (
            *(None, None, None, []),
        )


def test_changes_are_counted_and_told(app: Flask) -> None:
    add(identifier="alice")
    now = datetime(2026, 8, 1, tzinfo=UTC)
    with write_transaction() as connection:
        assert connection.execute(SEE, {"token": "a", "now": now}).rowcount == 1
        assert connection.execute(SEE, {"token": "b", "now": now}).rowcount == 0
        told = connection.execute(SEE_AND_TELL, {"token": "a", "now": now}).all()
    assert told == [("alice", now)]


def test_many_rows_are_stored_at_once(app: Flask) -> None:
    rows = [{**SESSION, "id": uuid.uuid4(), "token_hash": token} for token in "abc"]
    with write_transaction() as connection:
        connection.execute(ADD, rows)
    with read_connection() as connection:
        assert connection.scalars(ALL).all() == [row["id"] for row in rows]


def test_defaults_of_columns_are_left_to_sqlalchemy(app: Flask) -> None:
    now = datetime.now(UTC)
    with write_transaction() as connection:
        connection.execute(ADD, {"token_hash": "a"})
    with read_connection() as connection:
        stored = connection.execute(ALL).one()
    assert (stored.id.version, stored.data) == (4, {})
    assert stored.seen_at >= now


def test_a_refused_row_is_an_error_of_sqlalchemy_and_ends_the_transaction(app: Flask) -> None:
    add()
    with pytest.raises(IntegrityError) as raised:
        add(id=SESSION["id"], ip="not-in-the-log")
    assert "not-in-the-log" not in str(raised.value)
    with read_connection() as connection:
        assert len(connection.execute(ALL).all()) == 1


@pytest.mark.parametrize("values", [{}, {"token": "a", "now": "yesterday"}])
def test_values_that_cannot_be_sent_are_an_error_of_sqlalchemy(
    app: Flask, values: dict[str, Any]
) -> None:
    with pytest.raises(StatementError), write_transaction() as connection:
        connection.execute(SEE, values)


def test_a_table_that_is_gone_is_an_error_of_sqlalchemy(app: Flask) -> None:
    with db.engine.begin() as connection:
        connection.execute(text("DROP TABLE login_sessions"))
    with pytest.raises((OperationalError, StatementError)), read_connection() as connection:
        connection.execute(ALL)


def test_who_listens_hears_every_statement(app: Flask) -> None:
    add()
    assert (sent := sent_by_sqlalchemy()) == []
    with read_connection() as connection:
        connection.execute(ALL)
    assert len(sent) == 1


def test_statements_for_one_call_are_left_to_sqlalchemy(app: Flask) -> None:
    before = sum(map(len, direct_connection._plans.values()))
    for _ in range(3):
        with read_connection() as connection:
            connection.execute(select(SearchEntry.id)).all()
    assert sum(map(len, direct_connection._plans.values())) == before
