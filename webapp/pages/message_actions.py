"""What a viewer can do with the messages of a chat: rate answers, press buttons, edit.

It is fixed when a page is requested, so what streams into the page later needs no request.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import bindparam, exists, select

from webapp.authoring.chat_message import ASSISTANT, COMPLETE, USER, ChatMessage
from webapp.authoring.profiles.profile import ChatProfile
from webapp.authoring.questions.question import is_open, is_within_turn
from webapp.chats.models import Feedback, Message
from webapp.chats.past_messages import END_SEQUENCE
from webapp.chats.versions import Versions, list_versions
from webapp.database.engines import read_connection
from webapp.pages.chat_addresses import ChatAddresses
from webapp.profiles.answering import allows_editing, is_answered
from webapp.web.csrf import csrf_token

COMMENT_LIMIT = 4_000
VALUES = {"up": 1, "down": -1}
NAMES = {number: name for name, number in VALUES.items()}
# Messages before it answer no question, so they cannot be rated.
FIRST_QUESTION = (
    select(Message.sequence)
    .where(Message.chat_id == bindparam("chat_id"), Message.kind == USER)
    .order_by(Message.sequence)
    .limit(1)
)
_first_question = FIRST_QUESTION.subquery("first_question")
_HAS_VERSIONS = exists().where(
    Message.chat_id == bindparam("chat_id"), Message.replaced_by.is_not(None)
)
# All ratings of a chat in one query, however many messages a page shows.
_LIST_RATINGS = select(
    _first_question.c.sequence,
    Feedback.message_id,
    Feedback.value,
    Feedback.comment,
    _HAS_VERSIONS.label("has_versions"),
).outerjoin_from(_first_question, Feedback, Feedback.chat_id == bindparam("chat_id"))


@dataclass(frozen=True)
class Rating:
    """A user's rating of an answer: ``up`` or ``down``, and a comment."""

    value: str
    comment: str


@dataclass(frozen=True)
class RefusedText:
    """A text that was refused, for the field beside its message."""

    message_id: uuid.UUID
    text: str


@dataclass(frozen=True, kw_only=True)
class Actions:
    """What a viewer can do with the messages of a chat. It needs no request, like `Controls`."""

    token: str
    addresses: ChatAddresses
    # Whether the chat takes more messages, and its profile lets users change what they wrote.
    goes_on: bool
    edits: bool = True
    # Whether its buttons may be pressed.
    may_press: bool = False
    # Whether there is anything to rate or to edit: nothing before the user has written.
    rates: bool = True
    question_id: uuid.UUID | None
    ratings: Mapping[uuid.UUID, Rating] = field(default_factory=dict)
    first_question: int = 0
    comment_limit: int = COMMENT_LIMIT
    # Of most chats there is one.
    versions: Versions | None = None
    key: uuid.UUID = field(default_factory=uuid.uuid4)

    def new_key(self) -> uuid.UUID:
        """Return a key for a form of its own."""
        return uuid.uuid4()

    def may_edit(self, message: ChatMessage) -> bool:
        """Return whether a message can be edited once no answer is being written."""
        return self.goes_on and self.edits and not is_within_turn(message.details)

    def may_rate(self, message: ChatMessage) -> bool:
        """Return whether a message answers the user, and is whole."""
        return (
            message.kind == ASSISTANT
            and message.status == COMPLETE
            and (
                message.earlier
                or (message.turn_id is not None and message.sequence > self.first_question)
            )
            and not (message.details and is_open(message))
        )

    def carries_again(self, message: ChatMessage) -> bool:
        """Return whether Answer again stands among what can be done with a message."""
        return self.may_rate(message) or (message.kind == USER and self.brings_form(message))

    def brings_form(self, message: ChatMessage) -> bool:
        """Return whether a message comes with its form. Those of others are fetched."""
        return message.id == self.question_id and self.may_edit(message)


def build_actions(
    addresses: ChatAddresses,
    question_id: uuid.UUID | None,
    profile: ChatProfile | None = None,
    *,
    offered: bool = True,
    rates: bool = True,
) -> Actions:
    """Return what this viewer, the owner of a chat, can do with messages that nobody has rated.

    Parameters
    ----------
    question_id:
        The last message of the user.
    profile:
        That of the chat, if it is offered.
    offered:
        Whether the chat's profile is still offered. If not, the chat is read-only.
    rates:
        Whether there is anything to rate or to edit.
    """
    return Actions(
        token=csrf_token(),
        addresses=addresses,
        goes_on=offered and is_answered(profile),
        may_press=offered,
        rates=rates,
        question_id=question_id,
        edits=allows_editing(profile),
    )


def with_ratings(actions: Actions, chat_id: uuid.UUID) -> Actions:
    """Return the actions of a chat with how its answers were rated, and their versions."""
    with read_connection() as connection:
        found = connection.execute(_LIST_RATINGS, {"chat_id": chat_id}).all()
    ratings = {
        row.message_id: Rating(NAMES[row.value], row.comment or "")
        for row in found
        if row.message_id is not None
    }
    # Where the user has not written, nothing answers them.
    first_question = found[0].sequence if found else END_SEQUENCE
    return replace(
        actions,
        ratings=ratings,
        first_question=first_question,
        rates=bool(found),
        versions=list_versions(chat_id) if found and found[0].has_versions else None,
    )
