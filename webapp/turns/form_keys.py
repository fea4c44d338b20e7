"""Forms that are sent twice: each has a key, and its effect once."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.engine import Connection

from webapp.authoring.chat_message import ElementData
from webapp.chats.models import Message, Question, Turn
from webapp.database.engines import read_connection
from webapp.web.refusals import Refusal

# Built once: building a statement takes longer than running it.
_BY_KEY = (
    select(Turn.id, Turn.action_id, Message.content, Message.elements)
    .outerjoin(Message, Message.id == Turn.question_id)
    .where(Turn.chat_id == bindparam("chat"), Turn.key == bindparam("key"))
)


_ANSWERED_BY_KEY = select(Question.turn_id, Question.answer).where(
    Question.chat_id == bindparam("chat"), Question.key == bindparam("key")
)
OTHER_FILES = "This form was sent before with other files, so your message was not sent."


class FormReusedError(Refusal):
    """A form that was sent before comes again with another text, or with other files."""

    code = 409
    title = "Not sent"
    message = "This form was sent before with another text, so this text was not sent."
    advice = "Send it again."


@dataclass(frozen=True)
class SentMessage:
    """What a form was sent with: the text, and the hashes of the files.

    The form of a button has no text.
    """

    content: str | None
    files: tuple[str, ...]

    @classmethod
    def from_row(cls, row: Any) -> SentMessage:
        """Return the message of a row with its content and elements."""
        elements = map(ElementData.from_json, row.elements or ())
        return cls(row.content, tuple(each.file.sha256 for each in elements if each.file))


class AlreadyAskedError(Exception):
    """The form was sent before.

    Parameters
    ----------
    turn_id:
        The turn that it began then.
    sent:
        The message that it was sent with then.
    action_id:
        The button that it was sent for then.
    """

    def __init__(
        self, turn_id: uuid.UUID, sent: SentMessage, action_id: uuid.UUID | None = None
    ) -> None:
        super().__init__(turn_id)
        self.turn_id = turn_id
        self.sent = sent
        self.action_id = action_id


def find_sent_message(chat_id: uuid.UUID, key: uuid.UUID) -> SentMessage | None:
    """Return the message that a form was sent with before; ``None`` when it was not."""
    with read_connection() as connection:
        earlier = connection.execute(_BY_KEY, {"chat": chat_id, "key": key}).first()
    return None if earlier is None else SentMessage.from_row(earlier)


def refuse_sent_form(connection: Connection, chat_id: uuid.UUID, key: uuid.UUID) -> None:
    """Refuse a form that began a turn before, or answered a question of the app.

    Raises
    ------
    AlreadyAskedError
        When it did.
    """
    which = {"chat": chat_id, "key": key}
    earlier = connection.execute(_BY_KEY, which).first()
    if earlier is not None:
        raise AlreadyAskedError(earlier.id, SentMessage.from_row(earlier), earlier.action_id)
    answered = connection.execute(_ANSWERED_BY_KEY, which).first()
    if answered is not None:
        sent = SentMessage((answered.answer or {}).get("content"), ())
        raise AlreadyAskedError(answered.turn_id, sent)
