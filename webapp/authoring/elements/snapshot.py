"""`Snapshot`: a table or a figure as it was when its element was made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Snapshot:
    """A copy of what an element shows, so that its app may go on to change the original.

    An app clears a figure and draws the next one before it sends the first, as in Chainlit.

    Parameters
    ----------
    source:
        The original.
    copy:
        Makes the copy. It is called at once.

    Example
    -------
    >>> numbers = [1]
    >>> snapshot = Snapshot(numbers, list)
    >>> numbers.append(2)
    >>> snapshot.of(numbers)
    [1]
    """

    def __init__(self, source: object, copy: Callable[[Any], Any]) -> None:
        self._copy = copy
        self._source, self._kept = source, copy(source)

    def of(self, source: object) -> Any:
        """Return the copy; a new one if ``source`` is another original."""
        if source is not self._source:
            self._source = source
            self.renew()
        return self._kept

    def renew(self) -> None:
        """Copy the original as it is now."""
        self._kept = self._copy(self._source)
