"""Indexes in migrations of tables that have rows."""

from __future__ import annotations

from typing import Any

from alembic import op


def create_index(name: str, table: str, columns: list[str], **options: Any) -> None:
    """Make an index, unless it is made later: making one in this transaction would lock the table.

    Each index that is made here is also in `prepare` of that migration or of a later one.
    """
    if not _makes_indexes_later():
        op.create_index(name, table, columns, **options)


def drop_index(name: str, table: str) -> None:
    """Drop an index, unless the one that replaces it is made later."""
    if not _makes_indexes_later():
        op.drop_index(name, table)


def _makes_indexes_later() -> bool:
    config = op.get_context().config
    return config is not None and "makes_indexes_later" in config.attributes
