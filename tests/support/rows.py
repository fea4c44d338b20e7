"""Looking into an app's database from outside its requests."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import JSON, event, func, insert, select, text, update

from webapp.chats.models import Chat, Message
from webapp.database.engines import db, utc_now
from webapp.testing.background import wait_for_background


def every_row(app: Flask, *, audited: bool = False) -> dict[str, list[str]]:
    """Return all rows of all tables; equal before and after what changes nothing.

    That somebody was refused is on record and changes nothing of anybody's, so the audit trail is
    left out unless it is asked for.
    """
    tables = {k: v for k, v in db.metadata.tables.items() if audited or k != "audit_entries"}
    with app.app_context(), db.engine.connect() as connection:
        return {
            name: sorted(repr(tuple(row)) for row in connection.execute(table.select()))
            for name, table in tables.items()
        }


def count(app: Flask, table: str) -> int:
    """Return the number of rows in a table."""
    with app.app_context(), db.engine.connect() as connection:
        counted = connection.scalar(select(func.count()).select_from(db.metadata.tables[table]))
        return int(counted or 0)


def column(app: Flask, name: str) -> list[Any]:
    """Return what stands in ``table.column``, in the order of that column."""
    table, _, key = name.partition(".")
    found = db.metadata.tables[table].c[key]
    with app.app_context(), db.engine.connect() as connection:
        order = None if isinstance(found.type, JSON) else found  # PostgreSQL cannot sort JSON
        return list(connection.scalars(select(found).order_by(order)))


def run_sql(app: Flask, statement: str, **values: Any) -> None:
    """Run a statement, and commit."""
    # It does not wait for another writer, as the app does.
    wait_for_background({"webapp-housekeeping"})
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text(statement), values)


def pooled_connections_in_use(app: Flask) -> int:
    """Return how many connections are out of their pools."""
    with app.app_context():
        return sum(engine.pool.checkedout() for engine in db.engines.values())  # type: ignore[attr-defined]


def fill(app: Flask, chat_id: str, count: int, after: int = 0) -> None:
    """Put messages into a chat, numbered from 1, as if its user and the app had said them.

    ``after`` is the number of messages that are there already.
    """
    rows = [
        {
            "id": uuid.uuid4(),
            "chat_id": uuid.UUID(chat_id),
            "sequence": number,
            "kind": "user" if number % 2 else "assistant",
            "content": f"Number {number}",
            "status": "complete",
            "created_at": utc_now(),
        }
        for number in range(after + 1, after + count + 1)
    ]
    wait_for_background({"webapp-housekeeping"})
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(insert(Message), rows)
        connection.execute(update(Chat).where(Chat.id == uuid.UUID(chat_id)).values(written=True))


@contextmanager
def statements(app: Flask, about: str = "") -> Iterator[list[str]]:
    """Yield the statements that are run in the block, as they come: those that name ``about``."""
    wait_for_background({"webapp-housekeeping"})
    run: list[str] = []
    with app.app_context():
        engines = list(db.engines.values())

    def note(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        if about in sql:
            run.append(sql)

    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield run
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)
