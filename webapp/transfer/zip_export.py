"""An export as a zip: the files of its chats, beside the chats as JSON and as Markdown.

It is written while it is sent. Files come first, so that what names them knows which are there.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from webapp.elements.tables.opening import open_table
from webapp.elements.tables.table_file import UnreadableTableError
from webapp.files.store import file_store
from webapp.transfer.as_json import json_export
from webapp.transfer.as_markdown import markdown_export
from webapp.transfer.export_data import ExportedChats
from webapp.transfer.exported_elements import ExportedElement

JSON_FILE = "chats.json"
MARKDOWN_FILE = "chats.md"
# A piece is sent when so much of it is there.
PIECE_BYTES = 64 * 1024
# Years that a zip can tell.
_FIRST_YEAR, _LAST_YEAR = 1980, 2107


def zip_export(chats: ExportedChats, now: datetime) -> Iterator[bytes]:
    """Yield the chats and their files as a zip, piece by piece.

    Raises
    ------
    FilesUnavailableError
        The store does not answer. What was sent is not a whole zip.
    """
    writer = _ZipWriter(now)
    paths: set[str] = set()
    for element in chats.elements():
        for file in element.files:
            if file.path not in paths:
                with suppress(FileNotFoundError):
                    with chats.app.app_context():
                        store = file_store()
                    yield from writer.add(file.path, store.read(file.sha256), size=file.size)
                    paths.add(file.path)
        yield from _add_csv(writer, chats, element, paths)

    known = replace(chats, paths=paths)
    for name, texts in (
        (JSON_FILE, json_export(known, now)),
        (MARKDOWN_FILE, markdown_export(known, now)),
    ):
        yield from writer.add(name, join_pieces(texts), is_packed=True)
    yield writer.close()


def join_pieces(texts: Iterator[str]) -> Iterator[bytes]:
    """Yield texts as UTF-8. Many short ones become one piece."""
    buffer: list[str] = []
    length = 0
    for text in texts:
        buffer.append(text)
        length += len(text)
        if length >= PIECE_BYTES:
            yield "".join(buffer).encode()
            buffer, length = [], 0
    yield "".join(buffer).encode()


def _add_csv(
    writer: _ZipWriter, chats: ExportedChats, element: ExportedElement, paths: set[str]
) -> Iterator[bytes]:
    """Add a table once more, as a file that any program opens."""
    path, file = element.csv_path, element.data.file
    if path is None or file is None or path in paths or element.file is None:
        return
    with chats.app.app_context():
        store = file_store()
    # Not readable here, damaged, or gone: then only the file itself is in the zip.
    with suppress(UnreadableTableError, FileNotFoundError), open_table(store, file) as table:
        yield from writer.add(path, table.write_csv(), is_packed=True)
        paths.add(path)


class _ZipWriter:
    """Makes a zip of entries that follow each other, in pieces."""

    def __init__(self, now: datetime) -> None:
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w")
        year = min(max(now.year, _FIRST_YEAR), _LAST_YEAR)
        self._date = (year, now.month, now.day, now.hour, now.minute, now.second)

    def add(
        self,
        path: str,
        pieces: Iterator[bytes],
        *,
        size: int | None = None,
        is_packed: bool = False,
    ) -> Iterator[bytes]:
        """Add an entry, and yield what there is to send.

        Whatever the first piece raises is raised before anything is added.

        Parameters
        ----------
        size:
            Of the entry, if it is known.
        """
        first = next(pieces, b"")
        info = zipfile.ZipInfo(path, self._date)
        info.compress_type = zipfile.ZIP_DEFLATED if is_packed else zipfile.ZIP_STORED
        # Readable for its owner alone, where it is unpacked.
        info.external_attr = 0o600 << 16
        info.file_size = size or 0
        with self._zip.open(info, "w", force_zip64=size is None) as entry:
            entry.write(first)
            for piece in pieces:
                entry.write(piece)
                if self._sink.size >= PIECE_BYTES:
                    yield self._sink.take()
        if self._sink.size >= PIECE_BYTES:
            yield self._sink.take()

    def close(self) -> bytes:
        """Return the rest."""
        self._zip.close()
        return self._sink.take()


class _Sink(io.RawIOBase):
    """What was written to a zip and not yet sent."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        """Return that it can be written to. It cannot be read, or written at another place."""
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Keep a piece until it is taken."""
        self._pieces.append(bytes(data))
        self.size += len(data)
        return len(data)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        found = b"".join(self._pieces)
        self._pieces, self.size = [], 0
        return found
