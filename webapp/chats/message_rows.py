"""Messages in the database: one function makes a row, and one reads it.

Add a new column to `MESSAGE_COLUMNS` and `message_row`, and nowhere else.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.engine import Connection

from webapp.authoring.chat_message import (
    ASSISTANT,
    ERROR,
    INTERRUPTED,
    STEP,
    STREAMING,
    TASKS,
    USER,
    ChatMessage,
    ElementData,
)
from webapp.authoring.questions.question import interrupted_question, is_open
from webapp.chats.models import Message
from webapp.database.upserts import insert_of

MESSAGE_COLUMNS = (
    Message.id,
    Message.kind,
    Message.author,
    Message.content,
    Message.status,
    Message.created_at,
    Message.profile,
    Message.turn_id,
    Message.sequence,
    Message.details,
    Message.elements,
)
# Columns are named as the fields are.
_NAMES = [column.key for column in MESSAGE_COLUMNS]
# Built once: building a statement takes longer than running it.
SHOWN_MESSAGES = select(*MESSAGE_COLUMNS).where(
    Message.chat_id == bindparam("chat_id"), Message.replaced_by.is_(None)
)
_NEW = insert(Message)
# What a stored message keeps when it changes. One of an earlier call also keeps its profile.
_KEPT = frozenset(("id", "kind", "created_at", "turn_id", "sequence"))
_CHANGING = [name for name in _NAMES if name not in _KEPT]
_CHANGING_LATER = [name for name in _CHANGING if name != "profile"]
_CHANGED = (
    update(Message)
    .where(
        Message.id == bindparam("message"),
        Message.chat_id == bindparam("chat"),
        Message.kind.in_([ASSISTANT, ERROR, USER, STEP, TASKS]),
    )
    .values({name: bindparam(f"new_{name}") for name in _CHANGING_LATER})
)


def message_row(chat_id: uuid.UUID, message: ChatMessage) -> dict[str, Any]:
    """Return the row of a message, for a plain insert."""
    return {
        "id": message.id,
        "chat_id": chat_id,
        "kind": message.kind,
        "author": message.author,
        "content": message.content,
        "status": message.status,
        "created_at": message.created_at,
        "profile": message.profile,
        "turn_id": message.turn_id,
        "sequence": message.sequence,
        "details": message.details,
        "elements": [element.to_json() for element in message.elements] or None,
    }


def message_from_row(row: Any) -> ChatMessage:
    """Return the message of a row that begins with `MESSAGE_COLUMNS`."""
    values = dict(zip(_NAMES, row, strict=False))
    values["elements"] = tuple(map(ElementData.from_json, values["elements"] or ()))
    return ChatMessage(**values)


def shown_message(row: Any, *, running: bool, turn_id: uuid.UUID | None = None) -> ChatMessage:
    """Return a message as a page shows it.

    If its turn no longer runs, nobody continues the message, so it is shown as interrupted.

    Parameters
    ----------
    turn_id:
        The only turn that can run, if it is known. Nobody waits for the answers of another one.
    """
    message = message_from_row(row)
    waits = running and turn_id in (None, message.turn_id)
    if message.details is not None and not waits and is_open(message):
        message = interrupted_question(message)
    if message.status == STREAMING and not running:
        return replace(message, status=INTERRUPTED)
    return message


def insert_messages(
    connection: Connection, chat_id: uuid.UUID, messages: Iterable[ChatMessage]
) -> None:
    """Store new messages of a chat."""
    new = [message_row(chat_id, message) for message in messages]
    if new:
        connection.execute(_NEW, new)


def upsert_messages(
    connection: Connection, chat_id: uuid.UUID, messages: Iterable[ChatMessage]
) -> None:
    """Store messages of a running turn, whether they are stored already or not."""
    stored = [message_row(chat_id, message) for message in messages]
    if stored:
        connection.execute(_upsert(connection.dialect.name), stored)


def update_message(connection: Connection, chat_id: uuid.UUID, message: ChatMessage) -> bool:
    """Change a message of an earlier turn, and return whether it exists."""
    row = message_row(chat_id, message)
    new = {f"new_{name}": row[name] for name in _CHANGING_LATER}
    return bool(
        connection.execute(_CHANGED, {"message": message.id, "chat": chat_id, **new}).rowcount
    )


@lru_cache(maxsize=2)
def _upsert(dialect: str) -> Any:
    # A commit that seemed to fail may have succeeded. Then the step is stored a second time.
    statement = insert_of(dialect, Message)
    # A step may take the place that waits for the answer.
    changed = {name: statement.excluded[name] for name in ("kind", *_CHANGING)}
    return statement.on_conflict_do_update(
        index_elements=["id"],
        set_=changed,
        # An author may give any id. A message of another chat stays as it is.
        where=Message.chat_id == statement.excluded.chat_id,
    )
