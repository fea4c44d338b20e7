"""The orders in which people have looked at large tables, so that the next page need not sort."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence

from webapp.elements.tables.table_file import TableFile

# Of all orders together, at four bytes each.
KEPT_ROWS = 4_000_000


class Orders:
    """The last orders of this process. It sorts one table at a time, which bounds its memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str, bool], Sequence[int]] = OrderedDict()

    def find(
        self, sha256: str, table: TableFile, column: str, *, descending: bool
    ) -> Sequence[int]:
        """Return the numbers of the rows of a table in the order of a column."""
        key = (sha256, column, descending)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = table.sort_rows(column, descending=descending)
            self._kept.move_to_end(key)
            while len(self._kept) > 1 and sum(map(len, self._kept.values())) > KEPT_ROWS:
                self._kept.popitem(last=False)
            return self._kept[key]
