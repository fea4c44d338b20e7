"""Asking for messages that come after their turn has ended."""

from __future__ import annotations

import time

from flask import request

from webapp.chats.store import StoredChat
from webapp.site import settings
from webapp.turns.late.storing import last_change
from webapp.turns.runtime import conversation


def find_late_end(chat: StoredChat, given: str) -> int:
    """Return until when a page asks, in seconds since 1970, as it says; 0 if that is over.

    It may ask for no longer than a callback may say something.
    """
    if conversation().late.is_over(str(chat.id)):
        return 0
    now = int(time.time())
    until = int(given) if given.isascii() and given.isdigit() and len(given) < 12 else 0
    return min(until, now + int(settings().turn_seconds)) if until > now else 0


def shows_all(chat: StoredChat, until: int) -> bool:
    """Return whether a page that asks until then shows the last change of its chat."""
    return until > 0 and request.args.get("seen") == last_change(chat.id)
