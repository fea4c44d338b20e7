"""What this browser has just done, for the notice on the next page.

The address of that page names the notice. An address can come from anybody, so the session says
whether it is true.
"""

from __future__ import annotations

from flask import session

from webapp.database.engines import utc_now

KEY = "did"
SHOWN_SECONDS = 60


def remember_action(name: str) -> None:
    """Let the next page say that ``name`` was done. The session stores it with its changes."""
    session[KEY] = [name, int(utc_now().timestamp())]


def is_recent_action(name: str) -> bool:
    """Return whether this browser has done ``name`` within the last minute, as its last action."""
    last, at = session.get(KEY) or ("", 0)
    return bool(last == name and 0 <= utc_now().timestamp() - at < SHOWN_SECONDS)
