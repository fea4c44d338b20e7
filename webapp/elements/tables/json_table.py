"""Small tables in JSON files, which a site without pyarrow has."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

from webapp.authoring.tables.cells import NUMBER, ColumnKind
from webapp.authoring.tables.plain_files import PLAIN_ROWS, kind_of_values
from webapp.console import escape_formula
from webapp.elements.tables.table_file import GROUP_BYTES_LIMIT, UnreadableTableError


class JsonTable:
    """A table that is read as a whole."""

    def __init__(self, names: list[str], rows: list[list[Any]]) -> None:
        self.names = names
        self._rows = rows
        self.rows = len(rows)
        columns = (self._column(name) for name in self.names)
        self.kinds: list[ColumnKind] = [kind_of_values(column) for column in columns]

    def read_rows(self, columns: Sequence[str], start: int, stop: int) -> list[list[object]]:
        """Return the values of these rows, in a list for each column."""
        return [self._column(name)[start:stop] for name in columns]

    def read_chosen_rows(self, columns: Sequence[str], rows: Sequence[int]) -> list[list[object]]:
        """Return the values of rows by their numbers, in a list for each column."""
        return [[self._column(name)[row] for row in rows] for name in columns]

    def sort_rows(self, column: str, *, descending: bool) -> Sequence[int]:
        """Return the numbers of all rows in the order of a column, those without a value last."""
        values = self._column(column)
        is_number = self.kinds[self.names.index(column)] == NUMBER
        keys = [value if is_number else str(value).lower() for value in values]
        rows = sorted(
            (row for row, value in enumerate(values) if value is not None),
            key=lambda row: keys[row],
            reverse=descending,
        )
        return [*rows, *(row for row, value in enumerate(values) if value is None)]

    def write_csv(self) -> Iterator[bytes]:
        """Yield the table as CSV."""
        file = io.StringIO(newline="")
        writer = csv.writer(file)
        writer.writerow([escape_formula(name) for name in self.names])
        for row in self._rows:
            writer.writerow(["" if cell is None else escape_formula(cell) for cell in row])
        yield file.getvalue().encode()

    def _column(self, name: str) -> list[Any]:
        number = self.names.index(name)
        return [row[number] for row in self._rows]


def read_json_table(pieces: Iterator[bytes]) -> JsonTable:
    """Return the table of a JSON file."""
    try:
        found = json.loads(read_all(pieces))
        names = [str(name) for name in found["columns"]]
        rows = [list(row) for row in found["rows"]]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise UnreadableTableError from error
    if len(rows) > PLAIN_ROWS or any(len(row) != len(names) for row in rows):
        raise UnreadableTableError
    return JsonTable(names, rows)


def read_all(pieces: Iterator[bytes]) -> bytes:
    """Return a file as a whole, unless it is large."""
    content = bytearray()
    for piece in pieces:
        content += piece
        if len(content) > GROUP_BYTES_LIMIT:
            raise UnreadableTableError
    return bytes(content)
