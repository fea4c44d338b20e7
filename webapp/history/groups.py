"""The headings of the history, by the day of the last message."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby

from webapp.clock import Clock
from webapp.history.listing import HistoryItem

PINNED = "Pinned"
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


@dataclass(frozen=True)
class ChatGroup:
    """Chats under one heading. There is none if the page before ended with the same heading."""

    heading: str | None
    items: tuple[HistoryItem, ...]
    # Of the group of today, to which a page adds the chats that are new.
    day: date | None = None


def group_by_day(
    items: Iterable[HistoryItem], clock: Clock, after: datetime | None = None
) -> list[ChatGroup]:
    """Return chats under headings such as ``Today``, in the same order.

    Parameters
    ----------
    clock:
        The viewer's clock, in whose time zone days begin.
    after:
        The time of the last message in the chat before the first of these.
    """
    today = clock.local(clock.now).date()

    def heading(item: HistoryItem) -> str:
        return heading_of(clock.local(item.active_at).date(), today)

    last = heading_of(clock.local(after).date(), today) if after else None
    return [
        ChatGroup(None if name == last else name, tuple(chats))
        for name, chats in groupby(items, heading)
    ]


def begin_with_today(groups: list[ChatGroup], today: date) -> list[ChatGroup]:
    """Return the groups with one of today before all others, even if it has no chats yet."""
    heading = heading_of(today, today)
    if groups and groups[0].heading == heading:
        return [replace(groups[0], day=today), *groups[1:]]
    return [ChatGroup(heading, (), today), *groups]


def heading_of(day: date, today: date) -> str:
    """Return the heading of a day."""
    if day >= today:  # a later day means that a clock was set back
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    if day > today - timedelta(days=8):
        return "Previous 7 days"
    return f"{MONTHS[day.month - 1]} {day.year}"
