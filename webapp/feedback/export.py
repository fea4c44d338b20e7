"""All ratings with their answers, row by row, as CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import aliased

from webapp.chats.models import Feedback, Message, Turn
from webapp.console import escape_formula, iso
from webapp.database.engines import db
from webapp.pages.message_actions import NAMES, VALUES

COLUMNS = (
    "at",
    "changed_at",
    "user",
    "chat_id",
    "message_id",
    "profile",
    "value",
    "comment",
    "question",
    "answer",
)
_ROWS_AT_ONCE = 500
_Question = aliased(Message)
_ALL = (
    select(
        Feedback.created_at,
        Feedback.changed_at,
        Feedback.owner,
        Feedback.chat_id,
        Feedback.message_id,
        Feedback.profile,
        Feedback.value,
        Feedback.comment,
        _Question.content.label("question"),
        Message.content.label("answer"),
    )
    .join(Message, Message.id == Feedback.message_id)
    .outerjoin(Turn, Turn.id == Message.turn_id)
    .outerjoin(_Question, _Question.id == Turn.question_id)
    .order_by(Feedback.created_at, Feedback.message_id)
)


@dataclass(frozen=True)
class RatingFilter:
    """The ratings to export. The default is all of them."""

    since: datetime | None = None
    profile: str | None = None
    value: str | None = None


def read_ratings(wanted: RatingFilter) -> Iterator[dict[str, Any]]:
    """Yield the ratings, oldest first. Only a few are in memory at a time."""
    query = _ALL
    if wanted.since is not None:
        query = query.where(Feedback.changed_at >= wanted.since)
    if wanted.profile is not None:
        query = query.where(Feedback.profile == wanted.profile)
    if wanted.value is not None:
        query = query.where(Feedback.value == VALUES[wanted.value])
    with db.engine.connect().execution_options(yield_per=_ROWS_AT_ONCE) as connection:
        for row in connection.execute(query):
            kind, _, identifier = row.owner.partition(":")
            yield {
                "at": iso(row.created_at),
                "changed_at": iso(row.changed_at),
                # A visitor of an app without sign-in has no name.
                "user": identifier if kind == "user" else None,
                "chat_id": str(row.chat_id),
                "message_id": str(row.message_id),
                "profile": row.profile,
                "value": NAMES[row.value],
                "comment": row.comment,
                "question": row.question,
                "answer": row.answer,
            }


def write_csv(entries: Iterator[dict[str, Any]]) -> Iterator[str]:
    """Yield a table, line by line, with no formula for a spreadsheet."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    yield _take_text(file)
    for entry in entries:
        writer.writerow([escape_formula(entry[column] or "") for column in COLUMNS])
        yield _take_text(file)


def write_json(entries: Iterator[dict[str, Any]]) -> Iterator[str]:
    """Yield an array, object by object."""
    between = "[\n"
    for entry in entries:
        yield between + json.dumps(entry, ensure_ascii=False)
        between = ",\n"
    yield "[]\n" if between == "[\n" else "\n]\n"


def _take_text(file: io.StringIO) -> str:
    text = file.getvalue()
    file.seek(0)
    file.truncate()
    return text
