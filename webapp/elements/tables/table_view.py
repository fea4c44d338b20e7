"""One page of a table, as a template shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from webapp.authoring.chat_message import ElementData
from webapp.authoring.elements.dataframe import ROWS_PER_OWN_PAGE, SHOWN_COLUMNS
from webapp.authoring.tables.cells import (
    CELL_LIMIT,
    KINDS,
    NAME_LIMIT,
    OTHER,
    ColumnKind,
    show_cells,
)
from webapp.elements.tables.orders import Orders
from webapp.elements.tables.table_file import SORTED_ROWS, TableFile


@dataclass(frozen=True, kw_only=True)
class TableColumn:
    """A column, and whether the rows are in its order."""

    name: str
    kind: ColumnKind
    sorted: Literal["ascending", "descending"] | None = None

    @property
    def can_be_sorted(self) -> bool:
        """Return whether its values have an order."""
        return self.kind != OTHER


@dataclass(frozen=True, kw_only=True)
class TableView:
    """The rows of one page, and what leads to the others.

    Parameters
    ----------
    columns:
        Those that are shown, of ``column_count``.
    rows:
        The cells of this page. `None` is no value.
    page:
        Its number, from 1.
    """

    columns: Sequence[TableColumn]
    rows: Sequence[Sequence[str | None]]
    row_count: int
    column_count: int
    page: int
    page_rows: int

    @property
    def pages(self) -> int:
        """Return how many pages there are, at least one."""
        return max(1, -(-self.row_count // self.page_rows))

    @property
    def first_row(self) -> int:
        """Return the number of the first row of this page, from 1."""
        return (self.page - 1) * self.page_rows + 1

    @property
    def is_sortable(self) -> bool:
        """Return whether people can put the rows into another order."""
        return 1 < self.row_count <= SORTED_ROWS

    @property
    def order(self) -> dict[str, str]:
        """Return the part of an address that keeps the rows in this order."""
        return next(
            (self.order_by(it, it.sorted == "descending") for it in self.columns if it.sorted), {}
        )

    def order_by(self, column: TableColumn, descending: bool) -> dict[str, str]:
        """Return the part of an address that puts the rows into another order."""
        return {"sort": column.name, **({"desc": "1"} if descending else {})}


def first_table_view(element: ElementData) -> TableView:
    """Return the first page of a table. It is stored with its message, so no file is read."""
    found = _Details(element.details)
    return TableView(
        columns=[TableColumn(name=name, kind=kind) for name, kind in found.columns],
        rows=found.head,
        row_count=found.rows,
        column_count=found.column_count,
        page=1,
        page_rows=found.page_rows,
    )


def read_table_view(
    element: ElementData,
    table: TableFile,
    orders: Orders,
    *,
    page: int,
    sort: str | None,
    descending: bool,
) -> TableView:
    """Return a page of a table, read from its file.

    Parameters
    ----------
    page:
        Its number. Beyond the last one, it is the last one.
    sort:
        The name of a column. One that is not shown, or has no order, counts as `None`.
    """
    names = table.names[:SHOWN_COLUMNS]
    kinds = dict(zip(names, table.kinds, strict=False))
    if kinds.get(sort or "", OTHER) == OTHER or table.rows > SORTED_ROWS:
        sort = None
    page_rows = _Details(element.details).page_rows
    page = min(page, max(1, -(-table.rows // page_rows)))
    start, stop = (page - 1) * page_rows, min(page * page_rows, table.rows)
    if sort is None:
        values = table.read_rows(names, start, stop)
    else:
        digest = element.file.sha256 if element.file else str(element.id)
        order = orders.find(digest, table, sort, descending=descending)
        values = table.read_chosen_rows(names, order[start:stop])
    way: Literal["ascending", "descending"] = "descending" if descending else "ascending"
    return TableView(
        columns=[
            TableColumn(name=name, kind=kind, sorted=way if name == sort else None)
            for name, kind in kinds.items()
        ],
        rows=list(zip(*map(show_cells, values), strict=True)),
        row_count=table.rows,
        column_count=len(table.names),
        page=page,
        page_rows=page_rows,
    )


class _Details:
    """The details of a table. Whoever imports a chat may have made them up."""

    def __init__(self, details: Any) -> None:
        columns = details.get("columns")
        self.columns: list[tuple[str, ColumnKind]] = [
            (
                str(column[0])[: NAME_LIMIT + 1],
                column[1] if column[1] in KINDS else OTHER,
            )
            for column in (columns if isinstance(columns, list) else [])[:SHOWN_COLUMNS]
            if isinstance(column, list) and len(column) == 2
        ]
        self.page_rows = _number(details.get("page_rows"), 1, ROWS_PER_OWN_PAGE)
        head = details.get("head")
        self.head: list[list[str | None]] = [
            [None if cell is None else str(cell)[: CELL_LIMIT + 1] for cell in row]
            for row in (head if isinstance(head, list) else [])[: self.page_rows]
            if isinstance(row, list) and len(row) == len(self.columns)
        ]
        self.rows = _number(details.get("rows"), len(self.head), 10**12)
        self.column_count = _number(details.get("column_count"), len(self.columns), 10**6)


def _number(value: object, least: int, most: int) -> int:
    # Also where what is counted is less than what is there.
    return max(least, min(value, most)) if isinstance(value, int) else least
