"""Snippets: the part of a text around its first match, with all matches in it marked."""

from __future__ import annotations

import re
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
# How far around a snippet its Markdown is looked at: a mark belongs to a line or to a link.
AROUND = 400

# The marks of Markdown, which nobody wants to read in a list. Where a group matches, only that is
# left out. Code comes first, as what looks like a mark in it is none.
_MARKS = re.compile(
    r"""
    (?P<escape>\\)[!-/:-@\[-`{-~]                # what is no mark
    | ^[ \t]*(?:`{3,}|~{3,})[^`\n]*$           # the fence of a block of code
    | (?P<before>`+)[^`\n]+(?P<after>`+)        # code in a line
    | ^[ \t>]*\#{1,6}[ \t]+                     # a heading
    | ^[ \t]*(?:>[ \t]?)+                       # a quotation
    | \[!(?:NOTE|TIP|IMPORTANT|WARNING|CAUTION)\][ \t]*  # a callout
    | \[\^[\w.-]{1,40}\]:?(?!\()                   # a footnote, or a reference to one
    | ^[ \t]*[-*+][ \t]+(?:\[[ xX]\][ \t]+)?    # an item of a list
    | ^(?=[^\n]*--)[ \t|:-]+$                  # the line below the head of a table
    | (?P<open>!?\[)[^\]\n]*(?P<close>\]\([^)\n]*\))  # a link or a picture
    | ^[ \t]*\| | \|[ \t]*$ | (?<=[ \t])\|(?=[ \t])  # between the cells of a table
    | \*{2,3}(?=\S) | (?<=\S)\*{2,3} | ~~
    | (?<![\w*])\*(?=\S) | (?<=\S)\*(?![\w*])
    | (?<![\w_])_{1,3}(?=\w) | (?<=\w)_{1,3}(?![\w_])
    """,
    re.MULTILINE | re.VERBOSE,
)

Span = tuple[int, int]


@dataclass(frozen=True)
class Part:
    """A piece of text, and whether it is a match."""

    text: str
    marked: bool


def make_snippet(text: str, terms: list[Term]) -> tuple[Part, ...]:
    """Return the part of a text around its first match, with all matches in it marked.

    Without a match, it is the beginning of the text. The marks of Markdown are left out, except
    where they were searched for.
    """
    found = _find_matches(text, terms)
    if not found:
        beginning = text[:AROUND]
        plain = _without(
            beginning, 0, len(beginning), _find_marks(beginning, 0, len(beginning), [])
        )
        return (Part(truncate(plain.strip() or beginning, 2 * SIDE), marked=False),)
    first = found[0]
    start, end = first[0] - SIDE, min(first[1], first[0] + SIDE) + SIDE
    if start > 0:
        start = place_after(text, start, first[0])
    if end < len(text):
        end = place_before(text, end, end - SIDE)
    start, end = max(start, 0), min(end, len(text))
    parts = _split(text, start, end, found, _find_marks(text, start, end, found))
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


def _find_marks(text: str, start: int, end: int, found: list[Span]) -> list[Span]:
    """Return the marks of Markdown in a part of a text, in order, without those in a match."""
    begin, stop = max(start - AROUND, 0), min(end + AROUND, len(text))
    if begin:  # where a line begins, or the middle of a line would be taken for its beginning
        begin = text.find("\n", begin, start) + 1 or start
    marks: list[Span] = []
    for match in _MARKS.finditer(text, begin, stop):
        groups = [name for name, value in match.groupdict().items() if value is not None]
        marks += [match.span(name) for name in groups] or [match.span()]
    return [(a, b) for a, b in marks if not any(c < b and a < d for c, d in found)]


def _without(text: str, start: int, end: int, marks: list[Span]) -> str:
    pieces = []
    for begin, stop in marks:
        if begin < end and stop > start:
            pieces.append(text[start : max(begin, start)])
            start = min(stop, end)
    return "".join([*pieces, text[start:end]])


def _split(text: str, start: int, end: int, found: list[Span], marks: list[Span]) -> Iterator[Part]:
    at = start
    yield Part(ELLIPSIS if start > 0 else "", marked=False)
    for begin, stop in found:
        if begin >= end:
            break
        yield Part(_without(text, at, begin, marks), marked=False)
        at = min(stop, end)
        yield Part(text[begin:at], marked=True)
    yield Part(_without(text, at, end, marks), marked=False)
    yield Part(ELLIPSIS if end < len(text) else "", marked=False)
