"""The link of a chat: making it, renewing it, and taking it back."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.engine import Connection
from werkzeug.exceptions import NotFound

from webapp.chats.models import Chat, Message, Share
from webapp.chats.store import StoredChat
from webapp.database.engines import read_connection, utc_now, write_transaction
from webapp.web.refusals import Refusal

TOKEN_BYTES = 32

_SHOWN = (Message.chat_id == bindparam("of_chat"), Message.replaced_by.is_(None))
_LINK = select(Share.token, Share.created_at, Share.last_sequence).where(
    Share.chat_id == bindparam("of_chat")
)
_NEWER = (
    select(func.count()).select_from(Message).where(*_SHOWN, Message.sequence > bindparam("last"))
)
_NEWEST = select(func.max(Message.sequence)).where(*_SHOWN)
# On PostgreSQL two who share a chat at once come one after the other; on SQLite writers queue.
_STILL_THERE = (
    select(Chat.id)
    .where(
        Chat.id == bindparam("of_chat"),
        Chat.owner == bindparam("of_owner"),
        Chat.deleted_at.is_(None),
    )
    .with_for_update()
)
_NEW = insert(Share)
_RENEWED = (
    update(Share)
    .where(Share.chat_id == bindparam("of_chat"))
    .values(last_sequence=bindparam("last"))
)
_REVOKED = delete(Share).where(Share.chat_id == bindparam("of_chat"))


@dataclass(frozen=True)
class Link:
    """Under which token a chat can be read, since when, and how much is newer than what it shows"""

    token: str
    created_at: datetime
    newer: int


class NothingToShareError(Refusal):
    """A chat without messages."""

    code = 409
    title = "Not shared"
    message = "This chat is empty."
    advice = "Write a message in it first."


def link_of(chat: StoredChat) -> Link | None:
    """Return the link of a chat, if it is shared."""
    with read_connection() as connection:
        found = connection.execute(_LINK, {"of_chat": chat.id}).first()
    if found is None:
        return None
    with read_connection() as connection:
        newer = connection.execute(_NEWER, {"of_chat": chat.id, "last": found.last_sequence})
        return Link(found.token, found.created_at, newer.scalar_one())


def share(chat: StoredChat) -> None:
    """Share all that was said in a chat so far; a link that it has stays the same.

    Raises
    ------
    NothingToShareError
        When nothing was said in it.
    NotFound
        When the chat was deleted meanwhile.
    """
    of_chat = {"of_chat": chat.id}
    with write_transaction() as connection:
        _refuse_if_gone(connection, chat)
        newest = connection.execute(_NEWEST, of_chat).scalar_one()
        if newest is None:
            raise NothingToShareError
        if connection.execute(_RENEWED, {**of_chat, "last": newest}).rowcount == 0:
            connection.execute(_NEW, _link_row(chat.id, newest))


def unshare(chat: StoredChat) -> bool:
    """Delete the link of a chat for good, and say whether there was one."""
    with write_transaction() as connection:
        return connection.execute(_REVOKED, {"of_chat": chat.id}).rowcount > 0


def _refuse_if_gone(connection: Connection, chat: StoredChat) -> None:
    if (
        connection.execute(_STILL_THERE, {"of_chat": chat.id, "of_owner": chat.owner}).first()
        is None
    ):
        raise NotFound


def _link_row(chat_id: uuid.UUID, newest: int) -> dict[str, object]:
    return {
        "id": uuid.uuid4(),
        "chat_id": chat_id,
        "token": secrets.token_urlsafe(TOKEN_BYTES),
        "last_sequence": newest,
        "created_at": utc_now(),
    }
