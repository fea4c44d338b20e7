"""The earlier versions of a chat: what was there before a message was edited or answered again.

A version is named by the turn that replaced it: it is the chat as it was right before that turn.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, bindparam, func, literal_column, or_, select
from sqlalchemy.orm import aliased
from werkzeug.exceptions import NotFound

from webapp.authoring.chat_message import ChatMessage
from webapp.authoring.questions.question import is_within_turn
from webapp.chats.message_rows import MESSAGE_COLUMNS, shown_message
from webapp.chats.models import Message, Turn
from webapp.database.engines import read_connection

# So many parts of turns are looked at, the newest first. More would slow the page.
PARTS_LIMIT = 4_000
# Written out, or PostgreSQL takes it for two expressions in the selection and the grouping.
_IS_QUESTION = (Message.kind == literal_column("'user'")).label("is_question")
_FIRST = func.min(Message.sequence).label("first")
# What was replaced: of each turn its question and its answer, and by which turn.
_LIST_PARTS = (
    select(Message.turn_id, _IS_QUESTION, Message.replaced_by, _FIRST)
    .where(Message.chat_id == bindparam("chat_id"), Message.replaced_by.is_not(None))
    .group_by(Message.turn_id, _IS_QUESTION, Message.replaced_by)
    .order_by(_FIRST.desc())
    .limit(PARTS_LIMIT)
)
# A turn begins with its question, if that is new, and with its answer otherwise.
_BEGIN = (
    select(func.min(Message.sequence).label("start"))
    .where(Message.chat_id == bindparam("chat_id"), Message.turn_id == bindparam("turn_id"))
    .scalar_subquery()
)
_FIRST_REPLACED = select(func.min(Message.sequence), _BEGIN).where(
    Message.chat_id == bindparam("chat_id"), Message.replaced_by == bindparam("turn_id")
)
_replacing = aliased(Turn)
_LIST_THEN = (
    select(*MESSAGE_COLUMNS)
    .outerjoin(_replacing, _replacing.id == Message.replaced_by)
    .where(
        Message.chat_id == bindparam("chat_id"),
        Message.sequence < bindparam("start"),
        # Later turns number what they say higher.
        or_(
            Message.replaced_by.is_(None),
            and_(
                _replacing.chat_id == bindparam("chat_id"),
                _replacing.first_sequence >= bindparam("start"),
            ),
        ),
    )
)
_LIST_BEFORE = (
    _LIST_THEN.where(Message.sequence < bindparam("before"))
    .order_by(Message.sequence.desc())
    .limit(bindparam("most"))
)
_LIST_FROM = (
    _LIST_THEN.where(Message.sequence >= bindparam("first"))
    .order_by(Message.sequence)
    .limit(bindparam("most"))
)


@dataclass(frozen=True)
class OtherVersion:
    """Where another version of a message or an answer is.

    Parameters
    ----------
    replaced_by:
        The turn that names the version of the chat; ``None`` for the chat as it is now.
    turn_id:
        The turn that it was said in.
    """

    replaced_by: uuid.UUID | None
    turn_id: uuid.UUID | None


@dataclass(frozen=True)
class Version:
    """Which version of a message or an answer is shown, and where those beside it are.

    Parameters
    ----------
    number, count:
        Such as 2 of 3.
    """

    number: int
    count: int
    previous: OtherVersion | None
    following: OtherVersion | None


@dataclass(frozen=True)
class _Part:
    turn_id: uuid.UUID | None
    is_question: bool
    replaced_by: uuid.UUID
    first: int


@dataclass(frozen=True)
class Versions:
    """All versions of the messages and answers of a chat."""

    parts: Sequence[_Part] = ()
    # What each turn took the place of begins with this part.
    _beginnings: dict[uuid.UUID, _Part] = field(default_factory=dict)
    _of_turn: dict[tuple[uuid.UUID | None, bool], _Part] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for part in self.parts:
            known = self._beginnings.get(part.replaced_by)
            if known is None or part.first < known.first:
                self._beginnings[part.replaced_by] = part
            self._of_turn[part.turn_id, part.is_question] = part

    def of_question(self, message: ChatMessage) -> Version | None:
        """Return which version of a user's message this is, if it has several."""
        if is_within_turn(message.details):
            return None
        replaced = self._of_turn.get((message.turn_id, True))
        if replaced is None or replaced.first != message.sequence:
            # Imported messages have no turn.
            found = (part for part in self.parts if part.first == message.sequence)
            replaced = next(found, None)
        return self._find(message.turn_id, replaced, is_question=True)

    def of_answer(self, turn_id: uuid.UUID | None) -> Version | None:
        """Return which version of an answer a turn has said, if it has several."""
        return self._find(turn_id, self._of_turn.get((turn_id, False)), is_question=False)

    def _find(
        self, turn_id: uuid.UUID | None, replaced: _Part | None, *, is_question: bool
    ) -> Version | None:
        before, part = 0, self._beginnings.get(turn_id) if turn_id else None
        while part is not None and part.is_question == is_question:
            before += 1
            part = self._beginnings.get(part.turn_id) if part.turn_id else None
        after, following = 0, None
        while replaced is not None and self._beginnings[replaced.replaced_by] == replaced:
            by = replaced.replaced_by
            replaced = self._of_turn.get((by, is_question))
            if following is None:
                following = OtherVersion(replaced.replaced_by if replaced else None, by)
            after += 1
        if not before and not after:
            return None
        previous = None
        if before and turn_id is not None:
            previous = OtherVersion(turn_id, self._beginnings[turn_id].turn_id)
        return Version(before + 1, before + 1 + after, previous, following)


def list_versions(chat_id: uuid.UUID) -> Versions:
    """Return all versions of the messages and answers of a chat."""
    with read_connection() as connection:
        rows = connection.execute(_LIST_PARTS, {"chat_id": chat_id}).all()
    return Versions(
        [
            _Part(turn_id, is_question, replaced_by, first)
            for turn_id, is_question, replaced_by, first in rows
            if replaced_by is not None
        ]
    )


def find_version(
    chat_id: uuid.UUID, turn_id: uuid.UUID, before: int | None, most: int
) -> tuple[list[ChatMessage], bool]:
    """Return messages of the chat as it was right before a turn, and whether there are earlier.

    Parameters
    ----------
    before:
        Only those before the one with this number. ``None`` for those from shortly before what the
        turn replaced up to the end.
    most:
        How many messages there may be.

    Raises
    ------
    NotFound
        The turn has replaced nothing in this chat.
    """
    which: dict[str, Any] = {"chat_id": chat_id, "turn_id": turn_id, "most": most + 1}
    with read_connection() as connection:
        first, start = connection.execute(_FIRST_REPLACED, which).one()
        if first is None or start is None:
            raise NotFound
        which["start"] = start
        if before is not None:
            found = connection.execute(_LIST_BEFORE, {**which, "before": before}).all()
            return _shown(found[:most][::-1]), len(found) > most
        found = connection.execute(_LIST_FROM, {**which, "first": first}).all()[:most]
        earlier = connection.execute(_LIST_BEFORE, {**which, "before": first}).all()
    room = max(most // 5, most - len(found))
    return _shown([*earlier[:room][::-1], *found]), len(earlier) > room


def _shown(rows: Sequence[Any]) -> list[ChatMessage]:
    return [shown_message(row, running=False) for row in rows]
