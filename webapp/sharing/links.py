"""The link of a chat: create it, include newer messages, delete it."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, func, insert, select, update
from werkzeug.exceptions import NotFound

from webapp.chats.models import Chat, Message, Share
from webapp.chats.store import StoredChat
from webapp.database.engines import read_connection, utc_now, write_transaction
from webapp.web.refusals import Refusal

TOKEN_BYTES = 32

_VISIBLE = (Message.chat_id == bindparam("chat_id"), Message.replaced_by.is_(None))
_FIND_LINK = select(Share.token, Share.created_at, Share.last_sequence).where(
    Share.chat_id == bindparam("chat_id")
)
_COUNT_NEWER = (
    select(func.count()).select_from(Message).where(*_VISIBLE, Message.sequence > bindparam("last"))
)
_FIND_NEWEST = select(func.max(Message.sequence)).where(*_VISIBLE)
# On PostgreSQL the lock lets two who share a chat at once take turns. SQLite lets writers queue.
_LOCK_CHAT = (
    select(Chat.id)
    .where(
        Chat.id == bindparam("chat_id"),
        Chat.owner == bindparam("owner"),
        Chat.deleted_at.is_(None),
    )
    .with_for_update()
)
_INSERT_LINK = insert(Share)
_UPDATE_LINK = (
    update(Share)
    .where(Share.chat_id == bindparam("b_chat_id"))
    .values(last_sequence=bindparam("new_last"))
)
_DELETE_LINK = delete(Share).where(Share.chat_id == bindparam("chat_id"))


@dataclass(frozen=True)
class ShareLink:
    """The token of a shared chat, and how many messages it does not include."""

    token: str
    created_at: datetime
    newer: int


class NothingToShareError(Refusal):
    """A chat without messages."""

    code = 409
    title = "Not shared"
    message = "This chat is empty."
    advice = "Write a message in it first."


def find_link(chat: StoredChat) -> ShareLink | None:
    """Return the link of a chat, or ``None`` if the chat is not shared."""
    with read_connection() as connection:
        found = connection.execute(_FIND_LINK, {"chat_id": chat.id}).first()
        if found is None:
            return None
        newer = connection.execute(_COUNT_NEWER, {"chat_id": chat.id, "last": found.last_sequence})
        return ShareLink(found.token, found.created_at, newer.scalar_one())


def share(chat: StoredChat) -> None:
    """Share all messages of a chat so far. If the chat has a link already, the link stays the same.

    Raises
    ------
    NothingToShareError
        The chat has no messages.
    NotFound
        The chat was deleted in the meantime.
    """
    with write_transaction() as connection:
        locked = connection.execute(_LOCK_CHAT, {"chat_id": chat.id, "owner": chat.owner}).first()
        if locked is None:
            raise NotFound
        newest = connection.execute(_FIND_NEWEST, {"chat_id": chat.id}).scalar_one()
        if newest is None:
            raise NothingToShareError

        if connection.execute(_UPDATE_LINK, {"b_chat_id": chat.id, "new_last": newest}).rowcount:
            return
        link = {
            "id": uuid.uuid4(),
            "chat_id": chat.id,
            "token": secrets.token_urlsafe(TOKEN_BYTES),
            "last_sequence": newest,
            "created_at": utc_now(),
        }
        connection.execute(_INSERT_LINK, link)


def unshare(chat: StoredChat) -> bool:
    """Delete the link of a chat for good, and return whether there was one."""
    with write_transaction() as connection:
        return connection.execute(_DELETE_LINK, {"chat_id": chat.id}).rowcount > 0
