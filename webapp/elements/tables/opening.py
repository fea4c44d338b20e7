"""Open the file of a table where it is: in a folder, or in object storage piece by piece."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

from webapp.authoring.chat_message import StoredFile
from webapp.elements.tables.json_table import read_json_table
from webapp.elements.tables.table_file import TableFile, UnreadableTableError
from webapp.files.store import FileStore

PARQUET = b"PAR1"


@contextmanager
def open_table(store: FileStore, file: StoredFile) -> Iterator[TableFile]:
    """Open a stored table, to read it while the context lasts.

    Raises
    ------
    UnreadableTableError
        It is not a table, or this site has no pyarrow.
    """
    begins_with = b"".join(store.read(file.sha256, 0, len(PARQUET)))
    if begins_with != PARQUET:
        yield read_json_table(store.read(file.sha256))
        return
    try:
        from webapp.elements.tables.parquet_table import (  # noqa: PLC0415 - imports pyarrow
            ParquetTable,
        )
    except ImportError as error:
        raise UnreadableTableError from error
    path = store.path(file.sha256)
    with path.open("rb") if path else _StoredBytes(store, file) as source:
        yield ParquetTable(source)


class _StoredBytes(io.RawIOBase):
    """A file in object storage. Each read asks for just the bytes that it returns."""

    def __init__(self, store: FileStore, file: StoredFile) -> None:
        self._store, self._file, self._place = store, file, 0

    def readable(self) -> bool:
        """Return that it can be read."""
        return True

    def seekable(self) -> bool:
        """Return that it can be read from any place."""
        return True

    def tell(self) -> int:
        """Return the place from which the next read begins."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, and return it."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._file.size}[whence]
        self._place = max(0, start + offset)
        return self._place

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        stop = self._file.size if size < 0 else min(self._place + size, self._file.size)
        if stop <= self._place:
            return b""
        found = b"".join(self._store.read(self._file.sha256, self._place, stop))
        self._place += len(found)
        return found
