"""The elements of exported messages, and where their files are in the zip."""

from __future__ import annotations

import uuid
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.engine import Connection

from webapp.authoring.chat_message import ChatMessage, ElementData
from webapp.files.models import File
from webapp.files.names import clean_file_name

FOLDER = "files/"
HASH_SHOWN = 16
# Of a name in the zip. File systems take 255 bytes.
NAME_BYTES = 120
# Of the details of an element. The dark picture is a file, and payloads stay here.
LEFT_OUT = frozenset(("dark", "actions"))

_FILES = (
    select(File.id, File.message_id, File.sha256, File.size, File.mime, File.name)
    .where(
        File.chat_id == bindparam("chat_id"),
        File.message_id.in_(bindparam("message_ids", expanding=True)),
    )
    # The newest one comes last.
    .order_by(File.created_at)
)


@dataclass(frozen=True, kw_only=True)
class ExportedFile:
    """A file of an element."""

    name: str
    sha256: str
    size: int
    mime: str

    @property
    def path(self) -> str:
        """Return its path in the zip: what is the same there is there once."""
        return f"{FOLDER}{self.sha256[:HASH_SHOWN]}-{_shorten(self.name)}"


@dataclass(frozen=True, kw_only=True)
class ExportedElement:
    """An element of a message, with its file and the one for dark pages."""

    data: ElementData
    file: ExportedFile | None = None
    dark: ExportedFile | None = None

    @property
    def csv_path(self) -> str | None:
        """Return the path in the zip of a table as CSV; ``None`` if this is no table."""
        if self.data.kind != "dataframe" or self.file is None:
            return None
        name = clean_file_name(self.data.name or "table")
        return replace(self.file, name=f"{_shorten(name)}.csv").path

    @property
    def files(self) -> Iterable[ExportedFile]:
        """Return its files."""
        return [file for file in (self.file, self.dark) if file is not None]


@dataclass(frozen=True)
class FilesOfMessages:
    """The files of some messages of a chat, by message, element and content."""

    found: Mapping[tuple[uuid.UUID, str], Mapping[str, ExportedFile]] = field(default_factory=dict)

    def elements_of(self, message: ChatMessage) -> list[ExportedElement]:
        """Return the elements of a message with their files."""
        return [self._element(message.id, element) for element in message.elements]

    def _element(self, message_id: uuid.UUID, element: ElementData) -> ExportedElement:
        stored = element.file
        contents = self.found.get((message_id, str(element.id)), {})
        others = self.found.get((message_id, str(element.details.get("dark"))), {})
        return ExportedElement(
            data=element,
            file=None if stored is None else contents.get(stored.sha256) or _unknown(element),
            dark=next(reversed(list(others.values())), None),
        )


def find_files(
    connection: Connection, chat_id: uuid.UUID, messages: Sequence[ChatMessage]
) -> FilesOfMessages:
    """Return the files of messages. Without elements, nothing is asked."""
    ids = [message.id for message in messages if message.elements]
    if not ids:
        return FilesOfMessages()
    found: dict[tuple[uuid.UUID, str], dict[str, ExportedFile]] = {}
    for row in connection.execute(_FILES, {"chat_id": chat_id, "message_ids": ids}):
        file = ExportedFile(name=row.name, sha256=row.sha256, size=row.size, mime=row.mime)
        found.setdefault((row.message_id, str(row.id)), {})[row.sha256] = file
    return FilesOfMessages(found)


def element_json(element: ExportedElement, paths: Container[str]) -> dict[str, Any]:
    """Return an element as docs/export.md describes it.

    Parameters
    ----------
    paths:
        What is in the zip.
    """
    data = element.data
    found: dict[str, Any] = {
        "id": str(data.id),
        "kind": data.kind,
        "name": data.name,
        "display": data.display,
    }
    for name, file in (("file", element.file), ("dark", element.dark)):
        if file is not None:
            found[name] = {
                "path": file.path if file.path in paths else None,
                "name": file.name,
                "sha256": file.sha256,
                "size": file.size,
                "mime": file.mime,
            }
    if data.url is not None:
        found["url"] = data.url
    details = {name: value for name, value in data.details.items() if name not in LEFT_OUT}
    if details:
        found["details"] = details
    return found


def _unknown(element: ElementData) -> ExportedFile | None:
    stored = element.file
    if stored is None:
        return None
    name = clean_file_name(element.name)
    return ExportedFile(name=name, sha256=stored.sha256, size=stored.size, mime=stored.mime)


def _shorten(name: str) -> str:
    if len(name.encode()) <= NAME_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    kept = f".{ending}" if dot and len(ending) <= HASH_SHOWN else ""
    short = (stem if kept else name).encode()[: NAME_BYTES - len(kept.encode())]
    return short.decode(errors="ignore") + kept
