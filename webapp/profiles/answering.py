"""Whether anybody answers what is said under a profile, and whether it can be edited."""

from __future__ import annotations

from webapp.authoring.profiles.answering_profile import own_callback
from webapp.authoring.profiles.profile import ChatProfile
from webapp.site import chat_app


def is_answered(profile: ChatProfile | None) -> bool:
    """Return whether messages under a profile are answered: by it, or by the app."""
    own = own_callback(profile, "on_message")
    return own is not None or chat_app().get("on_message") is not None


def allows_editing(profile: ChatProfile | None) -> bool:
    """Return whether users may edit what they have written under a profile."""
    own = profile.allows_editing if profile is not None else None
    return chat_app().config.allows_editing if own is None else own
