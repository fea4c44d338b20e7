"""Truncates text between words, and never within one visible character."""

from __future__ import annotations

import unicodedata

ELLIPSIS = "…"
_SKIN_TONES = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
# Joins the characters before and after it into one picture.
_JOINER = "\u200d"


def truncate(text: str, limit: int) -> str:
    """Return a text of at most ``limit`` characters, with an ellipsis if it was longer."""
    if len(text) <= limit:
        return text
    return text[: place_before(text, limit - 1, limit // 2)].rstrip() + ELLIPSIS


def place_before(text: str, end: int, least: int) -> int:
    """Return the last place up to ``end`` for the end of a text: between words after ``least``."""
    # If the last word is most of the text, a part of the word says more than nothing.
    between_words = (p for p in range(end, least, -1) if text[p].isspace())
    uncut = (p for p in range(end, least, -1) if not _is_inside(text, p))
    return next(between_words, next(uncut, end))


def place_after(text: str, start: int, most: int) -> int:
    """Return the first place from ``start`` on where a text can begin: a word before ``most``."""
    begins = (p for p in range(start, most) if text[p - 1].isspace())
    uncut = (p for p in range(start, most) if not _is_inside(text, p))
    return next(begins, next(uncut, most))


def widen_to_characters(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the part of a text from ``start`` to ``end``, widened to visible characters."""
    while 0 < start < len(text) and _is_inside(text, start):
        start -= 1
    while 0 < end < len(text) and _is_inside(text, end):
        end += 1
    return start, end


def _is_inside(text: str, place: int) -> bool:
    before, after = text[place - 1], text[place]
    is_mark = unicodedata.category(after).startswith("M")
    return is_mark or after in _SKIN_TONES or _JOINER in (before, after)
