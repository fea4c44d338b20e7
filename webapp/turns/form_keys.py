"""Forms that are sent twice: each has a key, and its effect once."""

from __future__ import annotations

import uuid

from sqlalchemy import bindparam, select
from sqlalchemy.engine import Connection

from webapp.chats.models import Message, Turn
from webapp.database.engines import read_connection
from webapp.web.refusals import Refusal

# Built once: building a statement takes longer than running it.
_BY_KEY = (
    select(Turn.id, Message.content)
    .join(Message, Message.id == Turn.question_id)
    .where(Turn.chat_id == bindparam("chat"), Turn.key == bindparam("key"))
)


class FormReusedError(Refusal):
    """A form that was sent before comes again with another text."""

    code = 409
    title = "Not sent"
    message = "This form was sent before with another text, so this text was not sent."
    advice = "Send it again."


class AlreadyAskedError(Exception):
    """The form was sent before.

    Parameters
    ----------
    turn_id:
        The turn that it began then.
    content:
        The message that it was sent with then.
    """

    def __init__(self, turn_id: uuid.UUID, content: str) -> None:
        super().__init__(turn_id)
        self.turn_id = turn_id
        self.content = content

    def with_another_text(self) -> Refusal:
        """Return the error for a form that comes again with another text, which would be lost."""
        return FormReusedError()


def find_sent_content(chat_id: uuid.UUID, key: uuid.UUID) -> str | None:
    """Return the message that a form was sent with before; ``None`` when it was not."""
    with read_connection() as connection:
        earlier = connection.execute(_BY_KEY, {"chat": chat_id, "key": key}).first()
    return None if earlier is None else str(earlier.content)


def refuse_sent_form(connection: Connection, chat_id: uuid.UUID, key: uuid.UUID) -> None:
    """Refuse a form that began a turn before.

    Raises
    ------
    AlreadyAskedError
        When it did.
    """
    earlier = connection.execute(_BY_KEY, {"chat": chat_id, "key": key}).first()
    if earlier is not None:
        raise AlreadyAskedError(*earlier)
