"""The statements of a search. Each reads a bounded number of rows."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Row,
    Select,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    literal_column,
    select,
    table,
    text,
    true,
)

from webapp.chats.models import Chat, Message, SearchEntry
from webapp.database.engines import db, read_connection
from webapp.history.search.snippets import LOOKED_AT

# A number above that of every entry.
NEWEST = 2**62
# The largest number of chats that a query names.
FEW_CHATS = 300

_IS_SHOWN = and_(
    Chat.owner == bindparam("owner_id"),
    Chat.written,
    Chat.deleted_at.is_(None),
)
_UNDER_PROFILE = Chat.profile == bindparam("profile_name")
# Built once: building a statement takes longer than running it.
_CHATS_UNDER = select(Chat.id).where(_IS_SHOWN, _UNDER_PROFILE).limit(FEW_CHATS + 1)
_TEXTS = select(Message.id, func.substr(Message.content, 1, LOOKED_AT[-1])).where(
    Message.id.in_(bindparam("messages", expanding=True))
)


@dataclass(frozen=True)
class ChatFilter:
    """The owner of the chats that are searched, and their profile if only one counts."""

    owner: str
    profile: str | None

    @property
    def values(self) -> dict[str, str]:
        """Return the parameters of a statement."""
        profile = {} if self.profile is None else {"profile_name": self.profile}
        return {"owner_id": self.owner, **profile}


def chats_under_profile(chats: ChatFilter) -> list[uuid.UUID]:
    """Return the chats under the profile, at most one more than `FEW_CHATS`."""
    with read_connection() as connection:
        return list(connection.scalars(_CHATS_UNDER, chats.values))


def newest_by_chat(
    query: str, chats: ChatFilter, before: int, size: int, *, exactly: bool = False
) -> list[Row[Any]]:
    """Read the newest entries that match, and return their chats, newest first.

    Each row has the number of ``entries`` in its chat, the numbers of the ``top`` and the
    ``oldest`` one, the ``newest`` one of a message that was not replaced, and the ``message_id``
    of the newest message, if there is one. ``is_shown`` is None for a chat that may not be found.

    Parameters
    ----------
    exactly:
        Whether to check each entry for a message that was replaced. Few are, and the check costs
        four times as much as the rest. Without it, ``replaced_by`` of a row shows that its newest
        match was replaced.
    """
    statement = _newest_by_chat(
        db.engine.dialect.name, under_profile=chats.profile is not None, exactly=exactly
    )
    values = {**chats.values, "query": query, "before": before, "size": size}
    with read_connection() as connection:
        return list(connection.execute(statement, values).all())


def chats_since(query: str, since: int) -> set[uuid.UUID]:
    """Return the chats with a match that was not replaced, from an entry on."""
    with read_connection() as connection:
        statement = _chats_since(db.engine.dialect.name)
        return set(connection.scalars(statement, {"query": query, "since": since}))


def texts_of(messages: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Return the beginnings of messages."""
    with read_connection() as connection:
        found = connection.execute(_TEXTS, {"messages": list(messages)}).all()
    return {row[0]: row[1] for row in found}


def _matching(dialect: str) -> tuple[Any, Select[Any]]:
    """Return the number of an entry, and the select of those that match ``query``."""
    if dialect == "sqlite":
        number = column("rowid", SearchEntry.id.type)
        index = select(number.label("id")).select_from(table("search_words", number))
        return number, index.where(text("search_words MATCH :query"))
    from sqlalchemy.dialects.postgresql import TSQUERY  # noqa: PLC0415 - as in upserts.py

    query = cast(bindparam("query"), TSQUERY)
    # Not the column itself: PostgreSQL takes a word for frequent if it has no statistics of it, and
    # would go through the entries of all owners by their number.
    by_words = SearchEntry.id + literal_column("0")
    return by_words, select(SearchEntry.id).where(SearchEntry.words.op("@@")(query))


@lru_cache(maxsize=8)
def _newest_by_chat(dialect: str, *, under_profile: bool, exactly: bool) -> Select[Any]:
    number, matching = _matching(dialect)
    newest = matching.where(number < bindparam("before")).order_by(number.desc())
    found = newest.limit(bindparam("size")).cte("found")
    still_counts = Message.replaced_by.is_(None) if exactly else true()
    is_message = SearchEntry.message_id.is_not(None)
    entries = found.join(SearchEntry, SearchEntry.id == found.c.id)
    if exactly:
        entries = entries.outerjoin(Message, Message.id == SearchEntry.message_id)
    chats = (
        select(
            SearchEntry.chat_id,
            func.count().label("entries"),
            func.max(SearchEntry.id).label("top"),
            func.min(SearchEntry.id).label("oldest"),
            func.max(case((still_counts, SearchEntry.id))).label("newest"),
            func.max(case((and_(still_counts, is_message), SearchEntry.id))).label("message"),
        )
        .select_from(entries)
        .group_by(SearchEntry.chat_id)
        .cte("by_chat")
    )

    entry = SearchEntry.__table__.alias("entry")
    shown = and_(_IS_SHOWN, _UNDER_PROFILE) if under_profile else _IS_SHOWN
    return (
        select(
            chats,
            entry.c.message_id,
            Message.replaced_by,
            Chat.written.label("is_shown"),
            Chat.title,
            Chat.profile,
            Chat.pinned,
            func.coalesce(Chat.active_at, Chat.created_at).label("active_at"),
        )
        .select_from(chats)
        .outerjoin(Chat, and_(Chat.id == chats.c.chat_id, shown))
        .outerjoin(entry, entry.c.id == chats.c.message)
        .outerjoin(Message, Message.id == entry.c.message_id)
        .order_by(chats.c.top.desc())
    )


@lru_cache(maxsize=2)
def _chats_since(dialect: str) -> Select[Any]:
    number, matching = _matching(dialect)
    found = matching.where(number >= bindparam("since")).cte("found")
    return (
        select(SearchEntry.chat_id)
        .distinct()
        .select_from(found)
        .join(SearchEntry, SearchEntry.id == found.c.id)
        .outerjoin(Message, Message.id == SearchEntry.message_id)
        .where(Message.replaced_by.is_(None))
    )
