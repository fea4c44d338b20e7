"""The title of a chat, made from its user's first message."""

from __future__ import annotations

from collections.abc import Iterable

from webapp.authoring.chat_message import ElementData
from webapp.authoring.text import is_visible
from webapp.chats.truncation import truncate

MADE_TITLE_LIMIT = 80
FENCES = ("```", "~~~")


def title_of(text: str, elements: Iterable[ElementData]) -> str | None:
    """Return the title that a message gives its chat: from its text, or the names of its files."""
    return make_title(text) or make_title(", ".join(element.name for element in elements))


def make_title(text: str) -> str | None:
    """Return the first visible line of a message, truncated to fit a list.

    The fence of a code block becomes a title only if there is no other line.

    Returns
    -------
    str or None
        At most `MADE_TITLE_LIMIT` characters. ``None`` if nothing of the message is visible.

    Example
    -------
    >>> make_title("\\n  How   do I\\nsort?")
    'How do I'
    """
    lines = [" ".join(line.split()) for line in text.splitlines() if is_visible(line)]
    others = (line for line in lines if not line.startswith(FENCES))
    title = next(others, lines[0] if lines else None)
    return None if title is None else truncate(title, MADE_TITLE_LIMIT)
