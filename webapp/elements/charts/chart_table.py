"""The data of a chart of Plotly as a table."""

from __future__ import annotations

import base64
import binascii
import json
import sys
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice, zip_longest
from typing import Any

from webapp.authoring.chat_message import StoredFile
from webapp.authoring.tables.cells import name_columns
from webapp.elements.tables.json_table import JsonTable, read_all
from webapp.elements.tables.table_file import TableFile, UnreadableTableError
from webapp.files.store import FileStore

# What a chart is drawn from, in the order of the columns.
VALUES = (
    "x", "y", "z", "labels", "parents", "values", "value", "text", "r", "theta", "lon", "lat",
    "locations", "open", "high", "low", "close", "lowerfence", "q1", "median", "q3", "upperfence",
    "measure", "a", "b", "c", "u", "v", "w", "size",
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
        columns = [_columns_of(trace) for trace in traces]
        used = list(dict.fromkeys(key for column in columns for key in column))
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


def _columns_of(trace: dict[str, Any]) -> dict[str, list[Any]]:
    kind = trace.get("type")
    if kind == "sankey":
        return _flows_of(trace)
    if kind == "table":
        names = [_first_of(name) for name in _values(trace.get("header", {}).get("values"))]
        cells = [_values(column) for column in _values(trace.get("cells", {}).get("values"))]
        names = name_columns([*names, *[""] * len(cells)][: len(cells)])
        return dict(zip(names, cells, strict=True))
    if kind == "indicator":
        title = trace.get("title") or {}
        return {"name": [title.get("text")], "value": [trace.get("value")]}
    dimensions = _values(trace.get("dimensions"))
    if dimensions:
        names = name_columns([dimension.get("label", "") for dimension in dimensions])
        return {
            name: _values(dimension.get("values"))
            for name, dimension in zip(names, dimensions, strict=True)
        }
    found = {key: _values(trace[key]) for key in VALUES if key in trace}
    if found.get("z") and all(isinstance(row, list) for row in found["z"]):
        return _grid_of(found)
    return {
        key: _join_levels(values) if key in ("x", "y") else values for key, values in found.items()
    }


def _flows_of(trace: dict[str, Any]) -> dict[str, list[Any]]:
    labels, link = _values(trace.get("node", {}).get("label")), trace.get("link", {})
    ends = {
        key: [
            labels[number] if isinstance(number, int) and 0 <= number < len(labels) else number
            for number in _values(link.get(key))
        ]
        for key in ("source", "target")
    }
    return {**ends, "value": _values(link.get("value"))}


def _grid_of(found: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Return a row for each cell of a grid, such as that of a heat map."""
    across, down = found.get("x", []), found.get("y", [])
    cells = (
        (_place(across, row, column, column), _place(down, row, column, row), value)
        for row, values in enumerate(found["z"])
        for column, value in enumerate(values)
    )
    columns = zip(*islice(cells, ROWS_LIMIT), strict=True)
    return dict(zip(("x", "y", "z"), map(list, columns), strict=False))


def _place(names: list[Any], row: int, column: int, number: int) -> Any:
    """Return where a cell of a grid is, by the names of its rows or columns or of all its cells."""
    if names and all(isinstance(each, list) for each in names):
        return names[row][column] if row < len(names) and column < len(names[row]) else number
    return names[number] if number < len(names) else number


def _join_levels(values: list[Any]) -> list[Any]:
    """Return categories in several levels as one text each."""
    if len(values) < 2 or not all(isinstance(level, list | dict) for level in values):
        return values
    levels = [_values(level) for level in values]
    if any(isinstance(value, list) for level in levels for value in level):
        return values
    return [" / ".join(map(str, names)) for names in zip(*levels, strict=False)]


def _first_of(name: Any) -> Any:
    return name[0] if isinstance(name, list) and name else name


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
        return None if value != value else value  # noqa: PLR0124 - "not a number" is no value
    return json.dumps(value, ensure_ascii=False)
