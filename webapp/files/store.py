"""The store of the contents of files: what it can do, and which one a site has.

A content is named by its SHA-256, so what is the same is kept once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from flask import Flask

from webapp.config.settings import Settings
from webapp.files.contents import StoredItem
from webapp.files.folder_store import FolderStore
from webapp.site import this_app

EXTENSION = "file_store"


class FileStore(Protocol):
    """A place for contents. What it cannot do for now raises `FilesUnavailableError`."""

    def put(self, source: BinaryIO, sha256: str, size: int) -> None:
        """Store a content. Others see all of it or nothing."""

    def exists(self, sha256: str) -> bool:
        """Return whether the content is here."""

    def read(self, sha256: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield the bytes from ``start`` up to ``stop``, in pieces of at most `PIECE_BYTES`.

        Raises
        ------
        FileNotFoundError
            The content is not here.
        """

    def path(self, sha256: str) -> Path | None:
        """Return the local file with the content; ``None`` if there are no such files."""

    def delete(self, sha256: str) -> None:
        """Delete a content, if it is here."""

    def list_all(self) -> Iterator[StoredItem]:
        """Yield what is here."""

    def delete_unfinished(self, before: datetime) -> int:
        """Delete what was begun before then and never finished. Return how many."""


def make_store(settings: Settings) -> FileStore:
    """Return the store that the settings name. Nothing is made, and nobody is asked."""
    folder = settings.files_folder
    if folder is not None:
        return FolderStore(folder, group_reads=bool(settings.files_sendfile))
    from webapp.files.s3_store import S3Store  # noqa: PLC0415 - an extra, which takes 20 MiB

    return S3Store(settings.files_url)


def set_up_files(app: Flask, settings: Settings) -> None:
    """Give ``app`` its store."""
    app.extensions[EXTENSION] = make_store(settings)


def file_store() -> FileStore:
    """Return the store of this site."""
    found: FileStore = this_app().extensions[EXTENSION]
    return found
