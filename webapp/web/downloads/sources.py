"""Where the bytes of a download come from."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

PIECE_BYTES = 64 * 1024
# What one reader gets before the next one has its turn.
TURN_BYTES = 256 * 1024


class Source(Protocol):
    """The bytes of one answer. They are either yielded, or sent to a connection."""

    @property
    def is_ready(self) -> bool:
        """Whether the next bytes can be sent without waiting for them."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes, piece by piece."""

    def load(self) -> None:
        """Wait for the next bytes."""

    def send_to(self, connection: socket.socket) -> bool:
        """Send what a connection takes now, and return whether that was all.

        Raises
        ------
        BlockingIOError
            The connection takes nothing now.
        OSError
            The reader has gone, or there are fewer bytes than there should be.
        """

    def close(self) -> None:
        """Free what it holds."""


class _PieceFile(io.FileIO):
    """A file that is read in pieces, however much is asked for.

    Waitress asks for as much as the buffer of the connection takes, which may be megabytes.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        size = TURN_BYTES if size is None or size < 0 else min(size, TURN_BYTES)
        return super().read(size)


class FileSource:
    """A part of a local file. The system sends it, so that no byte of it comes into this process.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    """

    is_ready = True

    def __init__(self, path: Path, start: int, stop: int) -> None:
        self.file = _PieceFile(path)
        self.file.seek(start)
        self._position = start
        self._stop = stop

    def __iter__(self) -> Iterator[bytes]:
        """Yield the part, piece by piece."""
        while self._position < self._stop:
            piece = self.file.read(min(PIECE_BYTES, self._stop - self._position))
            if not piece:
                raise EOFError(self.file.name)
            self._position += len(piece)
            yield piece

    def load(self) -> None:
        """Do nothing: a file is ready."""

    def send_to(self, connection: socket.socket) -> bool:
        """Send what a connection takes now, and return whether that was all."""
        count = min(TURN_BYTES, self._stop - self._position)
        sent = os.sendfile(connection.fileno(), self.file.fileno(), self._position, count)
        if not sent:
            raise OSError("the file is shorter than it was")
        self._position += sent
        return self._position >= self._stop

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class PieceSource:
    """Pieces that may take a while, such as those of object storage.

    The first one is there when this is made: what cannot be read is told before an answer begins.

    Parameters
    ----------
    length:
        Of all pieces together.
    """

    def __init__(self, pieces: Iterator[bytes], length: int) -> None:
        self._pieces = pieces
        self._missing = length
        self._piece = memoryview(b"")
        self.load()

    @property
    def is_ready(self) -> bool:
        """Whether a piece is there."""
        return bool(self._piece)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the pieces."""
        yield bytes(self._piece)
        yield from self._pieces

    def load(self) -> None:
        """Wait for the next piece."""
        self._piece = memoryview(next(self._pieces))

    def send_to(self, connection: socket.socket) -> bool:
        """Send what a connection takes now, and return whether that was all."""
        sent = connection.send(self._piece)
        self._piece = self._piece[sent:]
        self._missing -= sent
        return self._missing <= 0

    def close(self) -> None:
        """Read no more."""
        self._piece = memoryview(b"")
