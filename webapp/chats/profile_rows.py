"""Storing under which profile a chat goes on, and how its profiles look."""

from __future__ import annotations

import uuid

from sqlalchemy import bindparam, select, update
from sqlalchemy.engine import Connection

from webapp.authoring.types import ChatProfile
from webapp.chats.models import Chat
from webapp.chats.retention import expires_at
from webapp.chats.snapshots import add_snapshots
from webapp.database.engines import utc_now

# Locked on PostgreSQL, as what is added to them must not take away what somebody else adds.
_LOOKS = select(Chat.snapshots).where(Chat.id == bindparam("chat")).with_for_update()
_LOOKS_NEW = update(Chat).where(Chat.id == bindparam("chat")).values(snapshots=bindparam("looks"))
_UNDER = (
    update(Chat)
    .where(Chat.id == bindparam("chat"))
    .values(profile=bindparam("under"), expires_at=bindparam("expires"))
)


def store_snapshots(
    connection: Connection, chat_id: uuid.UUID, *profiles: ChatProfile | None
) -> None:
    """Note how profiles of a chat look now."""
    snapshots = connection.scalar(_LOOKS, {"chat": chat_id})
    if snapshots is not None:
        looks = add_snapshots(snapshots, *profiles)
        connection.execute(_LOOKS_NEW, {"chat": chat_id, "looks": looks})


def store_profile(connection: Connection, chat_id: uuid.UUID, profile: ChatProfile) -> None:
    """Note that a chat goes on under a profile, which looks as it does now."""
    store_snapshots(connection, chat_id, profile)
    which = {"chat": chat_id, "under": profile.name, "expires": expires_at(profile, utc_now())}
    connection.execute(_UNDER, which)
