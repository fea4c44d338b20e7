"""Where the bytes of a download come from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

PIECE_BYTES = 64 * 1024


class Source(Protocol):
    """The bytes of one answer, which are read once."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield them, piece by piece."""

    def close(self) -> None:
        """Free what they hold."""


class FileSource:
    """A part of a local file.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    """

    def __init__(self, path: Path, start: int, stop: int) -> None:
        self.file: BinaryIO = path.open("rb", buffering=0)
        self.file.seek(start)
        self.position = start
        self.stop = stop

    def __iter__(self) -> Iterator[bytes]:
        """Yield the part, piece by piece."""
        while self.position < self.stop:
            piece = self.file.read(min(PIECE_BYTES, self.stop - self.position))
            if not piece:
                return  # shorter than it was, so the connection breaks
            self.position += len(piece)
            yield piece

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class PieceSource:
    """Pieces that may take a while, such as those of object storage.

    The first one is there when this is made: what cannot be read is told before an answer begins.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._first = next(pieces, b"")

    def __iter__(self) -> Iterator[bytes]:
        """Yield the pieces."""
        yield self._first
        yield from self._pieces

    def close(self) -> None:
        """Read no more."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()
