"""How long chats are kept: each has its date, as commands know no app file to ask for one."""

from __future__ import annotations

from datetime import datetime, timedelta

from webapp.authoring.types import ChatProfile


def expires_at(profile: ChatProfile | None, said_at: datetime) -> datetime | None:
    """Return when a chat may be removed in which something is said now; ``None`` for never."""
    if profile is None or profile.keep_days is None:
        return None
    return said_at + timedelta(days=profile.keep_days)
