"""When something was last said in a chat, in the words of the history."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from itertools import groupby

from webapp.history.listing import Item

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
class Group:
    """Chats under one heading; none where the page before has said it already."""

    heading: str | None
    items: tuple[Item, ...]


def grouped(
    items: Iterable[Item], now: datetime, zone: tzinfo, after: datetime | None = None
) -> list[Group]:
    """Return chats under headings such as ``Today``, in the order in which they come.

    Parameters
    ----------
    zone:
        Where a day begins.
    after:
        When something was last said in the chat before the first one of these.
    """
    today = now.astimezone(zone).date()

    def heading(item: Item) -> str:
        return heading_of(item.active_at.astimezone(zone).date(), today)

    said = heading_of(after.astimezone(zone).date(), today) if after else None
    return [
        Group(None if name == said else name, tuple(chats))
        for name, chats in groupby(items, heading)
    ]


def heading_of(day: date, today: date) -> str:
    """Return the heading that a day stands under."""
    if day >= today:  # of a clock that was set back as well
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    if day > today - timedelta(days=8):
        return "Previous 7 days"
    return f"{MONTHS[day.month - 1]} {day.year}"
