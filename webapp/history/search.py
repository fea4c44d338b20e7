"""Searching the chats of a user: each chat once, the one in which it was said last first."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from webapp.chats.tokenizer import Term, query_terms
from webapp.database.engines import db
from webapp.history.matching import POSTGRESQL, SQLITE, Matching
from webapp.history.search_rows import (
    FEW_CHATS,
    NEWEST,
    Which,
    chats_since,
    chats_under,
    newest_by_chat,
    texts_of,
)
from webapp.history.snippets import Part, snippet

PAGE = 30
# How many entries are looked at, each time if those before did not fill the page: the work of a
# page is bounded, whoever searches for what in however many messages.
BATCHES = (300, 1_500, 3_000, 3_000)
# And how many of the chats they are in.
CHATS_AT_ONCE = 3 * PAGE


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A chat in which something was found, and the part of it that shows why."""

    chat_id: uuid.UUID
    title: str
    profile: str | None
    snapshots: dict[str, Any]
    pinned: bool
    active_at: datetime
    snippet: tuple[Part, ...]


@dataclass(frozen=True)
class Found:
    """What a search found.

    Parameters
    ----------
    next:
        Where to go on from; ``None`` when this is all.
    nothing_to_look_for:
        Whether the search named nothing that could be found.
    """

    hits: list[Hit] = field(default_factory=list)
    next: int | None = None
    nothing_to_look_for: bool = False


def search(owner: str, text: str, profile: str | None = None, before: int | None = None) -> Found:
    """Return the chats of a user in which a message, or the title, has all that ``text`` names.

    Words match from their beginning on. A page may be short, or empty, although there is more:
    it holds what was found with a bounded amount of work, and says where to go on.

    Parameters
    ----------
    profile:
        Only chats under this profile.
    before:
        Where the page before ended; chats that it, or one before it, had do not come again.
    """
    terms = query_terms(text)
    if not terms:
        return Found(nothing_to_look_for=True)
    operators = SQLITE if db.engine.dialect.name == "sqlite" else POSTGRESQL
    look = _Look(Matching(owner, tuple(terms), operators), Which(owner, profile), before)
    look.fill()
    return Found(_hits(look.chats, terms), look.next)


class _Look:
    """One page of a search while it is filled."""

    def __init__(self, matching: Matching, which: Which, start: int | None) -> None:
        self.chats: list[Row[Any]] = []
        # From where on there may be more.
        self.next: int | None = NEWEST if start is None else start
        self._matching = matching
        self._which = which
        self._start = start
        self._within: list[uuid.UUID] = []
        self._looked_at: list[uuid.UUID] = []

    def fill(self) -> None:
        """Look until the page is full, everything was seen, or it has been work enough."""
        if self._which.profile is not None:
            self._narrow()
        for most in BATCHES:
            if self.next is None or len(self.chats) == PAGE:
                return
            self._take(self.next, most)

    def _narrow(self) -> None:
        """Look into the chats of the profile alone, if they are few."""
        chats = chats_under(self._which)
        if not chats:
            self.next = None
        elif len(chats) <= FEW_CHATS:
            self._within = chats

    def _take(self, before: int, most: int) -> None:
        """Look at so many more entries, and take the chats that are new."""
        query = self._matching.query(self._within, self._looked_at)
        found = newest_by_chat(query, self._which, before, most)
        self.next = _goes_on(found, most)
        found = self._exactly(found[:CHATS_AT_ONCE], before, most)
        floor = self.next or 0
        # Where what stands is older than what was looked at, it comes when that is.
        standing = [row for row in found if row.newest is not None and row.newest >= floor]
        self._looked_at += [row.chat_id for row in standing]
        shown = [row for row in standing if row.is_shown]
        had = self._had_before([row.chat_id for row in shown])
        new = sorted((row for row in shown if row.chat_id not in had), key=lambda row: -row.newest)
        room = PAGE - len(self.chats)
        self.chats += new[:room]
        if len(new) > room:
            self.next = self.chats[-1].newest

    def _exactly(self, found: list[Row[Any]], before: int, most: int) -> list[Row[Any]]:
        """Look again at the chats whose newest match was replaced: an older one may stand."""
        doubtful = [row.chat_id for row in found if row.replaced_by is not None]
        if not doubtful:
            return found
        query = self._matching.query(doubtful)
        again = newest_by_chat(query, self._which, before, most, exactly=True)
        return [row for row in found if row.replaced_by is None] + again

    def _had_before(self, chats: list[uuid.UUID]) -> set[uuid.UUID]:
        """Return which of these chats an earlier page had."""
        if self._start is None or not chats:
            return set()
        return chats_since(self._matching.query(within=chats), self._start)


def _goes_on(found: list[Row[Any]], most: int) -> int | None:
    """Return from where on to look for more, after these entries; ``None`` when they are all."""
    if len(found) > CHATS_AT_ONCE:
        return int(found[CHATS_AT_ONCE - 1].top)
    if sum(row.entries for row in found) < most:
        return None
    return min(int(row.oldest) for row in found)


def _hits(chats: list[Row[Any]], terms: list[Term]) -> list[Hit]:
    texts = texts_of([row.message_id for row in chats if row.message_id is not None])
    return [_hit(row, texts.get(row.message_id, row.title or ""), terms) for row in chats]


def _hit(row: Row[Any], text: str, terms: list[Term]) -> Hit:
    return Hit(
        chat_id=row.chat_id,
        title=row.title or "",
        profile=row.profile,
        snapshots=row.snapshots,
        pinned=row.pinned,
        active_at=row.active_at,
        snippet=snippet(text, terms),
    )
