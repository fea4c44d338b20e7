"""How a profile looked when something was said under it: kept by the chat, come what may."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from webapp.authoring.types import ChatProfile
from webapp.profiles.icons import label


def take_snapshot(profile: ChatProfile | None) -> dict[str, Any]:
    """Return what a chat keeps of a profile, under its name; nothing for no profile."""
    if profile is None:
        return {}
    return {profile.name: {"label": label(profile), "icon": profile.icon}}


def add_snapshots(snapshots: dict[str, Any], *profiles: ChatProfile | None) -> dict[str, Any]:
    """Return what a chat keeps when it has been under these as well."""
    looks = dict(snapshots)
    for profile in profiles:
        looks |= take_snapshot(profile)
    return looks


def has_new_look(profile: ChatProfile | None, snapshots: dict[str, Any]) -> bool:
    """Say whether a profile looks otherwise than a chat remembers it."""
    return add_snapshots(snapshots, profile) != snapshots


def profile_from_snapshot(name: str | None, snapshots: dict[str, Any]) -> ChatProfile | None:
    """Return a profile as a chat remembers it: its name, label and icon, and nothing more."""
    if name is None:
        return None
    kept = snapshots.get(name) or {}
    return ChatProfile(
        name=name,
        markdown_description="",
        icon=kept.get("icon"),
        display_name=kept.get("label"),
    )


def profiles_to_show(
    names: Iterable[str | None], offered: Mapping[str, ChatProfile], snapshots: dict[str, Any]
) -> list[ChatProfile]:
    """Return profiles as they are offered now, those that are not as a chat remembers them."""
    found = [offered.get(name) or profile_from_snapshot(name, snapshots) for name in names if name]
    return [profile for profile in found if profile is not None]
