"""The rows of files: which message has which file, and which contents are named.

Content and rows change in an order that leaves no row without its content. Whoever names a content
puts it into the store, locks its row in `stored_files`, and looks whether it is still there.
Whoever removes one locks the same row, and looks whether a file names it.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, exists, func, select
from sqlalchemy.engine import Connection

from webapp.database.upserts import insert_or_change, insert_or_keep
from webapp.files.models import File, StoredContent

_LOCK_CONTENT = (
    select(StoredContent.sha256)
    .where(StoredContent.sha256 == bindparam("content"))
    .with_for_update()
)
_DELETE_UNNAMED = delete(StoredContent).where(
    StoredContent.sha256 == bindparam("content"),
    ~exists().where(File.sha256 == StoredContent.sha256),
)
_USED = select(func.coalesce(func.sum(File.size), 0)).where(File.uploaded_by == bindparam("owner"))


def find_room(connection: Connection, owner: str | None, most: int) -> int:
    """Return how many bytes of files a user may still store, of ``most`` in all."""
    return max(0, most - int(connection.scalar(_USED, {"owner": owner}) or 0))


def lock_contents(connection: Connection, sizes: Mapping[str, int], now: datetime) -> None:
    """Note that contents are in the store, and keep them there until the transaction ends."""
    rows = [
        {"sha256": sha256, "size": sizes[sha256], "created_at": now}
        # In one order, so that two who lock the same ones do not wait for each other.
        for sha256 in sorted(sizes)
    ]
    if rows:
        # A change, if only of a time, locks the row.
        statement = insert_or_change(
            connection.dialect.name, StoredContent, ("sha256",), "created_at"
        )
        connection.execute(statement, rows)


def insert_rows(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of files. One that is there already stays as it is."""
    if rows:
        connection.execute(insert_or_keep(connection.dialect.name, File), rows)


def delete_content_row(connection: Connection, sha256: str) -> bool:
    """Delete the row of a content that no file names, and return whether it was there.

    Nobody can name the content until the transaction ends.
    """
    which = {"content": sha256}
    # Two statements: the second one sees files that were named while the first one waited.
    connection.execute(_LOCK_CONTENT, which)
    return bool(connection.execute(_DELETE_UNNAMED, which).rowcount)


def copy_rows(
    connection: Connection,
    from_chat: uuid.UUID,
    to_chat: uuid.UUID,
    copies: Mapping[uuid.UUID, uuid.UUID],
) -> None:
    """Give a copy of messages the files of the originals.

    Parameters
    ----------
    copies:
        The ids of the originals, each with that of its copy.
    """
    if not copies:
        return
    found = connection.execute(
        select(File.__table__).where(File.chat_id == from_chat, File.message_id.in_(copies))
    )
    rows = [dict(row._mapping) for row in found]
    if from_chat == to_chat:
        # An edited message. What a user has attached counts once.
        rows = [{**row, "uploaded_by": None} for row in rows]
    insert_rows(
        connection,
        [{**row, "chat_id": to_chat, "message_id": copies[row["message_id"]]} for row in rows],
    )
