"""Tables in Parquet files. A page reads the groups of rows that it shows, and no others.

Imported only to read one: pyarrow takes time and memory.
"""

from __future__ import annotations

import io
import json
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from webapp.authoring.tables.arrow_files import kind_of, python_values
from webapp.authoring.tables.cells import OTHER, TEXT, ColumnKind
from webapp.console import MAY_SPLIT, escape_formula
from webapp.elements.tables.table_file import (
    GROUP_BYTES_LIMIT,
    GROUP_ROWS_LIMIT,
    SORTED_CHARACTERS,
    UnreadableTableError,
)

COLUMNS_LIMIT = 20_000
# A text that begins with one of these is no formula up to its first semicolon or line end.
HARMLESS = "^[0-9A-Za-z]"
TEXT_BYTES = "BYTE_ARRAY"


class ParquetTable:
    """A table in a Parquet file.

    Parameters
    ----------
    source:
        The path of the file, or a file that can be read from any place.
    """

    def __init__(self, source: Any) -> None:
        with _as_unreadable():
            metadata = pq.read_metadata(source)
            # Kept in the form in which the file has them: each text once, however often it comes.
            repeated = [
                metadata.schema.column(number).path
                for number in range(metadata.num_columns)
                if metadata.schema.column(number).physical_type == TEXT_BYTES
            ]
            self._file = pq.ParquetFile(source, metadata=metadata, read_dictionary=repeated)
            schema = self._file.schema_arrow
        self.names: list[str] = list(schema.names)
        self.kinds: list[ColumnKind] = [kind_of(field.type) for field in schema]
        self.rows: int = metadata.num_rows
        groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
        if (
            len(self.names) > COLUMNS_LIMIT
            or len(set(self.names)) < len(self.names)
            or any(group.num_rows > GROUP_ROWS_LIMIT for group in groups)
            or any(group.total_byte_size > GROUP_BYTES_LIMIT for group in groups)
        ):
            raise UnreadableTableError
        # The number of the first row of each group, and of the row after the last.
        self._starts = [0, *accumulate(group.num_rows for group in groups)]

    def read_rows(self, columns: Sequence[str], start: int, stop: int) -> list[list[object]]:
        """Return the values of these rows, in a list for each column."""
        return self.read_chosen_rows(columns, range(start, min(stop, self.rows)))

    def read_chosen_rows(self, columns: Sequence[str], rows: Sequence[int]) -> list[list[object]]:
        """Return the values of rows by their numbers, in a list for each column."""
        by_group: dict[int, list[int]] = {}
        for row in rows:
            by_group.setdefault(bisect_right(self._starts, row) - 1, []).append(row)
        found: dict[int, tuple[object, ...]] = {}
        for group, members in by_group.items():
            table = self._read_group(group, columns)
            with _as_unreadable():
                table = table.take([row - self._starts[group] for row in members])
                values = [python_values(_plain(table.column(name))) for name in columns]
            found.update(zip(members, zip(*values, strict=True), strict=True))
        return [[found[row][number] for row in rows] for number in range(len(columns))]

    def sort_rows(self, column: str, *, descending: bool) -> Sequence[int]:
        """Return the numbers of all rows in the order of a column, those without a value last."""
        keys = [
            _sort_key(self._read_group(group, [column]).column(column))
            for group in range(len(self._starts) - 1)
        ]
        with _as_unreadable():
            key = pa.chunked_array(keys).combine_chunks()
            way = "descending" if descending else "ascending"
            order = pc.sort_indices(key, sort_keys=[("", way)]).cast(pa.uint32())
        return _Order(order)

    def write_csv(self) -> Iterator[bytes]:
        """Yield the table as CSV."""
        head = io.BytesIO()
        names = pa.table([pa.array([str(escape_formula(name))]) for name in self.names], self.names)
        pa_csv.write_csv(names, head, pa_csv.WriteOptions(include_header=False))
        yield head.getvalue()
        for group in range(len(self._starts) - 1):
            table = self._read_group(group, self.names)
            with _as_unreadable():
                columns = [_csv_column(column) for column in table.columns]
                part = io.BytesIO()
                options = pa_csv.WriteOptions(include_header=False)
                pa_csv.write_csv(pa.table(columns, self.names), part, options)
            yield part.getvalue()

    def _read_group(self, group: int, columns: Sequence[str]) -> Any:
        with _as_unreadable():
            table = self._file.read_row_group(group, columns=list(columns), use_threads=False)
            if table.num_rows != self._starts[group + 1] - self._starts[group]:
                raise UnreadableTableError
            # By name: "a.b" may be the name of a column, or a part of the column "a".
            return table.select(list(columns))


class _Order(Sequence[int]):
    """The numbers of rows, at four bytes each."""

    def __init__(self, numbers: Any) -> None:
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, place: Any) -> Any:
        found = self._numbers[place]
        return found.to_pylist() if isinstance(place, slice) else found.as_py()


def _sort_key(column: Any) -> Any:
    kind = column.type
    chunks = []
    for chunk in column.chunks:
        if not pa.types.is_dictionary(kind):
            chunks.append(chunk)
            continue
        texts = pc.utf8_slice_codeunits(pc.utf8_lower(chunk.dictionary), 0, SORTED_CHARACTERS)
        chunks.append(texts.take(chunk.indices))
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.chunked_array(chunks, kind).combine_chunks()


def _plain(column: Any) -> Any:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _csv_column(column: Any) -> Any:
    """Return a column as CSV has it: no formulas, and one text for each list or struct."""
    kind = column.type
    if pa.types.is_dictionary(kind) and kind_of(kind) != TEXT:
        column = _plain(column)
        kind = column.type
    if pa.types.is_dictionary(kind):
        texts = column.combine_chunks()
        texts = texts.chunk(0) if isinstance(texts, pa.ChunkedArray) else texts
        guarded = _guard(texts.dictionary)
        return guarded.take(texts.indices)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _guard(column)
    if (
        kind_of(kind) == OTHER
        or pa.types.is_decimal(kind)
        or pa.types.is_duration(kind)
        or (pa.types.is_timestamp(kind) and kind.tz is not None)  # a zone that no clock may know
    ):
        return pa.array([_csv_text(value) for value in python_values(column)], pa.string())
    return column


def _csv_text(value: object) -> str | None:
    match value:
        case None:
            return None
        case bytes():
            return value.hex()
        case list() | dict() | tuple():
            return str(escape_formula(json.dumps(value, ensure_ascii=False, default=str)))
    # A negative number or time is no formula.
    return str(value)


def _guard(texts: Any) -> Any:
    begin_well = pc.match_substring_regex(texts, HARMLESS)
    go_on_badly = pc.match_substring_regex(texts, MAY_SPLIT)
    if pc.all(pc.and_not(begin_well, go_on_badly), min_count=0).as_py():
        return texts
    return pa.array([escape_formula(text) for text in texts.to_pylist()], texts.type)


@contextmanager
def _as_unreadable() -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise UnreadableTableError from error
