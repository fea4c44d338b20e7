"""Tables as Parquet files. Imported only where there is a table: pyarrow takes time and memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow.interchange import from_dataframe

from webapp.authoring.tables.cells import NUMBER, OTHER, TEXT, TIME, ColumnKind, name_columns

MIME = "application/vnd.apache.parquet"
# A page of a table reads one group of rows, or a few.
GROUP_ROWS = 10_000
GROUP_BYTES = 8 << 20


def arrow_table(data: Any) -> Any:
    """Return data of another library as an Arrow table, each column in a type that can be stored.

    Parameters
    ----------
    data:
        A table of pandas, polars or pyarrow, or anything with ``__arrow_c_stream__`` or
        ``__dataframe__``.
    """
    if hasattr(data, "collect") and not hasattr(data, "__arrow_c_stream__"):
        data = data.collect()  # a query of polars that has not run
    if hasattr(data, "to_frame") and not hasattr(data, "columns"):
        data = data.to_frame()  # a single column of pandas or polars
    modules = [base.__module__.partition(".")[0] for base in type(data).__mro__]
    if "pandas" in modules:
        return _from_pandas(data)
    if "polars" in modules:
        return _from_polars(data)
    if isinstance(data, pa.Table):
        table = data
    elif hasattr(data, "__arrow_c_stream__") or isinstance(data, pa.RecordBatch):
        table = pa.table(data)
    else:
        table = from_dataframe(data)
    columns = [_storable(column) for column in table.columns]
    return pa.table(columns, names=name_columns(table.column_names))


def table_of_dicts(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return rows as an Arrow table. A column whose values have no common type becomes text."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = [_column_of([row.get(name) for row in rows]) for name in names]
    return pa.table(columns, names=name_columns(names))


def write_parquet(table: Any) -> bytes:
    """Return a table as a Parquet file in groups of rows, none of which is large."""
    row_bytes = table.nbytes // max(1, table.num_rows) + 1
    rows = max(1, min(GROUP_ROWS, GROUP_BYTES // row_bytes))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=rows, compression="zstd", compression_level=1)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def kind_of(kind: Any) -> ColumnKind:
    """Return how the values of an Arrow type are aligned and sorted."""
    if pa.types.is_dictionary(kind):
        return kind_of(kind.value_type)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return NUMBER
    if pa.types.is_temporal(kind):
        return TIME
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind):
        return TEXT
    return OTHER


def python_values(column: Any) -> list[object]:
    """Return the values of a column, whatever they are."""
    kind = column.type
    # pyarrow gives nanoseconds to pandas alone, and the zone that no clock knows to nobody.
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    elif pa.types.is_duration(kind):
        column = column.cast(pa.duration("us"), safe=False)
    elif pa.types.is_time64(kind):
        column = column.cast(pa.time64("us"), safe=False)
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError, KeyError, pa.ArrowException):
        if pa.types.is_timestamp(kind) and kind.tz not in (None, "UTC"):
            return python_values(column.cast(pa.timestamp("us", "UTC")))
        return [_python_value(value) for value in column]


def _python_value(value: Any) -> object:
    try:
        return value.as_py()
    except (ValueError, OverflowError, KeyError, pa.ArrowException):
        return str(value.value) if hasattr(value, "value") else "?"


def _from_pandas(frame: Any) -> Any:
    index = frame.index
    columns: list[Any] = []
    names: list[object] = []
    # The numbers of the rows say nothing; any other index is what the rows are named by.
    if any(name is not None for name in index.names) or (
        len(index) and (index.nlevels > 1 or index.dtype.kind not in "iu")
    ):
        levels = range(index.nlevels)
        columns += [index.get_level_values(level).to_series() for level in levels]
        plain = ["index"] if index.nlevels == 1 else [f"level {it + 1}" for it in levels]
        names += [plain[it] if index.names[it] is None else index.names[it] for it in levels]
    columns += [frame.iloc[:, number] for number in range(frame.shape[1])]
    names += list(frame.columns)
    return pa.table([_column_of_pandas(column) for column in columns], names=name_columns(names))


def _from_polars(frame: Any) -> Any:
    columns = [_column_of_polars(column) for column in frame.iter_columns()]
    return pa.table(columns, names=name_columns(frame.columns))


def _column_of_polars(column: Any) -> Any:
    # Arrow is given the addresses of objects of Python, which are nobody's business.
    if str(column.dtype) != "Object":
        try:
            return _storable(pa.chunked_array([column.to_arrow()]))
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            pass
    return _column_of(column.to_list())


def _column_of_pandas(column: Any) -> Any:
    if hasattr(column, "sparse"):
        column = column.sparse.to_dense()
    try:
        found = pa.chunked_array([pa.Array.from_pandas(column)])
        # Periods and intervals are numbers there, which say nothing.
        if not str(getattr(found.type, "extension_name", "")).startswith("pandas."):
            return _storable(found)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        pass
    missing = column.isna().tolist()
    texts = [None if gone else str(it) for gone, it in zip(missing, column.tolist(), strict=True)]
    return _column_of(texts)


def _column_of(values: Iterable[object]) -> Any:
    values = list(values)
    try:
        return _storable(pa.chunked_array([pa.array(values)]))
    except (pa.ArrowException, TypeError, ValueError, OverflowError, RecursionError):
        return pa.chunked_array([pa.array([_text_of(value) for value in values], pa.string())])


def _text_of(value: object) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else str(value)
    return text.encode(errors="replace").decode()


def _storable(column: Any) -> Any:
    """Return a column in a type that Parquet has, and that older versions can read, too."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType) and kind.extension_name != "arrow.uuid":
        chunks = [chunk.storage for chunk in column.chunks]
        column = _storable(pa.chunked_array(chunks, kind.storage_type))
    elif pa.types.is_dictionary(kind):
        plain = _storable(pa.chunked_array([], kind.value_type)).type
        chunks = [
            _storable(pa.chunked_array([it.dictionary])).take(it.indices) for it in column.chunks
        ]
        column = pa.chunked_array([it for chunk in chunks for it in chunk.chunks], plain)
    elif pa.types.is_run_end_encoded(kind):
        chunks = [pc.run_end_decode(chunk) for chunk in column.chunks]
        column = _storable(pa.chunked_array(chunks, kind.value_type))
    elif pa.types.is_float16(kind):
        column = column.cast(pa.float32())  # halves have no order in Arrow
    elif pa.types.is_string_view(kind):
        column = column.cast(pa.large_string())
    elif pa.types.is_binary_view(kind):
        column = column.cast(pa.large_binary())
    elif (
        isinstance(kind, pa.BaseExtensionType)
        or pa.types.is_union(kind)
        or pa.types.is_interval(kind)
    ):
        texts = [_text_of(value) for value in column.to_pylist()]
        column = pa.chunked_array([pa.array(texts, pa.string())])
    return column
