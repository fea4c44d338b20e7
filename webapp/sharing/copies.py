"""The copy of a chat that its link shows, so that nothing that changes later is shown with it."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from webapp.chats.message_rows import MESSAGE_COLUMNS
from webapp.chats.models import Chat, Message, Share, SharedMessage

# The columns of a shared message that are those of a message, in the order of MESSAGE_COLUMNS.
COPIED_COLUMNS: tuple[ColumnElement[Any], ...] = tuple(
    SharedMessage.__table__.columns[column.key] for column in MESSAGE_COLUMNS
)
_DELETE_MESSAGES = delete(SharedMessage).where(SharedMessage.share_id == bindparam("share_id"))
# The database copies the rows by itself, however long the chat is.
_COPY_MESSAGES = insert(SharedMessage).from_select(
    ["share_id", *(column.key for column in MESSAGE_COLUMNS)],
    select(bindparam("share_id", type_=SharedMessage.share_id.type), *MESSAGE_COLUMNS).where(
        Message.chat_id == bindparam("chat_id"),
        Message.sequence <= bindparam("last"),
        Message.replaced_by.is_(None),
    ),
)
_FIND_CHAT = select(Chat.title, Chat.snapshots).where(Chat.id == bindparam("chat_id"))
_LIST_PROFILES = (
    select(SharedMessage.profile)
    .where(SharedMessage.share_id == bindparam("share_id"), SharedMessage.profile.is_not(None))
    .order_by(SharedMessage.sequence)
)
_UPDATE_SHARE = (
    update(Share)
    .where(Share.id == bindparam("share_id"))
    .values(
        last_sequence=bindparam("last"),
        title=bindparam("new_title"),
        profile=bindparam("new_profile"),
        snapshots=bindparam("new_snapshots"),
    )
)


def copy_chat(connection: Connection, share_id: uuid.UUID, chat_id: uuid.UUID, last: int) -> None:
    """Copy what a link shows: the messages up to one, the title, and how their profiles look.

    The caller's transaction holds the lock of the chat.
    """
    connection.execute(_DELETE_MESSAGES, {"share_id": share_id})
    connection.execute(_COPY_MESSAGES, {"share_id": share_id, "chat_id": chat_id, "last": last})
    chat = connection.execute(_FIND_CHAT, {"chat_id": chat_id}).one()
    profiles = list(connection.execute(_LIST_PROFILES, {"share_id": share_id}).scalars())
    # Only profiles of these messages: the chat may have switched to one that its readers may not
    # know of.
    shown = {name: chat.snapshots.get(name, {}) for name in profiles}
    connection.execute(
        _UPDATE_SHARE,
        {
            "share_id": share_id,
            "last": last,
            "new_title": chat.title,
            "new_profile": profiles[-1] if profiles else None,
            "new_snapshots": shown,
        },
    )
