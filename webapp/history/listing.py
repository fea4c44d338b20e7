"""The history of a user, page by page. Each page is one read of an index."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select, tuple_
from sqlalchemy.sql import Select

from webapp.chats.models import Chat
from webapp.database.engines import read_connection
from webapp.history.search.snippets import Part

PAGE_SIZE = 20
PINNED_LIMIT = 50
# Microseconds since 1970, which are negative for a time before, and an id.
_CURSOR = re.compile(r"(-?\d{1,18})-([0-9a-f]{32})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS: tuple[Any, ...] = (
    Chat.id,
    Chat.title,
    Chat.profile,
    Chat.pinned,
    Chat.active_at,
)
_SNAPSHOTS = select(Chat.id, Chat.snapshots).where(Chat.id.in_(bindparam("ids", expanding=True)))
# The columns have the names of the fields of an item.
_NAMES = [column.key for column in _COLUMNS]
# Built once: building a statement takes longer than running it.
_PAGE = (
    select(*_COLUMNS)
    .where(
        Chat.owner == bindparam("owner_id"),
        Chat.written,
        Chat.pinned == bindparam("is_pinned"),
        Chat.deleted_at.is_(None),
    )
    .order_by(Chat.active_at.desc(), Chat.id.desc())
    .limit(bindparam("size"))
)
_OLDER = (
    tuple_(Chat.active_at, Chat.id)
    < tuple_(
        bindparam("before_time", type_=Chat.active_at.type),
        bindparam("before_id", type_=Chat.id.type),
    ),
)
_UNDER_PROFILE = (Chat.profile == bindparam("profile_name"),)


@dataclass(frozen=True)
class Cursor:
    """The end of a page of the history: the time and the id of its last chat."""

    time: datetime
    chat_id: uuid.UUID

    def __str__(self) -> str:
        return f"{(self.time - _EPOCH) // timedelta(microseconds=1)}-{self.chat_id.hex}"

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """Return the cursor in an address, or ``None`` if the text is not a cursor."""
        found = _CURSOR.fullmatch(text)
        if found is None:
            return None
        try:
            time = _EPOCH + timedelta(microseconds=int(found[1]))
        except OverflowError:
            return None
        return cls(time, uuid.UUID(found[2]))


@dataclass(frozen=True, kw_only=True)
class HistoryItem:
    """A chat as the history shows it."""

    id: uuid.UUID
    title: str | None
    profile: str | None
    pinned: bool
    active_at: datetime
    snippet: tuple[Part, ...] = ()
    # How its profiles looked then. Read only where one of them is not offered any more.
    snapshots: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class HistoryPage:
    """Some chats of a user, newest first, and the cursor of the next page."""

    items: list[HistoryItem]
    next: str | None = None
    pinned: list[HistoryItem] = field(default_factory=list)


def list_chats(owner: str, profile: str | None = None, before: Cursor | None = None) -> HistoryPage:
    """Return a page of the chats in which ``owner`` has written. Pinned chats are on the first.

    Parameters
    ----------
    profile:
        Only chats under this profile.
    before:
        Only chats that are older than the end of another page.
    """
    pinned = [] if before else _read_items(owner, profile, None, pinned=True)
    items = _read_items(owner, profile, before, pinned=False)
    more = len(items) > PAGE_SIZE
    items = items[:PAGE_SIZE]
    following = str(Cursor(items[-1].active_at, items[-1].id)) if more else None
    return HistoryPage(items, following, pinned)


def add_looks(items: Iterable[HistoryItem], is_offered: Callable[[str], bool]) -> list[HistoryItem]:
    """Return items, with the snapshots of those whose profile is not offered any more."""
    items = list(items)
    old = [item.id for item in items if item.profile is not None and not is_offered(item.profile)]
    if not old:
        return items
    with read_connection() as connection:
        found = {row[0]: row[1] for row in connection.execute(_SNAPSHOTS, {"ids": old})}
    return [replace(item, snapshots=found.get(item.id, {})) for item in items]


def get_item(owner: str, chat_id: uuid.UUID) -> HistoryItem | None:
    """Return a chat of ``owner`` as the history shows it."""
    wanted = select(*_COLUMNS).where(
        Chat.id == chat_id, Chat.owner == owner, Chat.deleted_at.is_(None)
    )
    with read_connection() as connection:
        found = connection.execute(wanted).first()
    return _item(found) if found else None


def profiles_in_history(owner: str) -> list[str]:
    """Return the names of the profiles of a user's chats, in order.

    The query goes through the index from name to name, since SQLite has no loose index scan:
    https://wiki.postgresql.org/wiki/Loose_indexscan
    """
    theirs = (Chat.owner == owner, Chat.profile.is_not(None))
    names = select(func.min(Chat.profile).label("name")).where(*theirs).cte("names", recursive=True)
    after = select(func.min(Chat.profile)).where(*theirs, Chat.profile > names.c.name)
    following = select(after.correlate(names).scalar_subquery()).where(names.c.name.is_not(None))
    names = names.union_all(following)
    with read_connection() as connection:
        return [name for name in connection.scalars(select(names.c.name)) if name is not None]


def _read_items(
    owner: str, profile: str | None, before: Cursor | None, *, pinned: bool
) -> list[HistoryItem]:
    statement = _STATEMENTS[profile is not None, before is not None]
    values: dict[str, Any] = {
        "owner_id": owner,
        "is_pinned": pinned,
        "size": PINNED_LIMIT if pinned else PAGE_SIZE + 1,
    }
    if profile is not None:
        values["profile_name"] = profile
    if before is not None:
        values |= {"before_time": before.time, "before_id": before.chat_id}
    with read_connection() as connection:
        return [_item(row) for row in connection.execute(statement, values)]


def _item(row: Any) -> HistoryItem:
    return HistoryItem(**dict(zip(_NAMES, row, strict=True)))


_STATEMENTS: dict[tuple[bool, bool], Select[Any]] = {
    (under_profile, older): _PAGE.where(
        *(_UNDER_PROFILE if under_profile else ()), *(_OLDER if older else ())
    )
    for under_profile in (False, True)
    for older in (False, True)
}
