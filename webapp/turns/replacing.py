"""Replacing a question, or its answer, and all that follows, by new ones.

The old ones are kept and exported. The app does not see them, and a page of their version does.
"""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.engine import Connection
from werkzeug.exceptions import NotFound

from webapp.authoring.chat_message import ANSWER_KEY, BY_APP_KEY, DIVIDER, USER, ElementData
from webapp.authoring.questions.question import is_within_turn
from webapp.chats.models import Chat, Message, Turn
from webapp.chats.store import StoredChat
from webapp.chats.titles import title_of
from webapp.database.engines import read_connection
from webapp.turns.requests import Replacement
from webapp.web.refusals import Refusal

_NEWEST_TURN = (
    select(Message.turn_id)
    .where(
        Message.chat_id == bindparam("chat"),
        Message.turn_id.is_not(None),
        Message.replaced_by.is_(None),
    )
    .order_by(Message.sequence.desc())
    .limit(1)
)
_WRITTEN = select(Message.sequence, Message.elements, Message.details, Message.replaced_by).where(
    Message.id == bindparam("message"),
    Message.chat_id == bindparam("chat"),
    Message.kind == USER,
)
# Later turns of a question have the values with which the first one began.
_VALUES_BEFORE = (
    select(Turn.values_before)
    .where(Turn.chat_id == bindparam("chat"), Turn.question_id == bindparam("question"))
    .order_by(Turn.first_sequence.desc())
    .limit(1)
)
_REPLACED = (
    update(Message)
    .where(
        Message.chat_id == bindparam("chat"),
        Message.sequence >= bindparam("first"),
        Message.replaced_by.is_(None),
        # The chat stays under the profile that a divider names.
        Message.kind != DIVIDER,
    )
    .values(replaced_by=bindparam("turn"))
)
_FIRST_WRITTEN = (
    select(Message.id, Message.content, Message.elements)
    .where(
        Message.chat_id == bindparam("chat"),
        Message.kind == USER,
        Message.replaced_by.is_(None),
        *(Message.details[key].as_string().is_(None) for key in (ANSWER_KEY, BY_APP_KEY)),
    )
    .order_by(Message.sequence)
    .limit(1)
)
TITLED = update(Chat).where(Chat.id == bindparam("in_chat")).values(title=bindparam("made"))
_RESTORED = update(Chat).where(Chat.id == bindparam("in_chat")).values(values=bindparam("kept"))


class NotLastAnswerError(Refusal):
    """An answer that is not the last one any more."""

    code = 409
    title = "Not answered again"
    message = "Only the last answer can be written again, and the chat has continued since."
    advice = "Reload the page to see the current chat."


class MessageReplacedError(Refusal):
    """A message that the chat does not show any more."""

    code = 409
    title = "Message not changed"
    message = "This message was changed already, so the chat shows another version of it."
    advice = "Reload the page to see the current chat."


class EditingOffError(Refusal):
    """The profile of the chat does not let users change what they wrote."""

    code = 409
    title = "Message not changed"
    message = "With “{}”, a message stays as it was sent."
    advice = "Send another message instead."


def question_to_edit(chat: StoredChat, message_id: uuid.UUID) -> Replacement:
    """Return what a new text for a message replaces.

    Raises
    ------
    NotFound
        When it is none of the user's in this chat.
    MessageReplacedError
        When another text has taken its place.
    """
    with read_connection() as connection:
        written = _find_written(connection, chat.id, message_id)
    elements = tuple(map(ElementData.from_json, written.elements or ()))
    return Replacement(message_id, elements=elements, details=written.details)


def _find_written(connection: Connection, chat_id: uuid.UUID, message_id: uuid.UUID) -> Any:
    found = connection.execute(_WRITTEN, {"chat": chat_id, "message": message_id}).first()
    # What is part of a turn goes with it.
    if found is None or is_within_turn(found.details):
        raise NotFound
    if found.replaced_by is not None:
        raise MessageReplacedError
    return found


def replace_messages(
    connection: Connection, chat_id: uuid.UUID, turn_id: uuid.UUID, replacement: Replacement
) -> dict[str, Any] | None:
    """Let a turn that has claimed the chat take the place of what was said.

    Returns the chat's values as they were before that, for the turn and the chat to begin with
    again; ``None`` when nobody knows: only the last question keeps them.

    Raises
    ------
    NotLastAnswerError, MessageReplacedError
        When the chat has gone on since it was looked at.
    """
    which = {"chat": chat_id}
    answer_of = replacement.answer_of
    if answer_of is not None and answer_of != connection.scalar(_NEWEST_TURN, which):
        raise NotLastAnswerError
    question = _find_written(connection, chat_id, replacement.question_id)
    first = question.sequence + (answer_of is not None)
    connection.execute(_REPLACED, {**which, "first": first, "turn": turn_id})
    before = values_before(connection, chat_id, replacement.question_id)
    if before is not None:
        connection.execute(_RESTORED, {"in_chat": chat_id, "kept": before})
    return before


def retitle(
    connection: Connection,
    chat_id: uuid.UUID,
    replacement: Replacement,
    title: str | None,
    made: str | None,
) -> str | None:
    """Make the title anew, if it was made from the message that is replaced; return the title.

    Call it before `replace_messages`.
    """
    first = connection.execute(_FIRST_WRITTEN, {"chat": chat_id}).first()
    if made is None or first is None or first.id != replacement.question_id:
        return title
    elements = map(ElementData.from_json, first.elements or ())
    if title != title_of(first.content, elements):  # its user has named it
        return title
    connection.execute(TITLED, {"in_chat": chat_id, "made": made})
    return made


def values_before(
    connection: Connection, chat_id: uuid.UUID, question_id: uuid.UUID
) -> dict[str, Any] | None:
    """Return the chat's values as they were when a question was first answered, if known."""
    found: dict[str, Any] | None = connection.scalar(
        _VALUES_BEFORE, {"chat": chat_id, "question": question_id}
    )
    return found
