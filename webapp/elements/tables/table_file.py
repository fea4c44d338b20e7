"""What a stored table can do, whichever kind of file it is in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from webapp.authoring.tables.cells import ColumnKind
from webapp.web.refusals import Refusal

# A column is put in order as a whole, and that takes memory.
SORTED_ROWS = 2_000_000
# Texts that begin alike up to here may come in any order.
SORTED_CHARACTERS = 32
# What one group of rows of a file may have. Whoever imports a chat brings files of any kind.
GROUP_ROWS_LIMIT = 100_000
GROUP_BYTES_LIMIT = 64 << 20


class UnreadableTableError(Refusal):
    """The file is damaged, is no table, or would take too much memory, or there is no pyarrow."""

    code = 409
    title = "Not readable"
    message = "This table cannot be read."
    advice = "Ask whoever runs this site to install chat-profiles[tables], or ask for it again."


class TableFile(Protocol):
    """A table in the store."""

    names: list[str]
    kinds: list[ColumnKind]
    rows: int

    def read_rows(self, columns: Sequence[str], start: int, stop: int) -> list[list[object]]:
        """Return the values of these rows, in a list for each column."""

    def read_chosen_rows(self, columns: Sequence[str], rows: Sequence[int]) -> list[list[object]]:
        """Return the values of rows by their numbers, in a list for each column."""

    def sort_rows(self, column: str, *, descending: bool) -> Sequence[int]:
        """Return the numbers of all rows in the order of a column, those without a value last."""

    def write_csv(self) -> Iterator[bytes]:
        """Yield the table as CSV."""
