"""Chats that go for good, with all that hangs on them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.engine import Connection

from webapp.chats.models import Chat
from webapp.chats.turn_rows import RUNNING_IN_CHATS

# For so long a chat that its user has deleted can be brought back.
UNDO_SECONDS = 600
# At once: what goes is locked, and many messages may hang on a chat.
BATCH = 100


def forget_deleted(rows: Connection, before: datetime, most: int = BATCH) -> int:
    """Delete chats for good that their users deleted before then, and return how many went."""
    return forget_chats(rows, deleted_before(before), most)


def deleted_before(time: datetime) -> ColumnElement[bool]:
    """Return which chats their users deleted before then."""
    return Chat.deleted_at.is_not(None) & (Chat.deleted_at < time)


def forget_chats(rows: Connection, which: ColumnElement[bool], most: int = BATCH) -> int:
    """Delete some of the chats meant, in the caller's transaction, and return how many went.

    A chat that somebody else is changing at this moment stays.
    """
    found = list(rows.scalars(select(Chat.id).where(which).order_by(Chat.id).limit(most)))
    if rows.dialect.name == "postgresql":
        # Turns before their chats, as everybody locks them; then no chat that would have to be
        # waited for, and none that is not meant any more.
        rows.execute(RUNNING_IN_CHATS.where(Chat.id.in_(found)))
        free = select(Chat.id).where(Chat.id.in_(found), which).order_by(Chat.id)
        found = list(rows.scalars(free.with_for_update(of=Chat, skip_locked=True)))
    return rows.execute(delete(Chat).where(Chat.id.in_(found))).rowcount
