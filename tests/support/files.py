"""Files of chats, made without an app file that sends them."""

from __future__ import annotations

import hashlib
import re
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path

from flask import Flask

from tests.support.history import History
from tests.support.servers import PATIENCE
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


class Reader:
    """Somebody who reads a file of a server over a socket, as fast or as slowly as a test likes.

    Parameters
    ----------
    start:
        The first byte that is asked for.
    """

    def __init__(self, port: int, path: str, cookies: str, start: int = 0) -> None:
        self.connection = socket.socket()
        # A small window, as a phone has: what is not read stays with the server.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        self.connection.settimeout(PATIENCE)
        self.connection.connect(("127.0.0.1", port))
        asked = f"Range: bytes={start}-\r\n" if start else ""
        self.connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookies}\r\n"
            f"{asked}\r\n".encode()
        )
        self.head, self._rest = b"", b""
        while b"\r\n\r\n" not in self._rest:
            self._rest += self._receive()
        self.head, _, self._rest = self._rest.partition(b"\r\n\r\n")

    def read(self, most: int) -> bytes:
        """Return some of the body; nothing at its end."""
        found, self._rest = self._rest[:most], self._rest[most:]
        return found or self.connection.recv(most)

    def digest(self) -> str:
        """Read all of the body, and return its SHA-256."""
        found = re.search(rb"(?i)\r\ncontent-length: (\d+)", self.head)
        assert found is not None, self.head
        digest, left = hashlib.sha256(), int(found[1])
        while left and (piece := self.read(min(left, 64 * 1024))):
            digest.update(piece)
            left -= len(piece)
        return digest.hexdigest()

    def close(self) -> None:
        """Go away."""
        self.connection.close()

    def _receive(self) -> bytes:
        piece = self.connection.recv(4_096)
        assert piece, self._rest
        return piece
