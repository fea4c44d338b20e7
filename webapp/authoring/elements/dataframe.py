"""`Dataframe`: a table that people page through, sort and download."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

from webapp.authoring.chat_message import ElementDisplay, NewFile, StoredFile
from webapp.authoring.elements.element import Element, ElementSize
from webapp.authoring.elements.snapshot import Snapshot
from webapp.authoring.errors import MisuseError, refuse_unknown_arguments
from webapp.authoring.tables.cells import ColumnKind, show_cells
from webapp.authoring.tables.plain_files import MIME as JSON_MIME
from webapp.authoring.tables.plain_files import kind_of_values, plain_table, write_json

ROWS_PER_PAGE: Final[Mapping[str | None, int]] = {"small": 5, "medium": 10, "large": 25}
ROWS_PER_OWN_PAGE = 50
# What tables of other libraries have. A query of polars can be collected, a column framed.
TABLE_PROTOCOLS = ("__arrow_c_stream__", "__dataframe__", "collect", "to_frame")
# The columns that a page shows, of however many there are.
SHOWN_COLUMNS = 50


@refuse_unknown_arguments
class Dataframe(Element):
    """A table that people page through, sort and download as CSV.

    It is shown as it is when the element is made. A page of it reads a small part of it, so it may
    have millions of rows.

    Parameters
    ----------
    data:
        A table of pandas, polars or pyarrow, anything else that speaks Arrow or the dataframe
        interchange protocol, or a list of dicts. All but short lists of dicts need
        ``pip install "chat-profiles[tables]"``.
    name:
        What people read above it, and find as the name of its CSV file.
    display:
        Where it is shown, as for each `Element`.
    size:
        ``"small"``, ``"medium"`` or ``"large"``: 5, 10 or 25 rows at once.

    Example
    -------
    ::

        frame = pandas.read_csv("sales.csv")
        table = cl.Dataframe(data=frame, name="Sales")
        await cl.Message(content="This year so far:", elements=[table]).send()
    """

    kind = "dataframe"

    def __init__(
        self,
        *,
        data: Any,
        name: str = "",
        display: ElementDisplay = "inline",
        size: ElementSize | None = None,
    ) -> None:
        super().__init__(name=name, display=display, size=size)
        self.data = data
        self._snapshot: Snapshot = Snapshot(data, copy_table)
        self._shown: dict[str, Any] = {}

    def new_files(self) -> list[NewFile]:
        """Return the table as a file."""
        own_page = self.display != "inline" and self.size is None
        rows = ROWS_PER_OWN_PAGE if own_page else ROWS_PER_PAGE[self.size or "medium"]
        data = self._snapshot.of(self.data)
        is_plain = isinstance(data, list) and all(isinstance(row, Mapping) for row in data)
        if not is_plain and not any(hasattr(data, name) for name in TABLE_PROTOCOLS):
            raise MisuseError(
                "Dataframe data must be a table of pandas, polars or pyarrow, or a list of dicts, "
                f"not {type(data).__name__}."
            )
        if importlib.util.find_spec("pyarrow"):
            mime, content = self._write_parquet(data, rows, is_plain=is_plain)
        elif is_plain:
            mime, content = self._write_json(data, rows)
        else:
            raise MisuseError(
                f"Dataframe data of {type(data).__name__} needs one more package: "
                "pip install 'chat-profiles[tables]'"
            )
        ending = "json" if mime == JSON_MIME else "parquet"
        name = f"{self.name or 'table'}.{ending}"
        return [NewFile(id=self._id, name=name, mime=mime, source=content)]

    def details(self, stored: Sequence[StoredFile]) -> dict[str, Any]:
        """Return the first page of the table, so that a chat shows it without reading the file."""
        del stored
        return self._shown

    def _write_parquet(self, data: Any, rows: int, *, is_plain: bool) -> tuple[str, bytes]:
        from webapp.authoring.tables import arrow_files  # noqa: PLC0415 - imports pyarrow

        make = arrow_files.table_of_dicts if is_plain else arrow_files.arrow_table
        table = make(data)
        shown = table.slice(0, rows).select(range(min(SHOWN_COLUMNS, table.num_columns)))
        self._shown = first_page(
            names=shown.column_names,
            kinds=[arrow_files.kind_of(field.type) for field in shown.schema],
            values=[arrow_files.python_values(column) for column in shown.columns],
            rows=table.num_rows,
            columns=table.num_columns,
            page_rows=rows,
        )
        return arrow_files.MIME, arrow_files.write_parquet(table)

    def _write_json(self, data: Any, rows: int) -> tuple[str, bytes]:
        names, every = plain_table(data)
        columns = [[row[number] for row in every] for number in range(len(names))][:SHOWN_COLUMNS]
        self._shown = first_page(
            names=names[:SHOWN_COLUMNS],
            kinds=[kind_of_values(values) for values in columns],
            values=[values[:rows] for values in columns],
            rows=len(every),
            columns=len(names),
            page_rows=rows,
        )
        return JSON_MIME, write_json(names, every)


def copy_table(data: Any) -> Any:
    """Return a table as it is now. Tables of Arrow never change."""
    if isinstance(data, list):
        return [dict(row) if isinstance(row, Mapping) else row for row in data]
    modules = {base.__module__.partition(".")[0] for base in type(data).__mro__}
    if "pandas" in modules and hasattr(data, "copy"):
        # From version 3, a shallow copy shares only what neither of the two changes.
        return data.copy(deep=int(sys.modules["pandas"].__version__.partition(".")[0]) < 3)
    return data.clone() if "polars" in modules and hasattr(data, "clone") else data


def first_page(
    *,
    names: Sequence[str],
    kinds: Sequence[ColumnKind],
    values: Sequence[Sequence[object]],
    rows: int,
    columns: int,
    page_rows: int,
) -> dict[str, Any]:
    """Return how a table begins, as JSON.

    Parameters
    ----------
    names, kinds, values:
        Of the columns that are shown. ``values`` has those of the first page, for each column.
    rows, columns:
        How many the table has in all.
    page_rows:
        How many rows a page has.
    """
    cells = [show_cells(column) for column in values]
    return {
        "rows": rows,
        "columns": [[name, kind] for name, kind in zip(names, kinds, strict=True)],
        "column_count": columns,
        "page_rows": page_rows,
        "head": [list(row) for row in zip(*cells, strict=True)],
    }
