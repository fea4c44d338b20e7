"""Locks on chats and turns: the order in which transactions take them, and how they are taken.

Transactions lock in this order, so that no two of them wait for each other:

1. Turns before their chats. Whoever stores a step locks the turn, then its chat.
2. Several turns, or several chats, by their ids.
3. Then the advisory lock of a user, under which their running turns are counted and one is added.
4. Then the rows of contents of files, by their hashes. Who saves or removes a content while no
   message is stored locks nothing else.
5. Last, the row of a user's last choice, and then the row of a login session.

A turn claims its chat by `chats.turn_id` (`turns/claiming.py`). That outlives transactions and is
no lock of the database.

SQLite needs none of these locks: a transaction that writes has the database to itself. So this is
the one module that asks which database it is in order to lock.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, String, bindparam, func, select
from sqlalchemy.engine import Connection

from webapp.chats.models import Chat, Turn
from webapp.engine.phases import TurnStatus

# Add a condition with `where`, then give it to `lock_running_turns`.
RUNNING_IN_CHATS = (
    select(Turn.id)
    .join(Chat, Chat.id == Turn.chat_id)
    .where(Turn.status == TurnStatus.RUNNING)
    .order_by(Turn.id)
    .with_for_update(of=Turn)
)
# Use it as the subquery of an update that changes several chats. SQLite ignores FOR UPDATE.
CHATS_IN_ORDER = select(Chat.id).order_by(Chat.id).with_for_update(of=Chat)
# Lets one transaction after another count the running turns of a user, and add to them: two at once
# would not count each other's. It is taken after all other locks, and exists on PostgreSQL only.
USER_TURNS_LOCK = func.pg_advisory_xact_lock(func.hashtext(bindparam("of_owner", type_=String)))
_LOCK_USER_TURNS = select(USER_TURNS_LOCK)


def lock_running_turns(
    connection: Connection, running: Select[uuid.UUID], which: dict[str, Any] | None = None
) -> None:
    """Lock turns that run in chats, before these chats are changed or deleted.

    Parameters
    ----------
    running:
        `RUNNING_IN_CHATS` with a condition.
    which:
        The values of its parameters.
    """
    if has_row_locks(connection):
        connection.execute(running, which)


def lock_free_chats(
    connection: Connection, chats: Sequence[uuid.UUID], which: ColumnElement[bool]
) -> list[uuid.UUID]:
    """Lock chats to delete them, and return those that were locked.

    A chat that somebody else has locked is left out, so that nobody waits. So is one to which the
    condition no longer applies: it may have been brought back.
    """
    if not has_row_locks(connection):
        return list(chats)
    lock_running_turns(connection, RUNNING_IN_CHATS.where(Chat.id.in_(chats)))
    free = select(Chat.id).where(Chat.id.in_(chats), which).order_by(Chat.id)
    return list(connection.scalars(free.with_for_update(of=Chat, skip_locked=True)))


def serialize_user_turns(connection: Connection, owner: str) -> None:
    """Let one transaction after another count the running turns of a user, and add to them."""
    if has_row_locks(connection):
        connection.execute(_LOCK_USER_TURNS, {"of_owner": owner})


def has_row_locks(connection: Connection) -> bool:
    """Return whether others may change rows while a transaction waits for a lock."""
    return connection.dialect.name == "postgresql"
