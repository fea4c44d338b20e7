"""The rows of chats that were deleted: kept for a while, then gone for good."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, select
from sqlalchemy.engine import Connection

from webapp.chats.models import Chat
from webapp.chats.turn_rows import RUNNING_IN_CHATS

# For so long a user can take a deletion back.
UNDO_SECONDS = 600
# Deleting has the database to itself: a few chats at a time, so that others get their turn.
CHATS_AT_ONCE = 20
_TO_FORGET = (
    select(Chat.id)
    .where(Chat.deleted_at < bindparam("before"))
    .order_by(Chat.deleted_at)
    .limit(CHATS_AT_ONCE)
)


def forget_deleted(rows: Connection, before: datetime) -> int:
    """Delete a few chats that users have deleted before then, in the caller's transaction.

    What belongs to them goes with them: messages, turns, feedback, links, and what the search
    knows. Return how many there were; call it again until there are none.
    """
    found = list(rows.scalars(_TO_FORGET, {"before": before}))
    if found:
        if rows.dialect.name == "postgresql":
            rows.execute(RUNNING_IN_CHATS.where(Chat.id.in_(found)))
        rows.execute(delete(Chat).where(Chat.id.in_(found)))
    return len(found)
