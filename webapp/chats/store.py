"""Chats in the database: got for their owner, with what was said in them."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from werkzeug.exceptions import NotFound

from webapp.accounts.audit import record_refusal
from webapp.chats.models import Chat, Message
from webapp.database.engines import read_connection
from webapp.engine.work import INTERRUPTED

# Built once: building a statement takes longer than running it.
_CHAT = select(
    Chat.id,
    Chat.owner,
    Chat.profile,
    Chat.session_id,
    Chat.turn_id,
    Chat.title,
    Chat.written,
    Chat.ended_at,
    Chat.snapshots,
).where(
    Chat.id == bindparam("wanted"),
    Chat.owner == bindparam("of_owner"),
    Chat.deleted_at.is_(None),
)
SHOWN = select(
    Message.id,
    Message.kind,
    Message.author,
    Message.content,
    Message.status,
    Message.created_at,
    Message.turn_id,
    Message.sequence,
    Message.profile,
).where(Message.chat_id == bindparam("of_chat"), Message.replaced_by.is_(None))


@dataclass(frozen=True)
class StoredChat:
    """What a request needs to know of a chat."""

    id: uuid.UUID
    owner: str
    profile: str | None
    session_id: uuid.UUID | None
    turn_id: uuid.UUID | None
    title: str | None = None
    written: bool = False
    ended_at: datetime | None = None
    snapshots: dict[str, Any] = field(default_factory=dict)


def get_chat(chat_id: uuid.UUID, owner: str | None) -> StoredChat:
    """Return a chat of ``owner``.

    Raises
    ------
    NotFound
        When it is somebody else's, or there is none: the two look the same (R20). It is logged
        with who asked (R53).
    """
    with read_connection() as connection:
        chat = connection.execute(_CHAT, {"wanted": chat_id, "of_owner": owner}).first()
    if chat is None:
        record_refusal(
            "chat.not_found", _user(owner), level=logging.INFO, owner=owner, chat=chat_id
        )
        raise NotFound
    return StoredChat(*chat)


@dataclass(frozen=True)
class StoredMessage:
    """A message as it is shown: one that nobody writes any more is not growing (R63)."""

    id: uuid.UUID
    kind: str
    author: str | None
    content: str
    status: str
    created_at: datetime
    turn_id: uuid.UUID | None
    sequence: int
    profile: str | None


def _user(owner: str | None) -> str | None:
    kind, _, identifier = (owner or "").partition(":")
    return identifier if kind == "user" else None


def as_shown(row: Any, *, running: bool) -> StoredMessage:
    """Return a message of the database as it is shown, while the last turn runs or not."""
    message = StoredMessage(*row)
    if message.status == "streaming" and not running:
        return replace(message, status=INTERRUPTED)
    return message
