"""A database with a long history: one user, many chats, and the words of what was said."""

from __future__ import annotations

import random
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

from webapp.chats.tokenizer import entry_words
from webapp.config.settings import Settings
from webapp.database.schema import upgrade

OWNER = "user:alice"
PROFILES = ("Quick", "Thorough")
LONG_CHAT = 5_000
# Words of a language, the often used ones first; how often follows Zipf's law.
VOCABULARY = 40_000
SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
# So many messages have the rare word, however many there are: a page has that many results, or 30.
RARE_MESSAGES = 50
COMMON, RARE, CJK = "common", "needle", "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏"
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)
INSERTS = {
    "chats": '(id, owner, profile, written, "values", created_at, active_at, title, snapshots,'
    " pinned) VALUES (?, ?, ?, 1, '{}', ?, ?, ?, ?, 0)",
    "messages": "(id, chat_id, sequence, kind, content, status, created_at, profile)"
    " VALUES (?, ?, ?, ?, ?, 'complete', ?, ?)",
    "search_entries": "(chat_id, message_id, words) VALUES (?, ?, ?)",
}


@dataclass(frozen=True)
class Size:
    """How much is in a database."""

    chats: int
    messages: int

    @property
    def name(self) -> str:
        """Return the name of its file."""
        return f"history-{self.chats}-{self.messages}-{RARE_MESSAGES}.sqlite3"


def built(folder: Path, size: Size) -> Path:
    """Return the database of this size in ``folder``, building it if it is not there."""
    file = folder / size.name
    if not file.exists():
        unfinished = file.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        upgrade(Settings(database_url=f"sqlite:///{unfinished}"))
        _fill(unfinished, size)
        unfinished.rename(file)
    return file


def _fill(file: Path, size: Size) -> None:
    writer = _Writer(random.Random(size.messages), size.messages // RARE_MESSAGES)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for number, length in enumerate(_lengths(size)):
            writer.write_chat(connection, number, length)
            if number % 100 == 99:
                connection.commit()
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _lengths(size: Size) -> Iterator[int]:
    """Yield how many messages each chat has; one in the middle is very long."""
    others, rest = size.chats - 1, size.messages - LONG_CHAT
    for number in range(size.chats):
        if number == size.chats // 2:
            yield LONG_CHAT
        else:
            yield rest // others + (number < rest % others)


class Vocabulary:
    """The words of a language, of which texts are made."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._words = ["".join(chance.choices(SYLLABLES, k=1 + n % 4)) for n in range(VOCABULARY)]
        self._weights = list(accumulate(1 / (n + 3) for n in range(VOCABULARY)))

    def text(self, words: int) -> str:
        """Return a text of so many words."""
        return " ".join(self._chance.choices(self._words, cum_weights=self._weights, k=words))


class _Writer:
    def __init__(self, chance: random.Random, rarely: int) -> None:
        self._chance, self._rarely = chance, rarely
        self._text = Vocabulary(chance).text
        self._said = 0

    def write_chat(self, connection: sqlite3.Connection, number: int, length: int) -> None:
        chat, began = self._id(), EPOCH + timedelta(minutes=number)
        profile = PROFILES[number % len(PROFILES)]
        title = self._text(6)
        snapshots = f'{{"{profile}": {{"label": "{profile}", "icon": null}}}}'
        times = (_stored(began), _stored(began + timedelta(seconds=length)))
        row = (chat.hex, OWNER, profile, *times, title, snapshots)
        connection.execute(f"INSERT INTO chats {INSERTS['chats']}", row)
        messages, entries = [], [(chat.hex, None, entry_words(OWNER, chat, title))]
        for sequence in range(1, length + 1):
            message, text = self._id(), self._message(sequence)
            kind = "user" if sequence % 2 else "assistant"
            at = _stored(began + timedelta(seconds=sequence))
            messages.append((message.hex, chat.hex, sequence, kind, text, at, profile))
            entries.append((chat.hex, message.hex, entry_words(OWNER, chat, text)))
        connection.executemany(f"INSERT INTO messages {INSERTS['messages']}", messages)
        connection.executemany(f"INSERT INTO search_entries {INSERTS['search_entries']}", entries)

    def _message(self, sequence: int) -> str:
        self._said += 1
        words = [self._text(10 if sequence % 2 else 40)]
        if self._said % 3 == 0:
            words.append(COMMON)
        if self._said % self._rarely == 0:
            words.append(RARE)
        if self._said % 50 == 0:
            words.append("".join(self._chance.choices(CJK, k=12)))
        return " ".join(words)

    def _id(self) -> uuid.UUID:
        return uuid.UUID(int=self._chance.getrandbits(128), version=4)


def _stored(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")
