"""Chats that go for good, with all that hangs on them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate

from flask import Flask
from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from webapp.chats.locking import (
    CHATS_IN_ORDER,
    RUNNING_IN_CHATS,
    lock_free_chats,
    lock_running_turns,
)
from webapp.chats.models import Chat, Message
from webapp.database.engines import db, utc_now, write_transaction

# For so long a chat that its user has deleted can be brought back.
UNDO_SECONDS = 600
# Deleting has the database to itself: a few chats at a time, and of long ones fewer, so that others
# get their turn.
CHATS_AT_ONCE = 20
MESSAGES_AT_ONCE = 2_000
_LENGTH = (
    select(func.coalesce(func.max(Message.sequence), 0))
    .where(Message.chat_id == Chat.id)
    .scalar_subquery()
)


def was_deleted_before(time: datetime) -> ColumnElement[bool]:
    """Return which chats their users deleted before then."""
    return Chat.deleted_at.is_not(None) & (Chat.deleted_at < time)


def hide_chats(connection: Connection, *which: ColumnElement[bool]) -> int:
    """Let nobody find these chats or bring them back, in the caller's transaction.

    That is one short statement however long they are; return how many there were. Their rows go
    with `purge_deleted`.
    """
    long_ago = utc_now() - 2 * timedelta(seconds=UNDO_SECONDS)
    lock_running_turns(connection, RUNNING_IN_CHATS.where(*which))
    meant = Chat.id.in_(CHATS_IN_ORDER.where(*which))
    return connection.execute(
        update(Chat).where(meant, *which).values(deleted_at=long_ago)
    ).rowcount


def purge_owner(owner: str) -> None:
    """Delete the chats of somebody that are out of reach, in small transactions."""
    which = (Chat.owner == owner) & was_deleted_before(utc_now() - timedelta(seconds=UNDO_SECONDS))
    gone = True
    while gone:
        with write_transaction() as connection:
            gone = bool(purge_chats(connection, which))


def purge_deleted(connection: Connection, before: datetime) -> int:
    """Delete a few chats that users have deleted before then, in the caller's transaction.

    Return how many there were; call it again until there are none.
    """
    return purge_chats(connection, was_deleted_before(before))


def purge_chats(connection: Connection, which: ColumnElement[bool]) -> int:
    """Delete a few of the chats meant, in the caller's transaction, and return how many.

    What belongs to them goes with them: messages, turns, feedback, links, and what the search
    knows. A chat that somebody else is changing at this moment stays.
    """
    wanted = select(Chat.id, _LENGTH).where(which).order_by(Chat.id).limit(CHATS_AT_ONCE)
    found = _not_too_long([(row[0], row[1]) for row in connection.execute(wanted)])
    if not found:
        return 0
    found = lock_free_chats(connection, found, which)
    return connection.execute(delete(Chat).where(Chat.id.in_(found))).rowcount


def count_chats(identifier: str) -> int:
    """Return how many chats a user has."""
    theirs = select(func.count()).where(Chat.owner == f"user:{identifier}")
    return db.session.scalar(theirs) or 0


def hide_chats_of_user(_app: Flask, *, session: Session, username: str) -> None:
    """Put the chats of a user who is removed out of reach, in the caller's transaction."""
    hide_chats(session.connection(), Chat.owner == f"user:{username}")


def delete_chats_of_user(_app: Flask, *, username: str) -> None:
    """Delete what is left of the chats of a user who was removed."""
    purge_owner(f"user:{username}")


def _not_too_long(chats: Sequence[tuple[uuid.UUID, int]]) -> list[uuid.UUID]:
    """Return as many of these chats, one at least, as have not too many messages together."""
    lengths = accumulate(length for _, length in chats)
    fit = [
        chat for (chat, _), length in zip(chats, lengths, strict=True) if length <= MESSAGES_AT_ONCE
    ]
    return fit or [chat for chat, _ in chats[:1]]
