"""Inserts that change the row if it exists. Each database has its own in SQLAlchemy."""

from __future__ import annotations

from typing import Any

from sqlalchemy.dialects import sqlite


def insert_or_change(dialect: str, model: type) -> Any:
    """Return an insert that has ``excluded`` and ``on_conflict_do_update``."""
    if dialect == "sqlite":
        return sqlite.insert(model)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - 2 MiB that SQLite never needs

    return postgresql.insert(model)
