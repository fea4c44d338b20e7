"""The earlier messages of a chat, for the author's code."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from flask import Flask
from sqlalchemy import Executable, bindparam, null, or_, select
from werkzeug.exceptions import NotFound

from webapp.authoring.chat_message import ASSISTANT, USER, ChatMessage, ElementData
from webapp.authoring.errors import MisuseError
from webapp.authoring.inputs.message_choices import choices_of
from webapp.authoring.resumed_chat import ResumedMessage
from webapp.authoring.uploads.received import received_elements
from webapp.chats.message_rows import MESSAGE_COLUMNS, message_from_row
from webapp.chats.models import Message, Turn
from webapp.database.engines import read_connection

# Above the sequence number of every message.
END_SEQUENCE = 2**31 - 1
_LIST_BEFORE = (
    select(
        Message.id,
        Message.kind,
        Message.content,
        Message.author,
        Message.profile,
        Message.created_at,
        Message.elements,
        Message.details,
    )
    .outerjoin(Turn, Turn.id == Message.turn_id)
    .where(
        Message.chat_id == bindparam("chat_id"),
        Message.sequence < bindparam("before"),
        Message.replaced_by.is_(None),
        Message.kind.in_([USER, ASSISTANT]),
        # Of a turn that was retried, its question alone.
        or_(Message.sequence < Turn.first_sequence, Turn.id.is_(None), ~Turn.retried),
    )
    .order_by(Message.sequence.desc())
    .limit(1_000)
)
_LIST_TEXTS_BEFORE = _LIST_BEFORE.with_only_columns(
    Message.id, Message.kind, Message.content
).where(Message.content != "")
_LIST_SHOWN_BEFORE = _LIST_BEFORE.where(or_(Message.content != "", Message.elements.is_not(null())))

_FIND = select(*MESSAGE_COLUMNS, Message.chat_id).where(
    Message.id == bindparam("message_id"), Message.replaced_by.is_(None)
)


def list_history(app: Flask, chat_id: uuid.UUID, sequence: int) -> list[tuple[uuid.UUID, str, str]]:
    """Return id, role and text of up to 1,000 messages before a number, the oldest first.

    The author's code calls this, in any thread.
    """
    with app.app_context():
        rows = _rows_before(_LIST_TEXTS_BEFORE, chat_id, sequence)
        return [(row.id, row.kind, row.content) for row in rows]


def list_resumed_messages(chat_id: uuid.UUID, sequence: int) -> list[ResumedMessage]:
    """Return up to 1,000 messages before a number, for `@on_chat_resume`."""
    return [
        _resumed_message(chat_id, row)
        for row in _rows_before(_LIST_SHOWN_BEFORE, chat_id, sequence)
    ]


def _resumed_message(chat_id: uuid.UUID, row: Any) -> ResumedMessage:
    choices = choices_of(row.details if row.kind == USER else None)
    elements = [ElementData.from_json(element) for element in row.elements or ()]
    return ResumedMessage(
        id=str(row.id),
        role=row.kind,
        author=row.author,
        content=row.content,
        profile=row.profile,
        created_at=row.created_at,
        elements=received_elements(elements, row.id, str(chat_id), {}),
        command=choices.command,
        modes=dict(choices.modes) or None,
    )


def _rows_before(statement: Executable, chat_id: uuid.UUID, sequence: int) -> Sequence[Any]:
    with read_connection() as connection:
        found = connection.execute(statement, {"chat_id": chat_id, "before": sequence}).all()
    return found[::-1]


def find_message(app: Flask, chat_id: uuid.UUID, message_id: uuid.UUID) -> ChatMessage | None:
    """Return a message of a chat as it is stored. The author's code calls this, in any thread.

    Raises
    ------
    MisuseError
        The message is in another chat, so no message of this chat can have its id.
    """
    with app.app_context(), read_connection() as connection:
        row = connection.execute(_FIND, {"message_id": message_id}).first()
    if row is not None and row.chat_id != chat_id:
        raise MisuseError(f"The message {message_id} belongs to another chat.")
    return None if row is None else message_from_row(row)


def get_question(chat_id: uuid.UUID, question_id: uuid.UUID) -> ChatMessage:
    """Return a message of the user.

    Raises
    ------
    NotFound
        The app has removed it.
    """
    question = select(*MESSAGE_COLUMNS).where(
        Message.chat_id == chat_id, Message.id == question_id, Message.kind == USER
    )
    with read_connection() as connection:
        row = connection.execute(question).first()
    if row is None:
        raise NotFound
    return message_from_row(row)
