"""Files of chats, made without an app file that sends them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from flask import Flask

from tests.support.history import History
from webapp.authoring.chat_message import ASSISTANT, COMPLETE, ChatMessage, ElementData, NewFile
from webapp.chats.message_rows import insert_messages
from webapp.database.engines import utc_now, write_transaction
from webapp.files.saving import save_files


def new_file(content: bytes | Path = b"Hello, file", name: str = "hello.txt") -> NewFile:
    """Return a file as an author gives it."""
    return NewFile(id=uuid.uuid4(), name=name, mime=None, source=content)


def contents(app: Flask) -> list[bytes]:
    """Return all contents in the folder of an app, sorted."""
    folder = app.extensions["settings"].files_folder
    return sorted(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def save(app: Flask, chat_id: uuid.UUID, message_id: uuid.UUID, *files: NewFile) -> list[str]:
    """Save files of a message, and return the hashes of their contents."""
    return [stored.sha256 for stored in save_files(app, chat_id, message_id, files)]


@dataclass(frozen=True)
class Shown:
    """A message that shows files, and their addresses."""

    chat_id: uuid.UUID
    message_id: uuid.UUID
    elements: tuple[ElementData, ...]

    @property
    def chat(self) -> str:
        """Return the address of the chat."""
        return f"/chats/{self.chat_id}"

    @property
    def address(self) -> str:
        """Return the address of the first file."""
        return f"/files/{self.elements[0].id}/x"


def show(
    app: Flask,
    owner: str,
    *files: NewFile,
    chat_id: uuid.UUID | None = None,
    sequence: int = 1,
) -> Shown:
    """Store a message that shows files, in a new chat of somebody unless one is given."""
    if chat_id is None:
        chat_id = History(app).write("Files", owner=owner)
    message_id = uuid.uuid4()
    stored = save_files(app, chat_id, message_id, files)
    elements = tuple(
        ElementData(id=new.id, kind="file", name=new.name, file=file)
        for new, file in zip(files, stored, strict=True)
    )
    message = ChatMessage(
        id=message_id,
        kind=ASSISTANT,
        content="Here.",
        status=COMPLETE,
        created_at=utc_now(),
        sequence=sequence,
        elements=elements,
    )
    with app.app_context(), write_transaction() as connection:
        insert_messages(connection, chat_id, [message])
    return Shown(chat_id, message_id, elements)
