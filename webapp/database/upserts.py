"""Inserts that meet a row which exists. Each database has its own in SQLAlchemy."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy.dialects import sqlite


def insert_of(dialect: str, model: type) -> Any:
    """Return an insert that has ``excluded``, ``on_conflict_do_update`` and its like."""
    if dialect == "sqlite":
        return sqlite.insert(model)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - 2 MiB that SQLite never needs

    return postgresql.insert(model)


@lru_cache(maxsize=16)
def insert_or_keep(dialect: str, model: type) -> Any:
    """Return an insert that leaves a row as it is if it exists."""
    return insert_of(dialect, model).on_conflict_do_nothing()


@lru_cache(maxsize=16)
def insert_or_change(dialect: str, model: type, key: tuple[str, ...], *changed: str) -> Any:
    """Return an insert that changes some columns of a row if one with that key exists."""
    statement = insert_of(dialect, model)
    new = {name: statement.excluded[name] for name in changed}
    return statement.on_conflict_do_update(index_elements=key, set_=new)
