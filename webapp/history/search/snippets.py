"""Snippets: the part of a text around its first match, with all matches in it marked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from webapp.chats.tokenizer import Term, fold_text, match_pattern
from webapp.chats.truncation import (
    ELLIPSIS,
    place_after,
    place_before,
    truncate,
    widen_to_characters,
)

# How much of a message is searched: its beginning, where most matches are, and then more of it.
LOOKED_AT = (2_000, 20_000)
SIDE = 60

Span = tuple[int, int]


@dataclass(frozen=True)
class Part:
    """A piece of text, and whether it is a match."""

    text: str
    marked: bool


def make_snippet(text: str, terms: list[Term]) -> tuple[Part, ...]:
    """Return the part of a text around its first match, with all matches in it marked.

    Without a match, it is the beginning of the text.
    """
    found = _find_matches(text, terms)
    if not found:
        return (Part(truncate(text, 2 * SIDE), marked=False),)
    first = found[0]
    start, end = first[0] - SIDE, min(first[1], first[0] + SIDE) + SIDE
    if start > 0:
        start = place_after(text, start, first[0])
    if end < len(text):
        end = place_before(text, end, end - SIDE)
    parts = _split(text, max(start, 0), min(end, len(text)), found)
    return tuple(part for part in parts if part.text)


def _find_matches(text: str, terms: list[Term]) -> list[Span]:
    """Return the places at which a term matches, in order. Those that touch are joined."""
    # At the beginning of words if there is such a place, as most are.
    patterns = [match_pattern(terms), match_pattern(terms, within_words=True)]
    for length, pattern in product(LOOKED_AT, patterns):
        plain, places = _fold_with_places(text[:length])
        matches: list[Span] = []
        for match in pattern.finditer(plain):
            start, end = match.span(1)
            start, end = widen_to_characters(text[:length], places[start], places[end])
            if matches and start <= matches[-1][1]:
                matches[-1] = (matches[-1][0], max(end, matches[-1][1]))
            else:
                matches.append((start, end))
        if matches:
            return matches
    return []


def _fold_with_places(text: str) -> tuple[str, range | list[int]]:
    """Return a text fold_text, and for each of its characters the place in the text itself."""
    if text.isascii():
        return fold_text(text), range(len(text) + 1)
    known: dict[str, str] = {}
    pieces, places = [], []
    for place, character in enumerate(text):
        if (piece := known.get(character)) is None:
            piece = known[character] = fold_text(character)
        pieces.append(piece)
        places += [place] * len(piece)
    return "".join(pieces), [*places, len(text)]


def _split(text: str, start: int, end: int, found: list[Span]) -> Iterator[Part]:
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
