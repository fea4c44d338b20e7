"""A chat as it was when it was shared, found by the token of its link."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, exists, func, or_, select
from werkzeug.exceptions import NotFound

from webapp.accounts.login import owner
from webapp.accounts.models import Account
from webapp.authoring.chat_message import STOPPED, STREAMING, ChatMessage
from webapp.chats.message_rows import message_from_row
from webapp.chats.models import Chat, Share, SharedMessage
from webapp.database.engines import read_connection, utc_now, write_transaction
from webapp.sharing.copies import COPIED_COLUMNS, copy_chat
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
        Chat.imported_at,
        Share.id.label("share_id"),
        Share.title,
        Share.profile,
        Share.snapshots,
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
# On PostgreSQL the lock lets two readers who open an old link at once take turns.
_LOCK_CHAT = select(Chat.id).where(Chat.id == bindparam("chat_id")).with_for_update()
_IS_OLD = select(Share.id).where(Share.id == bindparam("share_id"), Share.snapshots.is_(None))
_LIST_MESSAGES = (
    select(*COPIED_COLUMNS)
    .where(
        SharedMessage.share_id == bindparam("share_id"),
        SharedMessage.sequence < bindparam("before"),
    )
    .order_by(SharedMessage.sequence.desc())
    .limit(MESSAGES_AT_ONCE + 1)
)


@dataclass(frozen=True, kw_only=True)
class FoundChat:
    """A chat that is shared under a token, with its title and profiles at that time."""

    id: uuid.UUID
    owner: str
    imported_at: datetime | None
    share_id: uuid.UUID
    title: str | None
    # Of the last message that is shown.
    profile: str | None
    # Of each profile under which a shown message was sent.
    snapshots: dict[str, Any]
    token: str
    last_sequence: int
    shared_at: datetime


@dataclass(frozen=True, kw_only=True)
class SharedPage:
    """Consecutive messages of a shared chat, and whether there are earlier ones.

    The last one is unfinished if it was still being written when the chat was shared.
    """

    messages: list[ChatMessage]
    has_earlier: bool
    is_unfinished: bool


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
    if found is not None and found.snapshots is None:
        # A link of an earlier version showed the chat itself. From now on it shows a copy.
        which = {"chat_id": found.id, "share_id": found.share_id}
        with write_transaction() as connection:
            connection.execute(_LOCK_CHAT, which)
            if connection.execute(_IS_OLD, which).first() is not None:
                copy_chat(connection, found.share_id, found.id, found.last_sequence)
            found = connection.execute(_FIND_CHAT, {"token": token, "now": utc_now()}).first()
    if found is None:
        log_event("shared.not_found", owner=owner())
        raise NotFound
    return FoundChat(**found._mapping)


def messages_before(chat: FoundChat, sequence: int | None) -> SharedPage:
    """Return the newest shared messages, or those before the message with that number."""
    before = chat.last_sequence + 1 if sequence is None else sequence
    values = {"share_id": chat.share_id, "before": before}
    with read_connection() as connection:
        found = [message_from_row(row) for row in connection.execute(_LIST_MESSAGES, values)]
    # Nothing more will come here, so an answer that was being written has no cursor that blinks.
    messages = [
        replace(message, status=STOPPED) if message.status == STREAMING else message
        for message in found[:MESSAGES_AT_ONCE]
    ][::-1]
    is_unfinished = any(message.status == STREAMING for message in found)
    return SharedPage(
        messages=messages,
        has_earlier=len(found) > MESSAGES_AT_ONCE,
        is_unfinished=is_unfinished,
    )
