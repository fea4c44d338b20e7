"""How much a site is used, by profile and week: counted by the database, a statement each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Select, distinct, func, literal_column, or_, select, true

from webapp.authoring.chat_message import ASSISTANT, USER
from webapp.chats.models import Chat, Message, Turn
from webapp.database.engines import db, read_connection
from webapp.upkeep.manners import first_moment, last_moment

# What was said elsewhere, or said before and carried over into another chat, is not said here.
_SAID_HERE = (
    Chat.imported_at.is_(None),
    or_(Chat.continues.is_(None), Message.created_at >= Chat.created_at),
    Message.replaced_by.is_(None),
)


@dataclass(kw_only=True)
class Usage:
    """What happened under a profile in a week, which is named by its Monday."""

    week: str
    profile: str | None
    chats: int = 0
    messages: int = 0
    answers: int = 0
    users: int = 0


@dataclass(frozen=True)
class Period:
    """The days that count, with the first and the last; ``None`` where there is no bound."""

    since: date | None = None
    until: date | None = None

    def holds(self, time: Any) -> ColumnElement[bool]:
        """Return whether a time is of this period."""
        after = true() if self.since is None else time >= first_moment(self.since)
        before = true() if self.until is None else time <= last_moment(self.until)
        return after & before


def usage(period: Period) -> list[Usage]:
    """Return the usage by week, and by profile within it; what has no profile comes last."""
    found: dict[tuple[str, str | None], Usage] = {}
    for statement in (_chats(period), _messages(period), _answers(period)):
        with read_connection() as connection:
            counted = connection.execute(statement).mappings().all()
        for row in counted:
            one = found.setdefault(
                (row["week"], row["profile"]), Usage(week=row["week"], profile=row["profile"])
            )
            vars(one).update(row)
    return sorted(found.values(), key=lambda u: (u.week, u.profile is None, u.profile or ""))


def _chats(period: Period) -> Select[Any]:
    # One that was only opened is none: opening the page is enough for that.
    return _by_week(Chat.profile, Chat.created_at, func.count().label("chats")).where(
        Chat.written, Chat.imported_at.is_(None), period.holds(Chat.created_at)
    )


def _messages(period: Period) -> Select[Any]:
    numbers = (func.count().label("messages"), func.count(distinct(Chat.owner)).label("users"))
    return (
        _by_week(Message.profile, Message.created_at, *numbers)
        .join(Chat, Chat.id == Message.chat_id)
        .where(Message.kind == USER, *_SAID_HERE, period.holds(Message.created_at))
    )


def _answers(period: Period) -> Select[Any]:
    # An answer may have several messages, and a greeting is none.
    return (
        _by_week(Message.profile, Turn.created_at, func.count(distinct(Turn.id)).label("answers"))
        .join(Chat, Chat.id == Message.chat_id)
        .join(Turn, (Turn.id == Message.turn_id) & (Turn.chat_id == Chat.id))
        .where(Message.kind == ASSISTANT, Message.content != "", *_SAID_HERE)
        .where(Turn.question_id.is_not(None), ~Turn.retried, period.holds(Turn.created_at))
    )


def _by_week(profile: Any, time: Any, *numbers: ColumnElement[int]) -> Select[Any]:
    week = _week(time)
    return select(week.label("week"), profile.label("profile"), *numbers).group_by(week, profile)


def _week(time: Any) -> ColumnElement[str]:
    """Return the Monday of a time as text.

    Written out, as a database may take the same expression with a parameter for another one.
    """
    if db.engine.dialect.name == "postgresql":
        monday = func.date_trunc(literal_column("'week'"), time)
        return func.to_char(monday, literal_column("'YYYY-MM-DD'"))
    # Only the day of it: SQLite rounds the last half of a millisecond up, to the next day.
    day = func.substr(time, literal_column("1"), literal_column("10"))
    # https://www.sqlite.org/lang_datefunc.html: on to Sunday, unless it is one, and back.
    return func.date(day, literal_column("'weekday 0'"), literal_column("'-6 days'"))
