"""What is looked at in a long history: by the page that shows it, and by the bare SQL for that."""

from __future__ import annotations

import sqlite3
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from history_data import CJK, COMMON, OWNER, PROFILES, RARE

from webapp.chats.tokenizer import owner_word
from webapp.history.listing import PAGE_SIZE, Cursor
from webapp.history.search.results import PAGE

LISTED = (
    "SELECT id, title, profile, snapshots, pinned, active_at FROM chats WHERE owner = :owner"
    " AND written = 1 AND deleted_at IS NULL AND pinned = 0"
)
NEWEST_FIRST = f" ORDER BY active_at DESC, id DESC LIMIT {PAGE_SIZE + 1}"
# One chat for each match, so not the same answer, but the same look into the same index.
FOUND = (
    "SELECT c.id, c.title, c.profile, c.snapshots, c.pinned, c.active_at, m.content"
    " FROM (SELECT rowid FROM search_words WHERE search_words MATCH :query AND rowid < :before"
    " ORDER BY rowid DESC LIMIT :most) f"
    " JOIN search_entries e ON e.id = f.rowid JOIN chats c ON c.id = e.chat_id"
    " LEFT JOIN messages m ON m.id = e.message_id"
)
SAID = "SELECT * FROM messages WHERE chat_id = :chat AND replaced_by IS NULL ORDER BY sequence"


@dataclass(frozen=True)
class Look:
    """Something to look at: its address, and a statement that reads the same rows."""

    name: str
    path: str
    bare: str
    values: dict[str, Any]


def looks(connection: sqlite3.Connection) -> list[Look]:
    """Return what is looked at in a database."""
    [middle] = connection.execute("SELECT count(*) / 2 FROM chats").fetchone()
    far = _chat(connection, "ORDER BY active_at DESC LIMIT 1 OFFSET ?", middle)
    # The long one is the middle one of those that were begun.
    long = _chat(connection, "ORDER BY created_at LIMIT 1 OFFSET ?", middle)
    [entries] = connection.execute("SELECT max(id) FROM search_entries").fetchone()
    return [
        _listed("first page"),
        _listed("page far down", before=far),
        _listed("one profile", profile=PROFILES[0]),
        _found("a common word", COMMON, f"w{COMMON}*"),
        _found("a common word, far down", COMMON, f"w{COMMON}*", before=entries // 2),
        _found("a rare word", RARE, f"w{RARE}*"),
        _found("two words", f"{COMMON} ba", f"w{COMMON}* AND wba*"),
        _found("one letter", "b", "wb*"),
        _found("one letter, far down", "b", "wb*", before=entries // 2),
        _found("one character", CJK[0], f"w{CJK[0]}"),
        _found("two characters", CJK[:2], f"w{CJK[:2]}"),
        _found("a profile's word", COMMON, f"w{COMMON}*", profile=PROFILES[0]),
        _opened("a chat", far[0]),
        _opened("5,000 messages", long[0]),
    ]


def _listed(name: str, profile: str | None = None, before: tuple[Any, ...] | None = None) -> Look:
    bare, values, asked = LISTED, {"owner": OWNER}, {}
    if profile is not None:
        bare, asked["profile"] = f"{bare} AND profile = :profile", profile
        values["profile"] = profile
    if before is not None:
        bare += " AND (active_at, id) < (:at, :last)"
        values |= {"last": before[0], "at": before[1]}
        asked["before"] = _cursor(before)
    return Look(f"history: {name}", f"/chats?{urlencode(asked)}", bare + NEWEST_FIRST, values)


def _found(
    name: str, text: str, words: str, profile: str | None = None, before: int | None = None
) -> Look:
    asked = {"q": text, "profile": profile, "before": before}
    path = f"/chats?{urlencode({key: value for key, value in asked.items() if value})}"
    bare = f"{FOUND} WHERE c.profile = :profile" if profile else FOUND
    values = {"before": before or 2**62, "most": PAGE, "profile": profile}
    query = f"{owner_word(OWNER)} AND {words}"
    return Look(f"search: {name}", path, bare, {**values, "query": query})


def _opened(name: str, chat: str) -> Look:
    return Look(f"open: {name}", f"/chats/{uuid.UUID(chat)}", SAID, {"chat": chat})


def _chat(connection: sqlite3.Connection, which: str, *values: Any) -> tuple[Any, ...]:
    statement = f"SELECT id, active_at FROM chats {which}"  # noqa: S608 - from this file
    return tuple(connection.execute(statement, values).fetchone())


def _cursor(before: tuple[Any, ...]) -> str:
    at = datetime.fromisoformat(before[1]).replace(tzinfo=UTC)
    return str(Cursor(at, uuid.UUID(before[0])))
