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
from itertools import chain, pairwise
from typing import Any

from sqlalchemy import Dialect, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

WORD_LIMIT = 64
CHARACTERS_PER_ENTRY = 1_000_000
WORDS_PER_ENTRY = 20_000
# PostgreSQL takes 1 MB of words at most.
BYTES_PER_ENTRY = 500_000
WORDS_PER_QUERY = 32
SCOPE_DIGITS = 5
# Scripts without spaces between words, and Korean, which joins them: each character is a word, and
# so is each pair.
_DENSE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
# Scripts with vowel signs that Python does not count as letters, without their full stops.
_INDIC = "\u0900-\u0963\u0966-\u0dff"
_LETTERS = rf"(?:[^\W_{_DENSE}{_INDIC}]+|[{_INDIC}]+)+"
_PART = re.compile(rf"(?P<dense>[{_DENSE}]+)|(?P<word>{_LETTERS}(?:'{_LETTERS})*)|(?P<symbol>\S)")
# A word does not begin after a character that can be part of a word.
_BEGIN = rf"(?<![^\W_{_DENSE}])(?<![{_INDIC}])"
# The first letter is the kind: a word, a symbol by its number, an owner, a chat.
_WORD, _SYMBOL, _OWNER, _CHAT = "wxoc"
# All signs of these scripts belong to a word, whatever Unicode calls them.
_ALL_SIGNS = re.compile(f"[{_DENSE}{_INDIC}]")
_ALL_LETTERS = re.compile(rf"(?:[^\W\d_{_DENSE}]|[{_INDIC}])+")
# Skin tones, and selectors of a variant of a character.
_VARIANTS = re.compile("[\U0001f3fb-\U0001f3ff\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# What Unicode does not take apart, and people type in several ways: letters with a stroke, eth and
# thorn, the i of Turkish that has no dot, the yeh, kaf and heh that keyboards of Arabic, Persian
# and Urdu have each in its own way, a line that makes Arabic words longer, quotes, apostrophes
# (Hawaiian and Arabic in Latin letters have some of their own), dashes, the slash of a fraction.
_SAME: dict[int, str | None] = {
    0x131: "i",
    0xF8: "o",
    0x142: "l",
    0x111: "d",
    0x127: "h",
    0x167: "t",
    0xE6: "ae",
    0x153: "oe",
    0xF0: "d",
    0xFE: "th",
    0x640: None,
    0x649: "\u064a",
    0x6CC: "\u064a",
    0x6A9: "\u0643",
    **dict.fromkeys([0x629, 0x6BE, 0x6C1, 0x6C3, 0x6D5], "\u0647"),
    0x2044: "/",
    **dict.fromkeys([*range(0x2018, 0x201C), *range(0x2B9, 0x2C0), 0x2C8], "'"),
    **dict.fromkeys([0x2032, 0xA78C, 0x55A, 0x5F3], "'"),
    **dict.fromkeys([*range(0x201C, 0x2020), 0x2033, 0xAB, 0xBB, 0x5F4], '"'),
    **dict.fromkeys([*range(0x2010, 0x2016), 0x2212], "-"),
}
# An accent without a letter, which Unicode takes apart, is typed instead of an apostrophe.
_ACCENT = "\u00b4"
# The marks between words, such as commas, quotes and dashes, are not looked for unless a search has
# nothing else. These have a meaning: C#, 50 %, R&D.
_TELLING = "#%&*@/\\§¶†‡‰"
# Languages that join words: a part of a word is found if it has so many letters, from the third
# letter of a word on. Hebrew and Arabic, which have no capitals, join words of one letter as well.
PART_LIMIT = 3


class Words(TypeDecorator[str]):
    """A column of words: text that SQLite's triggers index, or PostgreSQL's own type.

    PostgreSQL's index has each word once for each owner. Otherwise it would go through the entries
    of all owners to find those of one: it reads each word to its end.
    """

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(Text())
        from sqlalchemy.dialects.postgresql import TSVECTOR  # noqa: PLC0415 - as in upserts.py

        return dialect.type_descriptor(TSVECTOR())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or dialect.name == "sqlite":
            return value
        owner, *words = value.split(" ")
        return " ".join([owner, *(scoped_word(owner, word) for word in words)])

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None or dialect.name == "sqlite":
            return value
        words = value.replace("'", "").split(" ")
        [owner] = [word for word in words if word[0] == _OWNER]
        scope = scoped_word(owner, "")
        return " ".join([owner, *(word.removeprefix(scope) for word in words if word != owner)])


@dataclass(frozen=True)
class Term:
    """A word that a text must have to be found, or the beginning of one."""

    word: str
    is_prefix: bool = False

    @property
    def text(self) -> str:
        """Return the term as it stands in a folded text without apostrophes."""
        kind, rest = self.word[0], self.word[1:]
        return rest if kind == _WORD else chr(int(rest, 16))


def entry_words(owner: str, chat_id: uuid.UUID, text: str) -> str:
    """Return the words that are indexed for a text: its own, and those of its owner and chat."""
    words = {owner_word(owner): None, chat_word(chat_id): None}
    size = 0
    # Whole words first: of a long text, they all count before the parts of any.
    whole = list(dict.fromkeys(_split_text(fold_text(text))))
    for word in chain(whole, chain.from_iterable(map(_inner_words, whole))):
        if word not in words:
            size += len(word.encode()) + 1
            if size > BYTES_PER_ENTRY or len(words) > WORDS_PER_ENTRY:
                break
            words[word] = None
    return " ".join(words)


def query_terms(text: str) -> list[Term]:
    """Return the terms of a search. The list is empty if there is no word to search for."""
    found = dict.fromkeys(_split_query(fold_text(text)))
    telling = [term for term in found if not _is_mark_between_words(term)]
    return (telling or list(found))[:WORDS_PER_QUERY]


def match_pattern(terms: list[Term], *, within_words: bool = False) -> re.Pattern[str]:
    """Return a pattern whose first group matches each place of a term in a folded text.

    Places may overlap, as the pairs of characters do.

    Parameters
    ----------
    within_words:
        Whether a place may be within a word, and not only at its beginning.
    """
    longest_first = sorted(terms, key=lambda term: -len(term.text))
    ways = (
        (_BEGIN if term.is_prefix and not within_words else "")
        + "'?".join(map(re.escape, term.text))
        for term in longest_first
    )
    return re.compile(f"(?=({'|'.join(ways)}))")


def owner_word(owner: str) -> str:
    """Return the word of all entries of an owner."""
    return _OWNER + hashlib.sha256(owner.encode()).hexdigest()[:16]


def scoped_word(owner: str, word: str) -> str:
    """Return a word as PostgreSQL's index has it, by the word of its owner.

    Two owners in a million share a scope. They find nothing of each other's, since a search looks
    only into the chats of its owner.
    """
    return owner[1 : 1 + SCOPE_DIGITS] + word


def chat_word(chat_id: uuid.UUID) -> str:
    """Return the word of all entries of a chat."""
    return _CHAT + chat_id.hex


def fold_text(text: str) -> str:
    """Return a text without the differences that a search ignores: case, accents, widths."""
    if text.isascii():
        return text.lower()
    # One character may become eighteen.
    wide = unicodedata.normalize("NFKD", text.replace(_ACCENT, "'"))[:CHARACTERS_PER_ENTRY]
    bare = unicodedata.normalize("NFKD", wide.casefold())
    return unicodedata.normalize("NFC", bare.translate(_MarkTable(_SAME)))


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
            yield _as_word(word.replace("'", ""))
            if "'" in word:
                yield from map(_as_word, word.split("'"))
                yield _as_symbol("'")
        else:
            yield _as_symbol(found[0])


def _split_query(text: str) -> Iterator[Term]:
    for found in _PART.finditer(text):
        if run := found["dense"]:
            yield from (Term(_as_word(part)) for part in [*_pairs(run)] or [run])
        elif word := found["word"]:
            yield Term(_as_word(word.replace("'", "")), is_prefix=True)
        else:
            yield Term(_as_symbol(found[0]))


def _inner_words(word: str) -> Iterator[str]:
    """Yield what begins within a word of letters, so that its beginning can be looked for."""
    kind, letters = word[0], word[1:]
    if kind != _WORD or not _ALL_LETTERS.fullmatch(letters):
        return
    has_capitals = letters.upper() != letters
    if len(letters) < 2 * PART_LIMIT and has_capitals:
        return
    for start in range(2 if has_capitals else 1, len(letters) - PART_LIMIT + 1):
        yield kind + letters[start:]


def _is_mark_between_words(term: Term) -> bool:
    is_symbol = term.word[0] == _SYMBOL
    return is_symbol and term.text not in _TELLING and unicodedata.category(term.text)[0] == "P"


def _pairs(run: str) -> Iterator[str]:
    return (a + b for a, b in pairwise(run))


def _as_word(letters: str) -> str:
    return _WORD + letters[:WORD_LIMIT]


def _as_symbol(character: str) -> str:
    return f"{_SYMBOL}{ord(character):x}"
