"""Fetch a chat for its owner."""

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
_FIND_CHAT = select(
    Chat.id,
    Chat.owner,
    Chat.profile,
    Chat.session_id,
    Chat.turn_id,
    Chat.title,
    Chat.written,
    Chat.ended_at,
    Chat.snapshots,
    Chat.imported_at,
    Chat.inputs,
).where(
    Chat.id == bindparam("chat_id"),
    Chat.owner == bindparam("owner_id"),
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
    imported_at: datetime | None = None
    # What its user can set beside the composer.
    inputs: dict[str, Any] | None = None


def my_chat(chat_id: uuid.UUID) -> StoredChat:
    """Return a chat of the user of this request. Every view gets its chat from here.

    Raises
    ------
    NotFound
        The chat is someone else's, or there is none: both look the same. It is logged.
    """
    chat = find_my_chat(chat_id)
    if chat is None:
        user = owner()
        kind, _, identifier = (user or "").partition(":")
        username = identifier if kind == "user" else None
        record_refusal("chat.not_found", username, level=logging.INFO, owner=user, chat=chat_id)
        raise NotFound
    return chat


def find_my_chat(chat_id: uuid.UUID) -> StoredChat | None:
    """Return a chat of the user of this request, or ``None``, where it need not exist."""
    with read_connection() as connection:
        chat = connection.execute(_FIND_CHAT, {"chat_id": chat_id, "owner_id": owner()}).first()
    return None if chat is None else StoredChat(**chat._mapping)
