"""What was said in a chat, for the author's code to answer to."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from flask import Flask
from sqlalchemy import bindparam, or_, select

from webapp.authoring.chat_message import ASSISTANT, USER
from webapp.authoring.resumed_chat import ResumedMessage
from webapp.chats.models import Message, Turn
from webapp.database.engines import read_connection

# Above every number that a message can have.
END_SEQUENCE = 2**31 - 1
_HISTORY = (
    select(
        Message.id,
        Message.kind,
        Message.content,
        Message.author,
        Message.profile,
        Message.created_at,
    )
    .outerjoin(Turn, Turn.id == Message.turn_id)
    .where(
        Message.chat_id == bindparam("of_chat"),
        Message.sequence < bindparam("before"),
        Message.replaced_by.is_(None),
        Message.kind.in_([USER, ASSISTANT]),
        Message.content != "",
        or_(Message.kind == USER, Turn.id.is_(None), ~Turn.retried),
    )
    .order_by(Message.sequence.desc())
    .limit(1_000)
)


def list_history(app: Flask, chat_id: uuid.UUID, sequence: int) -> list[tuple[uuid.UUID, str, str]]:
    """Return role and text of what was said before a message, oldest first; at most 1,000.

    Called by the author's code, in whatever thread that runs.
    """
    with app.app_context():
        return [(row.id, row.kind, row.content) for row in _said_before(chat_id, sequence)]


def list_resumed_messages(chat_id: uuid.UUID, sequence: int) -> list[ResumedMessage]:
    """Return what was said before a message for an app that takes the chat up again."""
    return [
        ResumedMessage(
            id=str(row.id),
            role=row.kind,
            author=row.author,
            content=row.content,
            profile=row.profile,
            created_at=row.created_at,
        )
        for row in _said_before(chat_id, sequence)
    ]


def _said_before(chat_id: uuid.UUID, sequence: int) -> Sequence[Any]:
    with read_connection() as connection:
        found = connection.execute(_HISTORY, {"of_chat": chat_id, "before": sequence}).all()
    return found[::-1]


def get_question_text(chat_id: uuid.UUID, question_id: uuid.UUID) -> str:
    """Return what a user wrote in a message of a chat."""
    written = select(Message.content).where(
        Message.chat_id == chat_id, Message.id == question_id, Message.kind == USER
    )
    with read_connection() as connection:
        return str(connection.execute(written).scalar_one())
