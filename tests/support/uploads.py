"""Attaching files to a message, as a page does without JavaScript."""

from __future__ import annotations

import struct
import uuid
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from tests.support.chats import Chat

UPLOADS = """
    from pathlib import Path

    import chat_profiles as cl

    cl.set_uploads({rules})

    def beginning(path):
        with Path(path).open("rb") as file:
            return file.read(20).decode(errors="replace")

    @cl.on_message
    async def answer(message: cl.Message):
        told = [f"{{e.name}} {{e.mime}} {{e.size}}" for e in message.elements]
        read = [beginning(e.path) for e in message.elements]
        await cl.Message(f"{{message.content}}|{{'; '.join(told)}}|{{'; '.join(read)}}").send()
"""
Sent = tuple[str, bytes] | tuple[str, bytes, str]


def uploads_app(rules: str = "") -> str:
    """Return an app file that says what it was sent."""
    return UPLOADS.format(rules=rules)


def attach(
    chat: Chat,
    *files: Sent,
    content: str = "See",
    key: str | None = None,
    htmx: bool = False,
    **more: Any,
) -> TestResponse:
    """Send a message with files, each with a name, a content and perhaps a type."""
    form: dict[str, Any] = {"key": key or str(uuid.uuid4()), "content": content, **more}
    if not chat.visitor.token:
        chat.visitor.get(chat.address)
    form = {"csrf_token": chat.visitor.token, **form}
    form["files"] = [as_file(*file) for file in files]
    boundary, body = encode_multipart(form)
    return chat.visitor.client.post(
        f"{chat.address}/messages",
        data=body,
        content_type=f"multipart/form-data; boundary={boundary}",
        headers={"HX-Request": "true"} if htmx else {},
    )


def as_file(name: str, data: bytes, mime: str | None = None) -> FileStorage:
    """Return a file as a form sends it."""
    return FileStorage(BytesIO(data), name, content_type=mime)


def say_with(chat: Chat, *files: Sent, content: str = "See") -> Chat:
    """Send a message with files, and wait for its answer."""
    answer = attach(chat, *files, content=content)
    assert answer.status_code == 303, answer.text
    return chat.until_answered()


def temporary_files(app: Flask) -> list[Path]:
    """Return what requests and callbacks have on the disk for a while."""
    folder: Path = app.extensions["settings"].files_folder
    return sorted((folder / "temporary").glob("*"))


def stored_contents(app: Flask) -> Sequence[bytes]:
    """Return all that is in the store."""
    folder: Path = app.extensions["settings"].files_folder
    return sorted(path.read_bytes() for path in folder.glob("[0-9a-f][0-9a-f]/*"))


def png(width: int = 64, height: int = 48) -> bytes:
    """Return a picture of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (b"\x00" + b"\x2a\x7d\x6f" * width) * height
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data
