"""The usage of a site by profile and week, counted by the database with four statements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    cast,
    distinct,
    func,
    literal_column,
    or_,
    select,
    true,
)

from webapp.authoring.chat_message import ASSISTANT, BY_APP_KEY, USER
from webapp.chats.models import Chat, Message, Turn
from webapp.database.engines import db, read_connection
from webapp.files.models import File
from webapp.upkeep.command_options import end_of_day, start_of_day

# Messages that were imported, or copied from another chat, were not written in this chat.
_WRITTEN_HERE = (
    Chat.imported_at.is_(None),
    or_(Chat.continues.is_(None), Message.created_at >= Chat.created_at),
    Message.replaced_by.is_(None),
)


@dataclass(kw_only=True)
class Usage:
    """The usage of a profile in a week, which is named by its Monday."""

    week: str
    profile: str | None
    chats: int = 0
    messages: int = 0
    answers: int = 0
    users: int = 0
    file_bytes: int = 0


@dataclass(frozen=True)
class Period:
    """The first and the last day that count. ``None`` means no bound."""

    since: date | None = None
    until: date | None = None

    def contains(self, time: Any) -> ColumnElement[bool]:
        """Return the condition that a time is in this period."""
        after = true() if self.since is None else time >= start_of_day(self.since)
        before = true() if self.until is None else time <= end_of_day(self.until)
        return after & before


def count_usage(period: Period) -> list[Usage]:
    """Return the usage by week, and by profile within it. No profile comes last."""
    usages: dict[tuple[str, str | None], Usage] = {}
    for statement in _select_usage(period):
        with read_connection() as connection:
            rows = connection.execute(statement).mappings().all()
        for row in rows:
            key = (row["week"], row["profile"])
            usage = usages.setdefault(key, Usage(week=key[0], profile=key[1]))
            vars(usage).update(row)
    return sorted(usages.values(), key=lambda u: (u.week, u.profile is None, u.profile or ""))


def _select_usage(period: Period) -> tuple[Select[Any], ...]:
    # Opening the page starts a chat, so only chats with a message of the user count.
    chats = _by_week(Chat.profile, Chat.created_at, func.count().label("chats")).where(
        Chat.written, Chat.imported_at.is_(None), period.contains(Chat.created_at)
    )
    users = func.count(distinct(Chat.owner)).label("users")
    messages = (
        _by_week(Message.profile, Message.created_at, func.count().label("messages"), users)
        .join(Chat, Chat.id == Message.chat_id)
        .where(Message.kind == USER, Message.details[BY_APP_KEY].as_string().is_(None))
        .where(*_WRITTEN_HERE, period.contains(Message.created_at))
    )
    # An answer may have several messages, and the greeting of a chat is not an answer.
    answers = (
        _by_week(Message.profile, Turn.created_at, func.count(distinct(Turn.id)).label("answers"))
        .join(Chat, Chat.id == Message.chat_id)
        .join(Turn, (Turn.id == Message.turn_id) & (Turn.chat_id == Chat.id))
        .where(Message.kind == ASSISTANT, Message.content != "", *_WRITTEN_HERE)
        .where(Turn.question_id.is_not(None), ~Turn.retried, period.contains(Turn.created_at))
    )
    # Of all that was shown and attached. Two files with the same content count twice.
    file_bytes = cast(func.sum(File.size), BigInteger).label("file_bytes")
    files = (
        _by_week(Message.profile, File.created_at, file_bytes)
        .join(Message, (Message.id == File.message_id) & (Message.chat_id == File.chat_id))
        .join(Chat, Chat.id == Message.chat_id)
        .where(*_WRITTEN_HERE, period.contains(File.created_at))
    )
    return chats, messages, answers, files


def _by_week(profile: Any, time: Any, *numbers: ColumnElement[int]) -> Select[Any]:
    # Without parameters: a database may take equal expressions with parameters for different ones.
    if db.engine.dialect.name == "postgresql":
        monday = func.date_trunc(literal_column("'week'"), time)
        week = func.to_char(monday, literal_column("'YYYY-MM-DD'"))
    else:
        # Only the date, since SQLite rounds the last half of a millisecond up, to the next day.
        day = func.substr(time, literal_column("1"), literal_column("10"))
        # Forward to Sunday, then back to Monday: https://www.sqlite.org/lang_datefunc.html
        week = func.date(day, literal_column("'weekday 0'"), literal_column("'-6 days'"))
    return select(week.label("week"), profile.label("profile"), *numbers).group_by(week, profile)
