"""Snapshots of profiles: how each profile of a chat looked when it was last used there."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.engine import Connection

from webapp.authoring.profiles.profile import ChatProfile
from webapp.chats.models import Chat
from webapp.chats.retention import expires_at
from webapp.database.engines import utc_now
from webapp.profiles.icons import label

# The lock matters on PostgreSQL: otherwise two that add snapshots at once would lose one of them.
_LOCK_SNAPSHOTS = select(Chat.snapshots).where(Chat.id == bindparam("chat_id")).with_for_update()
_UPDATE_SNAPSHOTS = (
    update(Chat).where(Chat.id == bindparam("chat_id")).values(snapshots=bindparam("new_snapshots"))
)
_UPDATE_PROFILE = (
    update(Chat)
    .where(Chat.id == bindparam("chat_id"))
    .values(profile=bindparam("new_profile"), expires_at=bindparam("new_expires_at"))
)


def add_snapshots(snapshots: dict[str, Any], *profiles: ChatProfile | None) -> dict[str, Any]:
    """Return the snapshots of a chat with those of ``profiles`` as they look now."""
    new = {p.name: {"label": label(p), "icon": p.icon} for p in profiles if p is not None}
    return snapshots | new


def has_new_look(profile: ChatProfile | None, snapshots: dict[str, Any]) -> bool:
    """Return whether a profile looks different from its snapshot, or has none."""
    return add_snapshots(snapshots, profile) != snapshots


def profile_from_snapshot(name: str | None, snapshots: dict[str, Any]) -> ChatProfile | None:
    """Return a profile with the name, label and icon that the chat has kept, and nothing more."""
    if name is None:
        return None
    snapshot = snapshots.get(name) or {}
    return ChatProfile(
        name=name,
        markdown_description="",
        icon=snapshot.get("icon"),
        display_name=snapshot.get("label"),
    )


def profiles_to_show(
    names: Iterable[str | None], offered: Mapping[str, ChatProfile], snapshots: dict[str, Any]
) -> list[ChatProfile]:
    """Return profiles as they are offered now. Those that are not offered come from snapshots."""
    found = [offered.get(name) or profile_from_snapshot(name, snapshots) for name in names if name]
    return [profile for profile in found if profile is not None]


def store_snapshots(
    connection: Connection, chat_id: uuid.UUID, *profiles: ChatProfile | None
) -> None:
    """Store how profiles of a chat look now."""
    snapshots = connection.scalar(_LOCK_SNAPSHOTS, {"chat_id": chat_id})
    if snapshots is not None:
        new = {"chat_id": chat_id, "new_snapshots": add_snapshots(snapshots, *profiles)}
        connection.execute(_UPDATE_SNAPSHOTS, new)


def store_profile(connection: Connection, chat_id: uuid.UUID, profile: ChatProfile) -> None:
    """Store the profile that a chat has switched to, and its snapshot."""
    store_snapshots(connection, chat_id, profile)
    new = {
        "chat_id": chat_id,
        "new_profile": profile.name,
        "new_expires_at": expires_at(profile, utc_now()),
    }
    connection.execute(_UPDATE_PROFILE, new)
