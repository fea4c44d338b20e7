"""What a user does with a chat in the history: name it, pin it, delete it, take that back."""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy import ColumnElement, Update, func, select, update
from sqlalchemy.engine import Connection
from werkzeug.exceptions import NotFound

from webapp.chats.deletion import UNDO_SECONDS, put_out_of_reach
from webapp.chats.models import Chat
from webapp.chats.search_index import index_title
from webapp.chats.store import StoredChat
from webapp.database.engines import read_connection, utc_now, write_transaction
from webapp.history.listing import PINNED_LIMIT
from webapp.web.refusals import Refusal


class TooManyPinsError(Refusal):
    """This user has as many pinned chats as one may have."""

    code = 409
    title = "Not pinned"
    message = f"You have pinned {PINNED_LIMIT} chats already."
    advice = "Unpin one of them first."


def rename(chat: StoredChat, title: str) -> None:
    """Give a chat another title.

    Raises
    ------
    NotFound
        When it is gone meanwhile.
    """
    with write_transaction() as connection:
        _change(connection, _this(chat).values(title=title))
        index_title(connection, chat.owner, chat.id, title)


def pin(chat: StoredChat, *, pinned: bool) -> None:
    """Pin a chat to the top of the history, or let it go.

    Raises
    ------
    TooManyPinsError
        When as many are pinned as one may have.
    NotFound
        When the chat is gone meanwhile.
    """
    with write_transaction() as connection:
        if pinned and pinned_count(connection, chat.owner, besides=chat.id) >= PINNED_LIMIT:
            raise TooManyPinsError
        _change(connection, _this(chat).values(pinned=pinned))


def pinned_count(connection: Connection, owner: str, besides: uuid.UUID | None = None) -> int:
    """Return how many chats a user has pinned, not counting one of them."""
    pins = [Chat.owner == owner, Chat.written, Chat.pinned, Chat.deleted_at.is_(None)]
    others = [] if besides is None else [Chat.id != besides]
    return connection.scalar(select(func.count()).where(*pins, *others)) or 0


def delete_chat(chat: StoredChat) -> None:
    """Put a chat out of sight; its rows go when it cannot be brought back any more."""
    with write_transaction() as connection:
        connection.execute(_this(chat).values(deleted_at=utc_now()))


def restore_chat(owner: str, chat_id: uuid.UUID) -> bool:
    """Bring a deleted chat back; say whether it was still there."""
    back = update(Chat).where(*_deleted(owner, chat_id)).values(deleted_at=None)
    with write_transaction() as connection:
        return bool(connection.execute(back).rowcount)


def deleted_title(owner: str, chat_id: uuid.UUID) -> str | None:
    """Return the title of a chat that was deleted and can be brought back."""
    wanted = select(func.coalesce(Chat.title, "")).where(*_deleted(owner, chat_id))
    with read_connection() as connection:
        title: str | None = connection.scalar(wanted)
    return title


def delete_all(owner: str) -> int:
    """Put all chats of a user out of sight for good; return how many there were."""
    with write_transaction() as connection:
        return put_out_of_reach(connection, Chat.owner == owner, Chat.deleted_at.is_(None))


def _this(chat: StoredChat) -> Update:
    # Deleted twice is deleted once: a chat that is gone for good must not be within reach again.
    return update(Chat).where(
        Chat.id == chat.id, Chat.owner == chat.owner, Chat.deleted_at.is_(None)
    )


def _change(connection: Connection, change: Update) -> None:
    if not connection.execute(change).rowcount:
        raise NotFound


def _deleted(owner: str, chat_id: uuid.UUID) -> tuple[ColumnElement[bool], ...]:
    since = utc_now() - timedelta(seconds=UNDO_SECONDS)
    return (Chat.id == chat_id, Chat.owner == owner, Chat.deleted_at > since)
