"""Files that nothing shows any more: what a process that ended has left, and what was replaced."""

from __future__ import annotations

import logging

from sqlalchemy import ColumnElement, String, Text, and_, cast, exists, func, or_, select, tuple_
from sqlalchemy.orm import aliased

from webapp.chats.deletion import purge_contents
from webapp.chats.models import Message, Share, SharedMessage
from webapp.database.engines import read_connection, utc_now, write_transaction
from webapp.files.collecting import LEFT_FOR, collect_unknown, delete_rows
from webapp.files.contents import FilesUnavailableError
from webapp.files.models import File
from webapp.web.log import log_event

AT_ONCE = 1_000
_KEY = (File.id, File.chat_id, File.message_id, File.sha256)


def unused_condition() -> ColumnElement[bool]:
    """Return the condition of files older than a day that no message and no share shows."""
    # A younger one may belong to a message that is not stored yet.
    return and_(
        File.created_at < utc_now() - LEFT_FOR, ~_is_shown_by(Message), ~_is_shown_by(SharedMessage)
    )


def remove_unused_files() -> int:
    """Remove these files and what else is in the store for nothing. Return how many had a row."""
    count = 0
    while True:
        # Found before the transaction: that looks at all files, and others may write meanwhile.
        with read_connection() as connection:
            rows = connection.execute(select(*_KEY).where(unused_condition()).limit(AT_ONCE)).all()
        if not rows:
            break
        with write_transaction() as connection:
            delete_rows(connection, tuple_(*_KEY).in_([tuple(row) for row in rows]))
        count += len(rows)
    purge_contents()
    try:
        collect_unknown()
    except FilesUnavailableError as error:
        log_event("files.unavailable", level=logging.ERROR, error=str(error))
    return count


def _is_shown_by(table: type[Message] | type[SharedMessage]) -> ColumnElement[bool]:
    """Return the condition that a message names the file, with this content or a newer one."""
    newer = aliased(File)
    was_updated = exists().where(
        newer.id == File.id,
        newer.chat_id == File.chat_id,
        newer.message_id == File.message_id,
        newer.created_at > File.created_at,
    )
    # SQLite stores ids without dashes.
    elements = func.replace(cast(table.elements, Text), "-", "")
    file_id = func.replace(cast(File.id, String), "-", "")
    message = table.id == File.message_id
    if table is SharedMessage:
        # By the link of the chat: shared messages have no index by their ids.
        link = select(Share.id).where(Share.chat_id == File.chat_id).scalar_subquery()
        message = and_(message, SharedMessage.share_id == link)
    return exists().where(
        message,
        elements.contains(file_id),
        # The second file of an element, such as its picture for dark pages, is named by its id.
        or_(elements.contains(File.sha256), ~was_updated),
    )
