"""What all stores share: the names of contents, their pieces, and what can go wrong."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

# What is in memory at once of a content.
PIECE_BYTES = 512 * 1024
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


class FilesUnavailableError(Exception):
    """The store does not answer, or has no room. Nothing was changed."""


class ChangedContentError(Exception):
    """A file changed while it was stored. Nothing was stored."""


@dataclass(frozen=True, kw_only=True)
class StoredItem:
    """A content in a store."""

    sha256: str
    size: int
    stored_at: datetime


def is_sha256(name: str) -> bool:
    """Return whether a name is that of a content."""
    return _SHA256.fullmatch(name) is not None


def read_pieces(source: BinaryIO, length: int | None = None) -> Iterator[bytes]:
    """Yield the rest of a file, or the next ``length`` bytes of it, piece by piece."""
    left = length
    while left is None or left > 0:
        piece = source.read(PIECE_BYTES if left is None else min(PIECE_BYTES, left))
        if not piece:
            return
        if left is not None:
            left -= len(piece)
        yield piece


def check_content(source: BinaryIO, sha256: str) -> Iterator[bytes]:
    """Yield a content piece by piece, and check it at its end.

    Raises
    ------
    ChangedContentError
        It is another content. The pieces must not be kept.
    """
    digest = hashlib.sha256()
    for piece in read_pieces(source):
        digest.update(piece)
        yield piece
    if digest.hexdigest() != sha256:
        raise ChangedContentError
