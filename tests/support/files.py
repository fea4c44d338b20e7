"""Files of chats, made without an app file that sends them."""

from __future__ import annotations

import uuid
from pathlib import Path

from flask import Flask

from webapp.authoring.chat_message import NewFile
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
