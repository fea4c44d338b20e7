"""The words of a text, as both databases index them: the same text has the same words in both.

SQLite's and PostgreSQL's own parsers disagree on accents, symbols, numbers and languages without
spaces, so the text is taken apart here, and each word is written so that no parser takes it apart
again: a letter of ours that says what it is, then letters and digits.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

# What a column of words is: text that SQLite's triggers index, or PostgreSQL's own type.
Words = Text().with_variant(postgresql.TSVECTOR(), "postgresql")

WORD_LIMIT = 64
CHARACTERS_PER_ENTRY = 1_000_000
WORDS_PER_ENTRY = 20_000
# PostgreSQL takes 1 MB of words at most.
BYTES_PER_ENTRY = 500_000
WORDS_PER_QUERY = 32
# Written without spaces between words: each character is a word, and each pair of neighbours.
_DENSE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
# Written with vowel signs that are no letters to Python; without the full stops among them.
_INDIC = "\u0900-\u0963\u0966-\u0dff"
_PART = re.compile(
    rf"(?P<dense>[{_DENSE}]+)|(?P<word>(?:[^\W_{_DENSE}{_INDIC}]+|[{_INDIC}]+)+)|(?P<symbol>\S)"
)
# Where a word can begin: not after what may stand in one.
_BEGIN = rf"(?<![^\W_{_DENSE}])(?<![{_INDIC}])"
# The first letters of what is indexed: a word, a symbol by its number, an owner, a chat.
_WORD, _SYMBOL, _OWNER, _CHAT = "wxoc"
# What stands in these belongs to a word, whatever Unicode calls it.
_ALL_SIGNS = re.compile(f"[{_DENSE}{_INDIC}]")
# Colours of skin, and which picture of a character is meant.
_VARIANTS = re.compile("[\U0001f3fb-\U0001f3ff\ufe00-\ufe0f\U000e0100-\U000e01ef]")
# Without a dot it is a letter of its own in Turkish, of which I is the capital.
_DOTLESS = {0x131: "i"}


@dataclass(frozen=True)
class Term:
    """Something a text must have to be found: a word, or the beginning of one."""

    word: str
    is_prefix: bool = False

    @property
    def text(self) -> str:
        """Return what it is written as in a folded text."""
        kind, rest = self.word[0], self.word[1:]
        return rest if kind == _WORD else chr(int(rest, 16))


def entry_words(owner: str, chat_id: uuid.UUID, text: str) -> str:
    """Return what is indexed for a text: its words, and whose it is."""
    words = {owner_word(owner): None, chat_word(chat_id): None}
    size = 0
    for word in _indexed(folded(text)):
        if word not in words:
            size += len(word.encode()) + 1
            if size > BYTES_PER_ENTRY or len(words) > WORDS_PER_ENTRY:
                break
            words[word] = None
    return " ".join(words)


def query_terms(text: str) -> list[Term]:
    """Return what a text must have to match a search; nothing for a search for nothing."""
    found = dict.fromkeys(_asked(folded(text)))
    return list(found)[:WORDS_PER_QUERY]


def places_of(terms: list[Term]) -> re.Pattern[str]:
    """Return what finds each place of a folded text at which a term matches, in its first group.

    Places may overlap, as the pairs of characters do.
    """
    longest_first = sorted(terms, key=lambda term: -len(term.text))
    ways = ((_BEGIN if term.is_prefix else "") + re.escape(term.text) for term in longest_first)
    return re.compile(f"(?=({'|'.join(ways)}))")


def owner_word(owner: str) -> str:
    """Return the word that everything of an owner has."""
    return _OWNER + hashlib.sha256(owner.encode()).hexdigest()[:16]


def chat_word(chat_id: uuid.UUID) -> str:
    """Return the word that everything of a chat has."""
    return _CHAT + chat_id.hex


def folded(text: str) -> str:
    """Return a text without what a search does not care about: case, accents, widths."""
    if text.isascii():
        return text.lower()
    # One character may stand for eighteen.
    wide = unicodedata.normalize("NFKD", text)[:CHARACTERS_PER_ENTRY]
    bare = unicodedata.normalize("NFKD", wide.casefold())
    return unicodedata.normalize("NFC", bare.translate(_Unmarked(_DOTLESS)))


class _Unmarked(dict[int, str | None]):
    """A table for `str.translate`: marks go, and what was asked once is known."""

    def __missing__(self, code: int) -> str | None:
        kept = self[code] = None if _is_mark(chr(code)) else chr(code)
        return kept


def _is_mark(character: str) -> bool:
    if _ALL_SIGNS.match(character):
        return False
    is_accent = unicodedata.combining(character) != 0
    is_format = unicodedata.category(character) in ("Cf", "Me")
    return is_accent or is_format or _VARIANTS.match(character) is not None


def _indexed(text: str) -> Iterator[str]:
    for found in _PART.finditer(text):
        if run := found["dense"]:
            yield from map(_as_word, run)
            yield from map(_as_word, _pairs(run))
        elif word := found["word"]:
            yield _as_word(word)
        else:
            yield _as_symbol(found[0])


def _asked(text: str) -> Iterator[Term]:
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
