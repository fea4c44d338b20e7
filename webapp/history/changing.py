"""Changes of a chat in the history: rename, pin, delete, restore."""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy import ColumnElement, Update, func, select, update
from sqlalchemy.engine import Connection
from werkzeug.exceptions import NotFound

from webapp.chats.deletion import UNDO_SECONDS, hide_chats
from webapp.chats.models import Chat
from webapp.chats.search_index import index_title
from webapp.chats.store import StoredChat
from webapp.database.engines import read_connection, utc_now, write_transaction
from webapp.history.listing import PINNED_LIMIT
from webapp.web.refusals import Refusal


class TooManyPinsError(Refusal):
    """The user has pinned the largest number of chats."""

    code = 409
    title = "Not pinned"
    message = f"You have pinned {PINNED_LIMIT} chats already."
    advice = "Unpin one of them first."


def rename_chat(chat: StoredChat, title: str) -> None:
    """Give a chat another title.

    Raises
    ------
    NotFound
        When the chat was deleted since.
    """
    with write_transaction() as connection:
        if not connection.execute(_update(chat).values(title=title)).rowcount:
            raise NotFound
        index_title(connection, chat.owner, chat.id, title)


def pin_chat(chat: StoredChat, *, pinned: bool) -> None:
    """Pin a chat to the top of the history, or unpin it.

    Raises
    ------
    TooManyPinsError
        When the user has pinned `PINNED_LIMIT` chats.
    NotFound
        When the chat was deleted since.
    """
    with write_transaction() as connection:
        if pinned and count_pinned(connection, chat.owner, besides=chat.id) >= PINNED_LIMIT:
            raise TooManyPinsError
        if not connection.execute(_update(chat).values(pinned=pinned)).rowcount:
            raise NotFound


def count_pinned(connection: Connection, owner: str, besides: uuid.UUID | None = None) -> int:
    """Return the number of chats that a user has pinned, without one of them."""
    pins = [Chat.owner == owner, Chat.written, Chat.pinned, Chat.deleted_at.is_(None)]
    others = [] if besides is None else [Chat.id != besides]
    return connection.scalar(select(func.count()).where(*pins, *others)) or 0


def delete_chat(chat: StoredChat) -> None:
    """Soft-delete a chat. Its rows go when it can no longer be restored."""
    with write_transaction() as connection:
        connection.execute(_update(chat).values(deleted_at=utc_now()))


def restore_chat(owner: str, chat_id: uuid.UUID) -> bool:
    """Restore a deleted chat, and return whether that was still possible."""
    restored = update(Chat).where(*_is_restorable(owner, chat_id)).values(deleted_at=None)
    with write_transaction() as connection:
        return bool(connection.execute(restored).rowcount)


def find_deleted_title(owner: str, chat_id: uuid.UUID) -> str | None:
    """Return the title of a deleted chat that can be restored."""
    wanted = select(func.coalesce(Chat.title, "")).where(*_is_restorable(owner, chat_id))
    with read_connection() as connection:
        title: str | None = connection.scalar(wanted)
    return title


def delete_all_chats(owner: str) -> int:
    """Soft-delete all chats of a user so that they cannot be restored; return their number."""
    with write_transaction() as connection:
        return hide_chats(connection, Chat.owner == owner, Chat.deleted_at.is_(None))


def _update(chat: StoredChat) -> Update:
    # Not a deleted chat: a second deletion would let a chat be restored that is gone for good.
    return update(Chat).where(
        Chat.id == chat.id, Chat.owner == chat.owner, Chat.deleted_at.is_(None)
    )


def _is_restorable(owner: str, chat_id: uuid.UUID) -> tuple[ColumnElement[bool], ...]:
    since = utc_now() - timedelta(seconds=UNDO_SECONDS)
    return (Chat.id == chat_id, Chat.owner == owner, Chat.deleted_at > since)
