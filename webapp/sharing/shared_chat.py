"""A chat as its link shows it: found by its token, up to the last shared message."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, exists, func, or_, select
from werkzeug.exceptions import NotFound

from webapp.accounts.login import owner
from webapp.accounts.models import Account
from webapp.authoring.chat_message import ChatMessage
from webapp.chats.message_rows import MESSAGE_COLUMNS, message_from_row
from webapp.chats.models import Chat, Message, Share
from webapp.database.engines import read_connection, utc_now
from webapp.web.log import log_event

MESSAGES_AT_ONCE = 100
# What `secrets.token_urlsafe` makes of 32 bytes.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)

_OF_DISABLED_USER = exists().where(
    Chat.owner.startswith("user:"),
    # By its index: what follows "user:" is the username.
    Account.username == func.substr(Chat.owner, len("user:") + 1),
    Account.disabled,
)
_FIND_CHAT = (
    select(
        Chat.id,
        Chat.owner,
        Chat.title,
        Chat.profile,
        Chat.snapshots,
        Chat.imported_at,
        Share.token,
        Share.last_sequence,
        Share.created_at.label("shared_at"),
    )
    .join(Share, Share.chat_id == Chat.id)
    .where(
        Share.token == bindparam("token"),
        Chat.deleted_at.is_(None),
        or_(Chat.expires_at.is_(None), Chat.expires_at > bindparam("now")),
        ~_OF_DISABLED_USER,
    )
)
_VISIBLE = (
    Message.chat_id == bindparam("chat_id"),
    Message.sequence <= bindparam("last"),
    Message.replaced_by.is_(None),
)
_LIST_PROFILES = select(Message.profile).where(*_VISIBLE, Message.profile.is_not(None)).distinct()
_LIST_MESSAGES = (
    select(*MESSAGE_COLUMNS)
    .where(*_VISIBLE, Message.sequence < bindparam("before"))
    .order_by(Message.sequence.desc())
    .limit(MESSAGES_AT_ONCE + 1)
)


@dataclass(frozen=True, kw_only=True)
class FoundChat:
    """A chat that is shared under a token."""

    id: uuid.UUID
    owner: str
    title: str | None
    profile: str | None
    snapshots: dict[str, Any]
    imported_at: datetime | None
    token: str
    last_sequence: int
    shared_at: datetime


@dataclass(frozen=True)
class SharedPage:
    """Consecutive messages of a shared chat, and whether there are earlier ones."""

    messages: list[ChatMessage]
    has_earlier: bool


def find_shared(token: str) -> FoundChat:
    """Return the chat that is shared under a token.

    Raises
    ------
    NotFound
        The token is malformed, unknown, or of a chat that is gone or whose owner is disabled. All
        of these look the same.
    """
    found = None
    if _TOKEN.fullmatch(token):
        with read_connection() as connection:
            found = connection.execute(_FIND_CHAT, {"token": token, "now": utc_now()}).first()
    if found is None:
        log_event("shared.not_found", owner=owner())
        raise NotFound
    return FoundChat(**found._mapping)


def profiles_in(chat: FoundChat) -> set[str]:
    """Return the names of the profiles of the shared messages."""
    with read_connection() as connection:
        found = connection.execute(_LIST_PROFILES, {"chat_id": chat.id, "last": chat.last_sequence})
        return {str(name) for name in found.scalars()}


def messages_before(chat: FoundChat, sequence: int | None) -> SharedPage:
    """Return the newest shared messages, or those before the message with that number."""
    before = chat.last_sequence + 1 if sequence is None else sequence
    values = {"chat_id": chat.id, "last": chat.last_sequence, "before": before}
    with read_connection() as connection:
        found = [message_from_row(row) for row in connection.execute(_LIST_MESSAGES, values)]
    return SharedPage(found[:MESSAGES_AT_ONCE][::-1], len(found) > MESSAGES_AT_ONCE)
