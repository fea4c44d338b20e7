"""The data of a chart of Plotly as a table."""

from __future__ import annotations

import base64
import binascii
import json
import sys
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any

from webapp.authoring.chat_message import StoredFile
from webapp.authoring.tables.cells import name_columns
from webapp.elements.tables.json_table import JsonTable, read_all
from webapp.elements.tables.table_file import TableFile, UnreadableTableError
from webapp.files.store import FileStore

# What a chart is drawn from, in the order of the columns.
VALUES = (
    "x", "y", "z", "labels", "parents", "values", "text", "r", "theta", "lon", "lat", "locations",
    "open", "high", "low", "close", "a", "b", "c", "size",
)  # fmt: skip
ROWS_LIMIT = 100_000
# Plotly writes numbers as bytes, in base 64.
_TYPES = {
    "i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q",
    "f4": "f", "f8": "d",
}  # fmt: skip


@contextmanager
def open_chart_table(store: FileStore, file: StoredFile) -> Iterator[TableFile]:
    """Open the data of a stored chart.

    Raises
    ------
    UnreadableTableError
        It is no chart, or a very large one.
    """
    try:
        figure = json.loads(read_all(store.read(file.sha256)))
        traces = figure["data"]
        columns = [{key: _values(trace[key]) for key in VALUES if key in trace} for trace in traces]
        used = [key for key in VALUES if any(key in column for column in columns)]
        with_names = len(traces) > 1
        rows: list[list[Any]] = []
        for number, (trace, column) in enumerate(zip(traces, columns, strict=True), start=1):
            begin = [str(trace.get("name") or f"Trace {number}")] if with_names else []
            for values in zip_longest(*(column.get(key, ()) for key in used)):
                if len(rows) == ROWS_LIMIT:
                    break
                rows.append([*begin, *map(_plain, values)])
        yield JsonTable(name_columns([*(["name"] if with_names else []), *used]), rows)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UnreadableTableError from error


def _values(found: Any) -> list[Any]:
    if isinstance(found, dict):
        numbers = array(_TYPES[found["dtype"]])
        try:
            numbers.frombytes(base64.b64decode(found["bdata"], validate=True))
        except binascii.Error as error:
            raise ValueError from error
        if sys.byteorder == "big":
            numbers.byteswap()
        values = numbers.tolist()
        shape = [int(size) for size in str(found.get("shape", "")).split(",") if size.strip()]
        if len(shape) < 2:
            return values
        width = max(1, len(values) // max(1, shape[0]))
        return [values[start : start + width] for start in range(0, len(values), width)]
    return found if isinstance(found, list) else []


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    return json.dumps(value, ensure_ascii=False)
