"""Soft deletion of chats, and their removal for good."""

from __future__ import annotations

import logging
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
from webapp.files.collecting import collect_unnamed
from webapp.files.contents import FilesUnavailableError
from webapp.files.models import File
from webapp.web.log import log_event

# How long a user can undo the deletion of a chat.
UNDO_SECONDS = 600
# On SQLite a deletion blocks all other writers. So it deletes a few chats at a time, and fewer if
# they are long.
CHATS_AT_ONCE = 20
MESSAGES_AT_ONCE = 2_000
_LENGTH = (
    select(func.coalesce(func.max(Message.sequence), 0))
    .where(Message.chat_id == Chat.id)
    .scalar_subquery()
)


def was_deleted_before(time: datetime) -> ColumnElement[bool]:
    """Return the condition that a user deleted a chat before ``time``."""
    return Chat.deleted_at.is_not(None) & (Chat.deleted_at < time)


def hide_chats(connection: Connection, *which: ColumnElement[bool]) -> int:
    """Delete chats beyond undo, in the caller's transaction, and return how many.

    This is one short statement, however long the chats are. Their rows stay until `purge_deleted`.
    """
    long_ago = utc_now() - 2 * timedelta(seconds=UNDO_SECONDS)
    lock_running_turns(connection, RUNNING_IN_CHATS.where(*which))
    in_order = Chat.id.in_(CHATS_IN_ORDER.where(*which))
    return connection.execute(
        update(Chat).where(in_order, *which).values(deleted_at=long_ago)
    ).rowcount


def purge_owner(owner: str) -> None:
    """Remove the chats of an owner that can no longer be restored, in small transactions."""
    which = (Chat.owner == owner) & was_deleted_before(utc_now() - timedelta(seconds=UNDO_SECONDS))
    removed = 1
    while removed:
        with write_transaction() as connection:
            removed = purge_chats(connection, which)
    purge_contents()


def purge_deleted(connection: Connection, before: datetime) -> int:
    """Remove a few chats that users deleted before then, in the caller's transaction.

    Return how many. Call it again until it returns 0.
    """
    return purge_chats(connection, was_deleted_before(before))


def purge_chats(connection: Connection, which: ColumnElement[bool]) -> int:
    """Remove a few of these chats for good, in the caller's transaction, and return how many.

    Their messages, turns, feedback, links, search entries and files go with them. A chat that
    another transaction is changing stays. Call `purge_contents` later.
    """
    some = select(Chat.id, _LENGTH).where(which).order_by(Chat.id).limit(CHATS_AT_ONCE)
    found = [(row[0], row[1]) for row in connection.execute(some)]
    if not found:
        return 0

    # At least one, however long it is.
    lengths = accumulate(length for _, length in found)
    fitting = sum(length <= MESSAGES_AT_ONCE for length in lengths)
    chat_ids = [chat_id for chat_id, _ in found[: max(1, fitting)]]
    locked = lock_free_chats(connection, chat_ids, which)
    # Their rows have no foreign key, since a file is stored before the chat that it begins.
    connection.execute(delete(File).where(File.chat_id.in_(locked)))
    return connection.execute(delete(Chat).where(Chat.id.in_(locked))).rowcount


def purge_contents() -> int:
    """Delete the contents of the files that are gone, and return how many.

    If the store does not answer, the next purge deletes them.
    """
    try:
        return collect_unnamed()
    except FilesUnavailableError as error:
        log_event("files.unavailable", level=logging.ERROR, error=str(error))
        return 0


def count_chats(identifier: str) -> int:
    """Return how many chats a user has."""
    theirs = select(func.count()).where(Chat.owner == f"user:{identifier}")
    return db.session.scalar(theirs) or 0


def hide_chats_of_user(_app: Flask, *, session: Session, username: str) -> None:
    """Delete the chats of a user who is removed, beyond undo, in the caller's transaction."""
    hide_chats(session.connection(), Chat.owner == f"user:{username}")


def delete_chats_of_user(_app: Flask, *, username: str) -> None:
    """Remove the rows of the chats of a user who was removed."""
    purge_owner(f"user:{username}")
