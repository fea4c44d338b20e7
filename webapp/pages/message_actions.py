"""What a viewer can do with the messages of a chat: rate answers, edit the last question.

Fixed when a page is asked for, as what streams into it later needs no request any more.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import url_for
from flask_wtf.csrf import generate_csrf
from sqlalchemy import bindparam, select

from webapp.authoring.chat_message import USER
from webapp.chats.models import Feedback, Message
from webapp.chats.past_messages import NO_SEQUENCE_YET
from webapp.database.engines import read_connection
from webapp.site import chat_app

COMMENT_LIMIT = 4_000
VALUES = {"up": 1, "down": -1}
NAMES = {number: name for name, number in VALUES.items()}
# Stands in an address for the message, until it is known which.
_ANY = uuid.UUID(int=0)
# What was said before answers nothing, so there is nothing to rate in it.
FIRST_QUESTION = (
    select(Message.sequence)
    .where(Message.chat_id == bindparam("chat"), Message.kind == USER)
    .order_by(Message.sequence)
    .limit(1)
)
_first = FIRST_QUESTION.subquery("first_question")
# All of a chat in one look, however many messages a page shows.
_RATINGS = select(
    _first.c.sequence, Feedback.message_id, Feedback.value, Feedback.comment
).outerjoin_from(_first, Feedback, Feedback.chat_id == bindparam("chat"))


@dataclass(frozen=True)
class Rating:
    """What a user thinks of an answer: ``up`` or ``down``, and why."""

    value: str
    comment: str


@dataclass(frozen=True)
class Kept:
    """A text that was refused, for the field of the message that it was written in."""

    message_id: uuid.UUID
    text: str


@dataclass(frozen=True, kw_only=True)
class Actions:
    """What one viewer can do with the messages of one chat; complete in itself, like `Controls`."""

    token: str
    rate: str
    # None where nothing can be said any more.
    edit: str | None
    question_id: uuid.UUID | None
    ratings: Mapping[uuid.UUID, Rating]
    first_question: int = 0
    comment_limit: int = COMMENT_LIMIT
    key: uuid.UUID = field(default_factory=uuid.uuid4)

    def rate_address(self, message_id: uuid.UUID) -> str:
        """Return where a rating of a message goes."""
        return self.rate.replace(str(_ANY), str(message_id))

    def may_edit(self, message_id: uuid.UUID) -> bool:
        """Say whether a message is the one that can be edited, once nothing runs."""
        return self.edit is not None and message_id == self.question_id


def actions_of(
    chat_id: uuid.UUID, question_id: uuid.UUID | None, *, offered: bool = True
) -> Actions:
    """Return what this viewer, the owner of a chat, can do with its messages.

    Parameters
    ----------
    question_id:
        The last message of the user.
    offered:
        Whether the chat's profile still is, so that the chat can go on.
    """
    ratings, first_question = _ratings(chat_id)
    goes_on = offered and chat_app().get("on_message") is not None
    return Actions(
        token=generate_csrf(),
        rate=url_for("feedback.rate", chat_id=chat_id, message_id=_ANY),
        edit=url_for("turns.edit", chat_id=chat_id) if goes_on else None,
        question_id=question_id,
        ratings=ratings,
        first_question=first_question,
    )


def _ratings(chat_id: uuid.UUID) -> tuple[dict[uuid.UUID, Rating], int]:
    with read_connection() as connection:
        found = connection.execute(_RATINGS, {"chat": chat_id}).all()
    given = {
        row.message_id: Rating(NAMES[row.value], row.comment or "")
        for row in found
        if row.message_id is not None
    }
    # Where the user has not written, nothing answers them.
    return given, found[0].sequence if found else NO_SEQUENCE_YET
