"""The words of a text for the full-text search. Both databases index the same words.

The parsers of SQLite and PostgreSQL disagree on accents, symbols, numbers and languages without
spaces. So this module splits the text, and writes each word so that no parser splits it again: a
letter for its kind, then letters and digits.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import Dialect, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

WORD_LIMIT = 64
CHARACTERS_PER_ENTRY = 1_000_000
WORDS_PER_ENTRY = 20_000
# PostgreSQL takes 1 MB of words at most.
BYTES_PER_ENTRY = 500_000
WORDS_PER_QUERY = 32
# Scripts without spaces between words: each character is a word, and so is each pair.
_DENSE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
# Scripts with vowel signs that Python does not count as letters, without their full stops.
_INDIC = "\u0900-\u0963\u0966-\u0dff"
_PART = re.compile(
    rf"(?P<dense>[{_DENSE}]+)|(?P<word>(?:[^\W_{_DENSE}{_INDIC}]+|[{_INDIC}]+)+)|(?P<symbol>\S)"
)
# A word does not begin after a character that can be part of a word.
_BEGIN = rf"(?<![^\W_{_DENSE}])(?<![{_INDIC}])"
# The first letter is the kind: a word, a symbol by its number, an owner, a chat.
_WORD, _SYMBOL, _OWNER, _CHAT = "wxoc"
# All signs of these scripts belong to a word, whatever Unicode calls them.
_ALL_SIGNS = re.compile(f"[{_DENSE}{_INDIC}]")
# Skin tones, and selectors of a variant of a character.
_VARIANTS = re.compile("[\U0001f3fb-\U0001f3ff\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# The dotless i is a letter of its own in Turkish, and its capital is I.
_DOTLESS = {0x131: "i"}


class Words(TypeDecorator[str]):
    """A column of words: text that SQLite's triggers index, or PostgreSQL's own type."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        from sqlalchemy.dialects.postgresql import TSVECTOR  # noqa: PLC0415 - as in upserts.py

        return dialect.type_descriptor(TSVECTOR())


@dataclass(frozen=True)
class Term:
    """A word that a text must have to be found, or the beginning of one."""

    word: str
    is_prefix: bool = False

    @property
    def text(self) -> str:
        """Return the term as it stands in a folded text."""
        kind, rest = self.word[0], self.word[1:]
        return rest if kind == _WORD else chr(int(rest, 16))


def entry_words(owner: str, chat_id: uuid.UUID, text: str) -> str:
    """Return the words that are indexed for a text: its own, and those of its owner and chat."""
    words = {owner_word(owner): None, chat_word(chat_id): None}
    size = 0
    for word in _split_text(fold_text(text)):
        if word not in words:
            size += len(word.encode()) + 1
            if size > BYTES_PER_ENTRY or len(words) > WORDS_PER_ENTRY:
                break
            words[word] = None
    return " ".join(words)


def query_terms(text: str) -> list[Term]:
    """Return the terms of a search. The list is empty if there is no word to search for."""
    found = dict.fromkeys(_split_query(fold_text(text)))
    return list(found)[:WORDS_PER_QUERY]


def match_pattern(terms: list[Term]) -> re.Pattern[str]:
    """Return a pattern whose first group matches each place of a term in a folded text.

    Places may overlap, as the pairs of characters do.
    """
    longest_first = sorted(terms, key=lambda term: -len(term.text))
    ways = ((_BEGIN if term.is_prefix else "") + re.escape(term.text) for term in longest_first)
    return re.compile(f"(?=({'|'.join(ways)}))")


def owner_word(owner: str) -> str:
    """Return the word of all entries of an owner."""
    return _OWNER + hashlib.sha256(owner.encode()).hexdigest()[:16]


def chat_word(chat_id: uuid.UUID) -> str:
    """Return the word of all entries of a chat."""
    return _CHAT + chat_id.hex


def fold_text(text: str) -> str:
    """Return a text without the differences that a search ignores: case, accents, widths."""
    if text.isascii():
        return text.lower()
    # One character may become eighteen.
    wide = unicodedata.normalize("NFKD", text)[:CHARACTERS_PER_ENTRY]
    bare = unicodedata.normalize("NFKD", wide.casefold())
    return unicodedata.normalize("NFC", bare.translate(_MarkTable(_DOTLESS)))


class _MarkTable(dict[int, str | None]):
    """A table for `str.translate` that removes marks, and remembers each character."""

    def __missing__(self, code: int) -> str | None:
        kept = self[code] = None if _is_mark(chr(code)) else chr(code)
        return kept


def _is_mark(character: str) -> bool:
    if _ALL_SIGNS.match(character):
        return False
    is_accent = unicodedata.combining(character) != 0
    is_format = unicodedata.category(character) in ("Cf", "Me")
    return is_accent or is_format or _VARIANTS.match(character) is not None


def _split_text(text: str) -> Iterator[str]:
    for found in _PART.finditer(text):
        if run := found["dense"]:
            yield from map(_as_word, run)
            yield from map(_as_word, _pairs(run))
        elif word := found["word"]:
            yield _as_word(word)
        else:
            yield _as_symbol(found[0])


def _split_query(text: str) -> Iterator[Term]:
    for found in _PART.finditer(text):
        if run := found["dense"]:
            yield from (Term(_as_word(part)) for part in [*_pairs(run)] or [run])
        elif word := found["word"]:
            yield Term(_as_word(word), is_prefix=True)
        else:
            yield Term(_as_symbol(found[0]))


def _pairs(run: str) -> Iterator[str]:
    return (a + b for a, b in pairwise(run))


def _as_word(letters: str) -> str:
    return _WORD + letters[:WORD_LIMIT]


def _as_symbol(character: str) -> str:
    return f"{_SYMBOL}{ord(character):x}"
