"""Exports of chats: made by hand, asked for as a user does, and brought in again."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from io import BytesIO
from typing import Any
from zipfile import ZipFile

from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from tests.support.people import Visitor
from webapp.chats.models import Chat, Feedback, Message
from webapp.database.engines import db

ALICE = "user:alice"


def export_of(*chats: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return an export of some chats; ``changes`` are to its own names."""
    return {"format": "chat-profiles", "version": 1, "chats": list(chats), **changes}


def chat_of(*contents: str, **changes: Any) -> dict[str, Any]:
    """Return a chat in which a user and an app have said this, one after the other."""
    kinds = ("user", "assistant")
    messages = [said(text, kinds[number % 2]) for number, text in enumerate(contents)]
    return {"title": "Rome", "profile": "team", "messages": messages, **changes}


def said(content: object, kind: object = "user", **changes: Any) -> dict[str, Any]:
    """Return a message."""
    return {"kind": kind, "content": content, **changes}


def exported(visitor: Visitor, path: str = "/chats") -> dict[str, Any]:
    """Return what a user gets who exports a chat, or all of them, as JSON."""
    answer = visitor.get(f"{path}/export?format=json")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = json.loads(answer.data)
    return found


def bring_in(visitor: Visitor, export: object, **kwargs: Any) -> TestResponse:
    """Paste an export, or any text, and send the form."""
    pasted = export if isinstance(export, str) else json.dumps(export)
    return visitor.post("/chats/import", {"data": pasted}, **kwargs)


def bring_in_file(
    visitor: Visitor, content: bytes, name: str = "chats.zip", **fields: Any
) -> TestResponse:
    """Choose a file on the page of imports, and send the form."""
    if not visitor.token:
        visitor.get("/chats/import")
    form = {"csrf_token": visitor.token, "data": "", **fields}
    form["file"] = FileStorage(BytesIO(content), name, content_type="application/zip")
    boundary, body = encode_multipart(form)
    return visitor.client.post(
        "/chats/import", data=body, content_type=f"multipart/form-data; boundary={boundary}"
    )


def zip_of(entries: Mapping[str, bytes | str]) -> bytes:
    """Return a zip with these entries."""
    made = BytesIO()
    with ZipFile(made, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return made.getvalue()


def exported_zip(visitor: Visitor, path: str = "/chats", form: str = "json") -> bytes:
    """Return what a user gets who exports chats with files."""
    answer = visitor.get(f"{path}/export?format={form}")
    assert (answer.status_code, answer.mimetype) == (200, "application/zip"), answer.text
    return bytes(answer.data)


def unzipped(content: bytes) -> dict[str, bytes]:
    """Return the entries of a zip."""
    with ZipFile(BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def imported(visitor: Visitor, export: object) -> str:
    """Bring one chat in and return its address."""
    answer = bring_in(visitor, export)
    assert answer.status_code == 303, answer.text
    return str(answer.location).partition("?")[0]


def store_chat(app: Flask, *messages: dict[str, Any], owner: str = ALICE, **changes: Any) -> str:
    """Store a chat as if it had been written in, and return its address."""
    chat = Chat(id=uuid.uuid4(), owner=owner, written=True)
    for name, value in {"profile": "team", "title": "Rome", **changes}.items():
        setattr(chat, name, value)
    with app.app_context(), Session(db.engine) as rows, rows.begin():
        rows.add(chat)
        rows.flush()
        for number, message in enumerate(messages):
            _store_message(rows, chat, number, **message)
        return f"/chats/{chat.id}"


def _store_message(
    rows: Session, chat: Chat, number: int, feedback: dict[str, Any] | None = None, **values: Any
) -> None:
    base = {"kind": "user", "profile": chat.profile, **values}
    message = Message(id=uuid.uuid4(), chat_id=chat.id, sequence=number, **base)
    rows.add(message)
    rows.flush()
    if feedback:
        about = {"message_id": message.id, "chat_id": chat.id, "owner": chat.owner}
        rows.add(Feedback(**about, **feedback))
