"""Storing the threads of one user, all of them or none."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from webapp.chats.locking import serialize_user_turns
from webapp.chats.models import Chat
from webapp.database.engines import read_connection, write_transaction
from webapp.files.saving import insert_files
from webapp.transfer.chainlit.threads import ThreadAsChat
from webapp.transfer.import_rows import insert_rows, make_rows

# In one statement. SQLite and PostgreSQL would take more.
IDS_AT_ONCE = 500


def find_known(ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Return which threads are chats here already, deleted ones too."""
    found: set[uuid.UUID] = set()
    for start in range(0, len(ids), IDS_AT_ONCE):
        known = select(Chat.id).where(Chat.id.in_(ids[start : start + IDS_AT_ONCE]))
        with read_connection() as connection:
            found |= set(connection.scalars(known))
    return found


def store_threads(threads: Sequence[ThreadAsChat], owner: str, now: datetime) -> None:
    """Store the threads of a user as chats, in one transaction. Their files are in the store."""
    chats = {thread.id: thread.chat for thread in threads}
    rows = make_rows(chats, owner, now)
    with write_transaction() as connection:
        serialize_user_turns(connection, owner)
        insert_rows(connection, rows, owner)
        for thread in threads:
            for message_id, files in thread.files.items():
                insert_files(connection, thread.id, message_id, files)
