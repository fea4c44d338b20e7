"""How long chats are kept. Each chat stores its date, because commands have no app file to ask."""

from __future__ import annotations

from datetime import datetime, timedelta

from webapp.authoring.profiles.profile import ChatProfile


def expires_at(profile: ChatProfile | None, said_at: datetime) -> datetime | None:
    """Return when a chat with a message at ``said_at`` expires, or ``None`` for never."""
    if profile is None or profile.keep_days is None:
        return None
    return said_at + timedelta(days=profile.keep_days)
