"""Looking into an app's database from outside its requests."""

from __future__ import annotations

from typing import Any

from flask import Flask
from sqlalchemy import JSON, func, select, text

from webapp.database import db


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
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text(statement), values)


def pooled_connections_in_use(app: Flask) -> int:
    """Return how many connections are out of the pool."""
    with app.app_context():
        return int(db.engine.pool.checkedout())  # type: ignore[attr-defined]
