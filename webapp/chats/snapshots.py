"""How a profile looked when something was said under it: kept by the chat, come what may."""

from __future__ import annotations

from typing import Any

from webapp.authoring.types import ChatProfile
from webapp.profiles.icons import label


def snapshot_of(profile: ChatProfile | None) -> dict[str, Any]:
    """Return what a chat keeps of a profile, under its name; nothing for no profile."""
    if profile is None:
        return {}
    return {profile.name: {"label": label(profile), "icon": profile.icon}}


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
