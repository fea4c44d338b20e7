"""What a user has attached: how their message shows it, and local copies for the app."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from webapp.authoring.chat_message import ElementData, ElementKind
from webapp.authoring.elements.files import picture_size
from webapp.files.contents import FilesUnavailableError
from webapp.files.saving import PreparedFile
from webapp.files.store import file_store
from webapp.files.temporary import delete_temporary, new_temporary_path
from webapp.files.types import SHOWN, SVG

# File systems take no longer names. Characters of many scripts have three bytes each.
NAME_BYTES = 240
ENDING_BYTES = 20
# A picture tells its width and height near its beginning. The rest is not looked through: it may be
# made to take long.
PICTURE_HEAD_BYTES = 256 * 1024
KINDS: Mapping[str, ElementKind] = {"image": "image", "audio": "audio", "video": "video"}


def element_of(file: PreparedFile) -> ElementData:
    """Return how a message shows a file that its user has attached."""
    mime, source, details = file.stored.mime, file.new.source, dict[str, Any]()
    kind = "pdf" if mime == "application/pdf" else KINDS.get(mime.partition("/")[0], "file")
    if mime not in SHOWN and mime != SVG:
        kind = "file"
    if kind == "image":
        details["size"] = "small"
        if mime != SVG and isinstance(source, Path):
            with source.open("rb") as opened:
                details |= picture_size(opened.read(PICTURE_HEAD_BYTES))
    return ElementData(id=file.new.id, kind=kind, name=file.name, file=file.stored, details=details)


class LocalCopies:
    """The files of a message, each under its own name, which the app may read and change.

    Attributes
    ----------
    paths:
        By the ids of the elements.
    """

    def __init__(self) -> None:
        self.paths: dict[uuid.UUID, Path] = {}

    def take_over(self, received: Sequence[PreparedFile]) -> tuple[PreparedFile, ...]:
        """Let files that have just arrived be the copies. Return them with their new places.

        Raises
        ------
        FilesUnavailableError
            The disk is full.
        """
        moved = []
        for file in received:
            copy = self._new_path(file.new.id, file.name)
            if isinstance(file.new.source, Path):
                with _unavailable(file.name):
                    file.new.source.rename(copy)
            moved.append(replace(file, new=replace(file.new, source=copy)))
        return tuple(moved)

    def fetch(self, elements: Sequence[ElementData]) -> None:
        """Copy the files from the store, but for those that are here already.

        A file whose content is not in the store any more gets no copy.

        Raises
        ------
        FilesUnavailableError
            The store does not answer, or the disk is full.
        """
        for element in elements:
            if element.file is None or element.id in self.paths:
                continue
            copy = self._new_path(element.id, element.name)
            with _unavailable(element.name), copy.open("xb") as file:
                try:
                    file.writelines(file_store().read(element.file.sha256))
                except FileNotFoundError:
                    del self.paths[element.id]
                    delete_temporary(copy.parent)

    def _new_path(self, element_id: uuid.UUID, name: str) -> Path:
        with _unavailable(name):
            folder = new_temporary_path()
            folder.mkdir(mode=0o700)
        copy = self.paths[element_id] = folder / _shorten(name)
        return copy

    def delete(self) -> None:
        """Delete the copies."""
        for path in self.paths.values():
            delete_temporary(path.parent)


@contextmanager
def _unavailable(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FilesUnavailableError(f"{name}: {error.strerror}") from error


def _shorten(name: str) -> str:
    raw = os.fsencode(name)
    if len(raw) <= NAME_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    kept = f".{ending}" if dot and len(os.fsencode(ending)) <= ENDING_BYTES else ""
    raw = os.fsencode(stem if kept else name)[: NAME_BYTES - len(kept.encode())]
    return raw.decode(errors="ignore") + kept
