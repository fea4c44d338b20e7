"""Contents in a private folder. Nobody but its owner may read it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from webapp.config.secret_file import make_private_folder
from webapp.files.contents import (
    FilesUnavailableError,
    StoredItem,
    check_content,
    is_sha256,
    read_pieces,
)

# What is being written is here, on the same disk, so that it can be renamed.
UNFINISHED = "unfinished"


class FolderStore:
    """Keeps each content in a file of its own, ``ab/abcd...`` for the SHA-256 ``abcd...``.

    Parameters
    ----------
    group_reads:
        Whether the group of this user may read, as a proxy that sends the files must.
    """

    def __init__(self, folder: Path, *, group_reads: bool = False) -> None:
        self._folder = folder
        self._group_reads = group_reads

    def put(self, source: BinaryIO, sha256: str, size: int) -> None:
        """Store a content under a temporary name, and rename it when the disk has it."""
        path = self.path(sha256)
        with _unavailable():
            # One look: another process may remove the content between two.
            with suppress(FileNotFoundError):
                if path.stat().st_size == size:
                    return
            unfinished = self._folder / UNFINISHED / uuid.uuid4().hex
            make_private_folder(unfinished.parent)
            is_first = not path.parent.exists()
            make_private_folder(path.parent)
            if is_first and self._group_reads:
                for folder in (self._folder, path.parent):
                    folder.chmod(0o750)
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                if self._group_reads:
                    os.fchmod(descriptor, 0o640)
                with open(descriptor, "wb") as file:  # noqa: PTH123 - by its number
                    file.writelines(check_content(source, sha256))
                    file.flush()
                    os.fsync(descriptor)
                unfinished.replace(path)
            except BaseException:
                unfinished.unlink(missing_ok=True)
                raise
            # The names, too: without them a row would name a file that a power cut has taken.
            _flush_names(path.parent)
            if is_first:
                _flush_names(self._folder)

    def exists(self, sha256: str) -> bool:
        """Return whether the content is here."""
        with _unavailable():
            return self.path(sha256).exists()

    def read(self, sha256: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Yield a part of a content, piece by piece."""
        with _unavailable(), self.path(sha256).open("rb", buffering=0) as file:
            file.seek(start)
            yield from read_pieces(file, None if stop is None else stop - start)

    def path(self, sha256: str) -> Path:
        """Return the file with the content."""
        return self._folder / sha256[:2] / sha256

    def delete(self, sha256: str) -> None:
        """Delete a content, if it is here."""
        with _unavailable():
            self.path(sha256).unlink(missing_ok=True)

    def list_all(self) -> Iterator[StoredItem]:
        """Yield what is here."""
        with _unavailable():
            for folder in sorted(self._folder.glob("[0-9a-f][0-9a-f]")):
                for path in folder.iterdir():
                    # Deleted meanwhile, perhaps.
                    with suppress(FileNotFoundError):
                        if is_sha256(path.name):
                            found = path.stat()
                            yield StoredItem(
                                sha256=path.name,
                                size=found.st_size,
                                stored_at=datetime.fromtimestamp(found.st_mtime, UTC),
                            )

    def delete_unfinished(self, before: datetime) -> int:
        """Delete what processes that ended have left."""
        count = 0
        with _unavailable():
            for path in (self._folder / UNFINISHED).glob("*"):
                with suppress(FileNotFoundError):
                    if path.stat().st_mtime < before.timestamp():
                        path.unlink()
                        count += 1
        return count


def _flush_names(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:  # for example, the disk is full
        raise FilesUnavailableError(f"{error.filename or 'files'}: {error.strerror}") from error
