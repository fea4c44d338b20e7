"""The search in the chats of a user. Each chat comes once, the newest match first."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from webapp.chats.search_index import STEPS_OF_SEARCH, index_pending
from webapp.chats.tokenizer import query_terms
from webapp.database.engines import db
from webapp.history.search.query import POSTGRESQL, SQLITE, SearchQuery
from webapp.history.search.rows import (
    FEW_CHATS,
    NEWEST,
    ChatFilter,
    chats_since,
    chats_under_profile,
    newest_by_chat,
    texts_of,
)
from webapp.history.search.snippets import Part, make_snippet
from webapp.web.errors import UNAVAILABLE, log_unavailable

PAGE = 30
# How many entries each batch reads, if the batches before did not fill the page. So the work of a
# page is bounded, whatever the search and however many messages there are.
BATCHES = (300, 1_500, 3_000, 3_000)
# The largest number of chats of a batch.
CHATS_AT_ONCE = 3 * PAGE


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A chat that matches, with the part of the text that shows why."""

    chat_id: uuid.UUID
    title: str
    profile: str | None
    pinned: bool
    active_at: datetime
    snippet: tuple[Part, ...]


@dataclass(frozen=True)
class SearchResult:
    """One page of the result of a search.

    Parameters
    ----------
    next:
        The entry before which the next page begins. ``None`` means that this is the last page.
    is_empty_query:
        Whether the query has no word to search for.
    """

    hits: list[Hit] = field(default_factory=list)
    next: int | None = None
    is_empty_query: bool = False


def search(
    owner: str, text: str, profile: str | None = None, before: int | None = None
) -> SearchResult:
    """Return the chats of a user in which a message or the title has all words of ``text``.

    Words match from their beginning. A page may be short or empty although more pages follow,
    since each page takes a bounded amount of work.

    Parameters
    ----------
    profile:
        Only chats under this profile.
    before:
        The end of the page before. Chats of earlier pages do not come again.
    """
    terms = query_terms(text)
    if not terms:
        return SearchResult(is_empty_query=True)
    try:
        index_pending(owner, STEPS_OF_SEARCH)
    except UNAVAILABLE as error:
        # What is indexed can be found also while nothing can be written.
        log_unavailable(error)
    operators = SQLITE if db.engine.dialect.name == "sqlite" else POSTGRESQL
    query = SearchQuery(owner, tuple(terms), operators)
    page = _SearchPage(query, ChatFilter(owner, profile), before)
    page.fill()

    texts = texts_of([row.message_id for row in page.rows if row.message_id is not None])
    hits = [
        Hit(
            chat_id=row.chat_id,
            title=row.title or "",
            profile=row.profile,
            pinned=row.pinned,
            active_at=row.active_at,
            snippet=make_snippet(texts.get(row.message_id, row.title or ""), terms),
        )
        for row in page.rows
    ]
    return SearchResult(hits, page.next)


class _SearchPage:
    """One page of a search while it is filled, from a bounded number of entries."""

    def __init__(self, query: SearchQuery, chats: ChatFilter, start: int | None) -> None:
        self.rows: list[Row[Any]] = []
        # The entry from which on there may be more.
        self.next: int | None = NEWEST if start is None else start
        self._query = query
        self._filter = chats
        self._start = start
        self._within: list[uuid.UUID] = []
        self._seen: list[uuid.UUID] = []

    def fill(self) -> None:
        """Read batches until the page is full, all entries were read, or the work was enough."""
        if self._filter.profile is not None:
            # A few chats can be named in the query, which then reads nothing else.
            chats = chats_under_profile(self._filter)
            if not chats:
                self.next = None
            elif len(chats) <= FEW_CHATS:
                self._within = chats
        for size in BATCHES:
            if self.next is None or len(self.rows) == PAGE:
                return
            self._read_batch(self.next, size)

    def _read_batch(self, before: int, size: int) -> None:
        """Read the next entries, and add the chats that are new on this page."""
        match = self._query.match(self._within, self._seen)
        found = newest_by_chat(match, self._filter, before, size)
        if len(found) > CHATS_AT_ONCE:
            self.next = int(found[CHATS_AT_ONCE - 1].top)
        elif sum(row.entries for row in found) < size:
            self.next = None
        else:
            self.next = min(int(row.oldest) for row in found)

        # A row whose newest match is older than the batch comes with a later batch.
        rows = self._replace_doubtful(found[:CHATS_AT_ONCE], before, size)
        rows = [row for row in rows if row.newest is not None and row.newest >= (self.next or 0)]
        self._seen += [row.chat_id for row in rows]

        rows = [row for row in rows if row.is_shown]
        if self._start is not None and rows:
            match = self._query.match(within=[row.chat_id for row in rows])
            on_earlier_pages = chats_since(match, self._start)
            rows = [row for row in rows if row.chat_id not in on_earlier_pages]
        rows.sort(key=lambda row: -row.newest)
        room = PAGE - len(self.rows)
        self.rows += rows[:room]
        if len(rows) > room:
            self.next = self.rows[-1].newest

    def _replace_doubtful(self, rows: list[Row[Any]], before: int, size: int) -> list[Row[Any]]:
        """Read chats again whose newest match was replaced: an older match may still count."""
        doubtful = [row.chat_id for row in rows if row.replaced_by is not None]
        if not doubtful:
            return rows
        match = self._query.match(doubtful)
        again = newest_by_chat(match, self._filter, before, size, exactly=True)
        return [row for row in rows if row.replaced_by is None] + again
