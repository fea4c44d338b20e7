"""Small tables as JSON files, for a site without pyarrow."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from webapp.authoring.errors import MisuseError
from webapp.authoring.tables.cells import NUMBER, TEXT, ColumnKind, name_columns

MIME = "application/json"
# A page of such a table reads the whole file.
PLAIN_ROWS = 5_000


def plain_table(rows: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """Return the names of the columns, and the rows.

    Raises
    ------
    MisuseError
        There are too many rows for a file that is read as a whole.
    """
    if len(rows) > PLAIN_ROWS:
        raise MisuseError(
            f"A Dataframe of {len(rows):,} rows needs one more package: "
            "pip install 'chat-profiles[tables]'"
        )
    names = list(dict.fromkeys(name for row in rows for name in row))
    return name_columns(names), [[_to_json(row.get(name)) for name in names] for row in rows]


def write_json(names: list[str], rows: list[list[Any]]) -> bytes:
    """Return a table as a JSON file."""
    return json.dumps({"columns": names, "rows": rows}, ensure_ascii=False).encode(errors="replace")


def kind_of_values(values: Sequence[object]) -> ColumnKind:
    """Return how the values of a column are aligned and sorted."""
    numbers = [
        isinstance(v, int | float) and not isinstance(v, bool) for v in values if v is not None
    ]
    return NUMBER if numbers and all(numbers) else TEXT


def _to_json(value: object) -> object:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, date | datetime):
        return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, list | dict | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
