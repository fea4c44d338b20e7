"""The history of a user, page by page: each is one look into an index, however many there are."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select, tuple_
from sqlalchemy.sql import Select

from webapp.chats.models import Chat
from webapp.database.engines import read_connection
from webapp.history.snippets import Part

PAGE_SIZE = 20
PINNED_LIMIT = 50
_CURSOR = re.compile(r"(\d{1,17})-([0-9a-f]{32})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = (
    Chat.id,
    Chat.title,
    Chat.profile,
    Chat.snapshots,
    Chat.pinned,
    Chat.active_at,
)
# Columns are named as the fields of an item are.
_NAMES = [column.key for column in _COLUMNS]
# Built once: building a statement takes longer than running it.
_LISTED = (
    select(*_COLUMNS)
    .where(
        Chat.owner == bindparam("of_owner"),
        Chat.written,
        Chat.pinned == bindparam("pins"),
        Chat.deleted_at.is_(None),
    )
    .order_by(Chat.active_at.desc(), Chat.id.desc())
    .limit(bindparam("most"))
)
_OLDER = (
    tuple_(Chat.active_at, Chat.id)
    < tuple_(bindparam("at", type_=Chat.active_at.type), bindparam("last", type_=Chat.id.type)),
)
_UNDER_PROFILE = (Chat.profile == bindparam("under"),)


@dataclass(frozen=True)
class Cursor:
    """Where a page of the history ended: everything older comes after it."""

    at: datetime
    last: uuid.UUID

    def __str__(self) -> str:
        return f"{(self.at - _EPOCH) // timedelta(microseconds=1)}-{self.last.hex}"

    @classmethod
    def parsed(cls, text: str) -> Cursor | None:
        """Return the cursor that a page was asked with; ``None`` when it is none of ours."""
        found = _CURSOR.fullmatch(text)
        if found is None:
            return None
        return cls(_EPOCH + timedelta(microseconds=int(found[1])), uuid.UUID(found[2]))


@dataclass(frozen=True, kw_only=True)
class Item:
    """A chat as the history shows it."""

    id: uuid.UUID
    title: str | None
    profile: str | None
    snapshots: dict[str, Any]
    pinned: bool
    active_at: datetime
    snippet: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Page:
    """Some chats of a user, newest first, and where to go on."""

    items: list[Item]
    next: str | None = None
    pinned: list[Item] = field(default_factory=list)


def listed(owner: str, profile: str | None = None, before: Cursor | None = None) -> Page:
    """Return a page of the chats that ``owner`` has written in, the pinned ones with the first.

    Parameters
    ----------
    profile:
        Only those under the profile of this name.
    before:
        Only those older than the last one of another page.
    """
    pinned = [] if before else _items(owner, profile, None, pinned=True)
    items = _items(owner, profile, before, pinned=False)
    more = len(items) > PAGE_SIZE
    items = items[:PAGE_SIZE]
    following = str(Cursor(items[-1].active_at, items[-1].id)) if more else None
    return Page(items, following, pinned)


def get_item(owner: str, chat_id: uuid.UUID) -> Item | None:
    """Return a chat of ``owner`` as the history shows it."""
    wanted = select(*_COLUMNS).where(
        Chat.id == chat_id, Chat.owner == owner, Chat.deleted_at.is_(None)
    )
    with read_connection() as connection:
        found = connection.execute(wanted).first()
    return _item(found) if found else None


def profiles_in_history(owner: str) -> list[str]:
    """Return the names of the profiles that a user's chats are under, in order.

    From name to name through the index, as SQLite has no loose index scan:
    https://wiki.postgresql.org/wiki/Loose_indexscan has it for PostgreSQL.
    """
    theirs = (Chat.owner == owner, Chat.profile.is_not(None))
    names = select(func.min(Chat.profile).label("name")).where(*theirs).cte("names", recursive=True)
    after = select(func.min(Chat.profile)).where(*theirs, Chat.profile > names.c.name)
    following = select(after.correlate(names).scalar_subquery()).where(names.c.name.is_not(None))
    names = names.union_all(following)
    with read_connection() as connection:
        return [name for name in connection.scalars(select(names.c.name)) if name is not None]


def _items(owner: str, profile: str | None, before: Cursor | None, *, pinned: bool) -> list[Item]:
    statement = _STATEMENTS[profile is not None, before is not None]
    values: dict[str, Any] = {
        "of_owner": owner,
        "pins": pinned,
        "most": PINNED_LIMIT if pinned else PAGE_SIZE + 1,
    }
    if profile is not None:
        values["under"] = profile
    if before is not None:
        values |= {"at": before.at, "last": before.last}
    with read_connection() as connection:
        return [_item(row) for row in connection.execute(statement, values)]


def _item(row: Any) -> Item:
    return Item(**dict(zip(_NAMES, row, strict=True)))


_STATEMENTS: dict[tuple[bool, bool], Select[Any]] = {
    (under_profile, older): _LISTED.where(
        *(_UNDER_PROFILE if under_profile else ()), *(_OLDER if older else ())
    )
    for under_profile in (False, True)
    for older in (False, True)
}
