"""Cutting text where it does not hurt: at a word, and never within one visible character."""

from __future__ import annotations

import unicodedata

ELLIPSIS = "…"
_SKIN_TONES = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
# What joins the character before it and the one after it into one picture.
_JOINER = "\u200d"


def cut(text: str, limit: int) -> str:
    """Return a text, cut to ``limit`` characters with an ellipsis if it is longer."""
    if len(text) <= limit:
        return text
    return text[: place_before(text, limit - 1, limit // 2)].rstrip() + ELLIPSIS


def place_before(text: str, end: int, least: int) -> int:
    """Return the last place up to ``end`` to cut a text at: between words, if after ``least``."""
    # Where the last word is most of the text, a part of it says more than nothing of it.
    between_words = (p for p in range(end, least, -1) if text[p].isspace())
    uncut = (p for p in range(end, least, -1) if not _is_inside(text, p))
    return next(between_words, next(uncut, end))


def place_after(text: str, start: int, most: int) -> int:
    """Return the first place from ``start`` on to cut a text at: a word's begin, if by ``most``."""
    begins = (p for p in range(start, most) if text[p - 1].isspace())
    uncut = (p for p in range(start, most) if not _is_inside(text, p))
    return next(begins, next(uncut, most))


def whole(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the part of a text from ``start`` to ``end`` with what belongs to its characters."""
    while 0 < start < len(text) and _is_inside(text, start):
        start -= 1
    while 0 < end < len(text) and _is_inside(text, end):
        end += 1
    return start, end


def _is_inside(text: str, place: int) -> bool:
    before, after = text[place - 1], text[place]
    is_mark = unicodedata.category(after).startswith("M")
    return is_mark or after in _SKIN_TONES or _JOINER in (before, after)
