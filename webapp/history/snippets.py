"""The part of a text that shows why it was found: around the first match, all of them marked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from webapp.chats.tokenizer import Term, folded, places_of
from webapp.chats.truncation import ELLIPSIS, cut, place_after, place_before, whole

# So much of a message is looked at: its beginning, where most matches are, and then more of it.
LOOKED_AT = (2_000, 20_000)
SIDE = 60

Span = tuple[int, int]


@dataclass(frozen=True)
class Part:
    """A piece of text, as it was written, and whether it is what was looked for."""

    text: str
    marked: bool


def snippet(text: str, terms: list[Term]) -> tuple[Part, ...]:
    """Return a part of a text around the first place at which a term matches.

    Where none is found, it is the beginning, and nothing is marked.
    """
    found = _found(text, terms)
    if not found:
        return (Part(cut(text, 2 * SIDE), marked=False),)
    start, end = _window(text, found[0])
    return tuple(part for part in _parts(text, start, end, found) if part.text)


def _found(text: str, terms: list[Term]) -> list[Span]:
    pattern = places_of(terms)
    for length in LOOKED_AT:
        if found := _joined(_spans(text[:length], pattern)):
            return found
    return []


def _spans(text: str, pattern: re.Pattern[str]) -> Iterator[Span]:
    """Yield where a pattern matches when both are folded, as places of the text itself."""
    plain, places = _folded_with_places(text)
    for match in pattern.finditer(plain):
        start, end = match.span(1)
        yield whole(text, places[start], places[end])


def _folded_with_places(text: str) -> tuple[str, range | list[int]]:
    """Return a text folded, and for each character of that where it stands in the text."""
    if text.isascii():
        return folded(text), range(len(text) + 1)
    known: dict[str, str] = {}
    pieces, places = [], []
    for place, character in enumerate(text):
        if (piece := known.get(character)) is None:
            piece = known[character] = folded(character)
        pieces.append(piece)
        places += [place] * len(piece)
    return "".join(pieces), [*places, len(text)]


def _joined(spans: Iterator[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _window(text: str, first: Span) -> Span:
    start, end = first[0] - SIDE, min(first[1], first[0] + SIDE) + SIDE
    if start > 0:
        start = place_after(text, start, first[0])
    if end < len(text):
        end = place_before(text, end, end - SIDE)
    return max(start, 0), min(end, len(text))


def _parts(text: str, start: int, end: int, found: list[Span]) -> Iterator[Part]:
    at = start
    yield Part(ELLIPSIS if start > 0 else "", marked=False)
    for begin, stop in found:
        if begin >= end:
            break
        yield Part(text[at:begin], marked=False)
        at = min(stop, end)
        yield Part(text[begin:at], marked=True)
    yield Part(text[at:end], marked=False)
    yield Part(ELLIPSIS if end < len(text) else "", marked=False)
