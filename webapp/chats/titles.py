"""The title of a chat, made from the first thing its user said."""

from __future__ import annotations

import unicodedata

from webapp.authoring.text import is_visible

MADE_TITLE_LIMIT = 80
ELLIPSIS = "…"
FENCES = ("```", "~~~")
# What joins the character before it and the one after it into one picture.
SKIN_TONES = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
_JOINER = "\u200d"


def title_from(text: str) -> str | None:
    """Return the first line of a message that shows something, cut to a length that fits a list.

    The fence of a code block is taken only where there is nothing else.

    Returns
    -------
    str or None
        At most `MADE_TITLE_LIMIT` characters; ``None`` when nothing of the message is visible.

    Example
    -------
    >>> title_from("\\n  How   do I\\nsort?")
    'How do I'
    """
    lines = [" ".join(line.split()) for line in text.splitlines() if is_visible(line)]
    others = (line for line in lines if not line.startswith(FENCES))
    title = next(others, lines[0] if lines else None)
    return None if title is None else cut(title, MADE_TITLE_LIMIT)


def cut(text: str, limit: int) -> str:
    """Return a text of one line, cut to ``limit`` characters, at a word if there is one to cut at.

    Neither an accent nor a part of an emoji is cut off from what it belongs to.
    """
    if len(text) <= limit:
        return text
    room = text[:limit]
    at_word = room.rfind(" ")
    # Where the last word is most of the text, a part of it says more.
    end = at_word if at_word > limit // 2 else _whole(text, limit - 1)
    return text[:end].rstrip() + ELLIPSIS


def _whole(text: str, end: int) -> int:
    """Return the last place up to ``end`` at which no character is taken apart."""
    places = (p for p in range(end, 0, -1) if not _is_inside(text[p - 1], text[p]))
    return next(places, end)


def _is_inside(before: str, after: str) -> bool:
    is_mark = unicodedata.category(after).startswith("M")
    return is_mark or after in SKIN_TONES or _JOINER in (before, after)
