"""The words of a text, as both databases index them: the same text has the same words in both.

SQLite's and PostgreSQL's own parsers disagree on accents, symbols, numbers and languages without
spaces, so the text is taken apart here, and each word is written in letters and digits that no
parser takes apart again.
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
WORDS_PER_ENTRY = 20_000
WORDS_PER_QUERY = 32
# Written without spaces between words: each character is a word, and each pair of neighbours.
_DENSE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_PART = re.compile(rf"(?P<dense>[{_DENSE}]+)|(?P<word>(?:(?![{_DENSE}])[^\W_])+)|(?P<symbol>\S)")
_ASCII_WORD = re.compile("[a-z0-9]+")
_SKIN_TONES = range(0x1F3FB, 0x1F400)


@dataclass(frozen=True)
class Term:
    """Something a text must have to be found: a word, or the beginning of one."""

    word: str
    is_prefix: bool = False


def entry_words(owner: str, chat_id: uuid.UUID, text: str) -> str:
    """Return what is indexed for a text: its words, and whose it is."""
    found = dict.fromkeys(_indexed(folded(text)))
    words = list(found)[:WORDS_PER_ENTRY]
    return " ".join([owner_word(owner), chat_word(chat_id), *words])


def query_terms(text: str) -> list[Term]:
    """Return what a text must have to match a search; nothing for a search for nothing."""
    found = dict.fromkeys(_asked(folded(text)))
    return list(found)[:WORDS_PER_QUERY]


def owner_word(owner: str) -> str:
    """Return the word that everything of an owner has."""
    return "o" + hashlib.sha256(owner.encode()).hexdigest()[:16]


def chat_word(chat_id: uuid.UUID) -> str:
    """Return the word that everything of a chat has."""
    return "c" + chat_id.hex


def folded(text: str) -> str:
    """Return a text without what a search does not care about: case, accents, widths."""
    bare = unicodedata.normalize("NFKD", text).casefold()
    kept = "".join(c for c in unicodedata.normalize("NFKD", bare) if not _is_mark(c))
    return unicodedata.normalize("NFC", kept)


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) in ("Mn", "Cf") or ord(character) in _SKIN_TONES


def _indexed(text: str) -> Iterator[str]:
    for found in _PART.finditer(text):
        if run := found["dense"]:
            yield from map(_written, [*run, *_pairs(run)])
        else:
            yield _written(found[0][:WORD_LIMIT])


def _asked(text: str) -> Iterator[Term]:
    for found in _PART.finditer(text):
        if run := found["dense"]:
            yield from (Term(_written(part)) for part in _pairs(run) or [run])
        else:
            yield Term(_written(found[0][:WORD_LIMIT]), is_prefix=bool(found["word"]))


def _pairs(run: str) -> list[str]:
    return [a + b for a, b in pairwise(run)]


def _written(word: str) -> str:
    if _ASCII_WORD.fullmatch(word):
        return f"w{word}"
    return "x" + "".join(f"{ord(character):06x}" for character in word)
