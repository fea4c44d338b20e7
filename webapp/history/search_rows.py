"""The statements of a search: each takes as many rows as it is told, however many there are."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    Row,
    Select,
    and_,
    bindparam,
    case,
    cast,
    column,
    func,
    select,
    table,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from webapp.chats.models import Chat, Message, SearchEntry
from webapp.database.engines import db, read_connection
from webapp.history.snippets import LOOKED_AT

# Above every entry.
NEWEST = 2**62
# Of so many chats all can be named in a query.
FEW_CHATS = 300

_IS_SHOWN = and_(
    Chat.owner == bindparam("of_owner"),
    Chat.written,
    Chat.deleted_at.is_(None),
)
_UNDER_PROFILE = Chat.profile == bindparam("of_profile")
# Built once: building a statement takes longer than running it.
_CHATS_UNDER = select(Chat.id).where(_IS_SHOWN, _UNDER_PROFILE).limit(FEW_CHATS + 1)
_TEXTS = select(Message.id, func.substr(Message.content, 1, LOOKED_AT[-1])).where(
    Message.id.in_(bindparam("messages", expanding=True))
)


@dataclass(frozen=True)
class Which:
    """Whose chats are searched, and under which profile they must be, if any."""

    owner: str
    profile: str | None

    @property
    def values(self) -> dict[str, str]:
        """Return the values of a statement for this."""
        profile = {} if self.profile is None else {"of_profile": self.profile}
        return {"of_owner": self.owner, **profile}


def chats_under(which: Which) -> list[uuid.UUID]:
    """Return the chats under a profile, but no more than one above `FEW_CHATS`."""
    with read_connection() as connection:
        return list(connection.scalars(_CHATS_UNDER, which.values))


def newest_by_chat(
    query: str, which: Which, before: int, most: int, *, exactly: bool = False
) -> list[Row[Any]]:
    """Look at the newest entries that match, and return the chats they are in, newest first.

    Each row says how many ``entries`` were in its chat, which was the ``top`` and which the
    ``oldest``; the ``newest`` of what was not replaced, and the ``message_id`` of the newest
    message, if there is one. ``is_shown`` is None for a chat that is not to be found.

    Parameters
    ----------
    exactly:
        Without it no entry is taken to be of a message that was replaced, as hardly any is: to
        look up each costs four times as much as all the rest. ``replaced_by`` tells of one.
    """
    statement = _newest_by_chat(
        db.engine.dialect.name, under_profile=which.profile is not None, exactly=exactly
    )
    values = {**which.values, "query": query, "before": before, "most": most}
    with read_connection() as connection:
        return list(connection.execute(statement, values).all())


def chats_since(query: str, since: int) -> set[uuid.UUID]:
    """Return the chats with an entry that matches and still stands, from a place on."""
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
    query = cast(bindparam("query"), TSQUERY)
    return SearchEntry.id, select(SearchEntry.id).where(SearchEntry.words.op("@@")(query))


@lru_cache(maxsize=8)
def _newest_by_chat(dialect: str, *, under_profile: bool, exactly: bool) -> Select[Any]:
    chats = _by_chat(dialect, exactly=exactly)
    said = SearchEntry.__table__.alias("said")
    shown = and_(_IS_SHOWN, _UNDER_PROFILE) if under_profile else _IS_SHOWN
    return (
        select(
            chats,
            said.c.message_id,
            Message.replaced_by,
            Chat.written.label("is_shown"),
            Chat.title,
            Chat.profile,
            Chat.snapshots,
            Chat.pinned,
            func.coalesce(Chat.active_at, Chat.created_at).label("active_at"),
        )
        .select_from(chats)
        .outerjoin(Chat, and_(Chat.id == chats.c.chat_id, shown))
        .outerjoin(said, said.c.id == chats.c.said)
        .outerjoin(Message, Message.id == said.c.message_id)
        .order_by(chats.c.top.desc())
    )


def _by_chat(dialect: str, *, exactly: bool) -> CTE:
    number, matching = _matching(dialect)
    newest = matching.where(number < bindparam("before")).order_by(number.desc())
    found = newest.limit(bindparam("most")).cte("found")
    stands = Message.replaced_by.is_(None) if exactly else true()
    is_message = SearchEntry.message_id.is_not(None)
    entries = found.join(SearchEntry, SearchEntry.id == found.c.id)
    if exactly:
        entries = entries.outerjoin(Message, Message.id == SearchEntry.message_id)
    return (
        select(
            SearchEntry.chat_id,
            func.count().label("entries"),
            func.max(SearchEntry.id).label("top"),
            func.min(SearchEntry.id).label("oldest"),
            func.max(case((stands, SearchEntry.id))).label("newest"),
            func.max(case((and_(stands, is_message), SearchEntry.id))).label("said"),
        )
        .select_from(entries)
        .group_by(SearchEntry.chat_id)
        .cte("by_chat")
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
