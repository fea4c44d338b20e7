"""Chats in the database: got for their owner."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from werkzeug.exceptions import NotFound

from webapp.accounts.audit import record_refusal
from webapp.accounts.login import owner
from webapp.chats.models import Chat
from webapp.database.engines import read_connection

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


@dataclass(frozen=True, kw_only=True)
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


def my_chat(chat_id: uuid.UUID) -> StoredChat:
    """Return a chat of whoever asks: the only way in which a view gets one.

    Raises
    ------
    NotFound
        When it is somebody else's, or there is none: the two look the same (R20). It is logged
        with who asked (R53).
    """
    me = owner()
    with read_connection() as connection:
        chat = connection.execute(_CHAT, {"wanted": chat_id, "of_owner": me}).first()
    if chat is None:
        record_refusal("chat.not_found", _user(me), level=logging.INFO, owner=me, chat=chat_id)
        raise NotFound
    return StoredChat(**chat._mapping)


def _user(owner: str | None) -> str | None:
    kind, _, identifier = (owner or "").partition(":")
    return identifier if kind == "user" else None
