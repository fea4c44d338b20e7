"""How a profile looked when something was said under it: kept by the chat, come what may."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from webapp.authoring.types import ChatProfile
from webapp.profiles.icons import label


def snapshot_of(profile: ChatProfile | None) -> dict[str, Any]:
    """Return what a chat keeps of a profile, under its name; nothing for no profile."""
    if profile is None:
        return {}
    return {profile.name: {"label": label(profile), "icon": profile.icon}}


def with_look_of(snapshots: dict[str, Any], *profiles: ChatProfile | None) -> dict[str, Any]:
    """Return what a chat keeps when it has been under these as well."""
    looks = dict(snapshots)
    for profile in profiles:
        looks |= snapshot_of(profile)
    return looks


def looks_new(profile: ChatProfile | None, snapshots: dict[str, Any]) -> bool:
    """Say whether a profile looks otherwise than a chat remembers it."""
    return with_look_of(snapshots, profile) != snapshots


def as_it_looked(name: str | None, snapshots: dict[str, Any]) -> ChatProfile | None:
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


def as_they_look(
    names: Iterable[str | None], offered: Mapping[str, ChatProfile], snapshots: dict[str, Any]
) -> list[ChatProfile]:
    """Return profiles as they are offered now, those that are not as a chat remembers them."""
    found = [offered.get(name) or as_it_looked(name, snapshots) for name in names if name]
    return [profile for profile in found if profile is not None]
