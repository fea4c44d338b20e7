"""Ratings in the database: at most one for each answer, given by the owner of the chat."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, select
from werkzeug.exceptions import NotFound

from webapp.authoring.chat_message import ASSISTANT, COMPLETE
from webapp.chats.models import Chat, Feedback, Message
from webapp.chats.store import StoredChat
from webapp.database.engines import utc_now, write_transaction
from webapp.database.upserts import insert_or_change
from webapp.pages.message_actions import FIRST_QUESTION, NAMES, VALUES

NONE = "none"
# On PostgreSQL, deleting a chat waits until its rating is stored. Both lock the chat first.
_CHAT = (
    select(Chat.id)
    .where(Chat.id == bindparam("chat_id"), Chat.owner == bindparam("owner_id"))
    .where(Chat.deleted_at.is_(None))
    .with_for_update(read=True, key_share=True)
)
_ANSWER = (
    select(Message.content, Message.profile)
    .where(
        Message.id == bindparam("message"),
        Message.chat_id == bindparam("chat_id"),
        Message.kind == ASSISTANT,
        Message.status == COMPLETE,
        Message.turn_id.is_not(None),
        Message.sequence > FIRST_QUESTION.scalar_subquery(),
        Message.replaced_by.is_(None),
    )
    .with_for_update(read=True, key_share=True)
)
_RATING = select(Feedback.value, Feedback.comment).where(
    Feedback.message_id == bindparam("message")
)
_NO_RATING = delete(Feedback).where(Feedback.message_id == bindparam("message"))


@dataclass(frozen=True, kw_only=True)
class RatingChange:
    """A rating as it is now, and its previous value."""

    message_id: uuid.UUID
    value: str
    comment: str
    content: str
    profile: str | None
    previous: str


def store_rating(
    chat: StoredChat, message_id: uuid.UUID, value: str, comment: str | None
) -> RatingChange | None:
    """Store the rating of an answer.

    Parameters
    ----------
    value:
        ``up``, ``down``, or ``none`` to remove the rating and its comment.
    comment:
        The reason. With ``None`` an earlier comment stays.

    Returns
    -------
    The change, or ``None`` if nothing has changed.

    Raises
    ------
    NotFound
        When there is no such answer, it is not complete, or it was replaced.
    """
    with write_transaction() as connection:
        which = {"chat_id": chat.id, "message": message_id}
        if connection.execute(_CHAT, {"chat_id": chat.id, "owner_id": chat.owner}).first() is None:
            raise NotFound
        answer = connection.execute(_ANSWER, which).first()
        if answer is None:
            raise NotFound
        before = connection.execute(_RATING, which).first()
        previous = NAMES[before.value] if before else NONE
        earlier = (before.comment or "") if before else ""
        reason = "" if value == NONE else earlier if comment is None else comment
        if (value, reason) == (previous, earlier):
            return None
        if value == NONE:
            connection.execute(_NO_RATING, which)
        else:
            now = utc_now()
            row = {
                "message_id": message_id,
                "chat_id": chat.id,
                "owner": chat.owner,
                "profile": answer.profile,
                "value": VALUES[value],
                "comment": reason or None,
                "created_at": now,
                "changed_at": now,
            }
            changed = ("value", "comment", "changed_at")
            statement = insert_or_change(
                connection.dialect.name, Feedback, ("message_id",), *changed
            )
            connection.execute(statement, row)
    return RatingChange(
        message_id=message_id,
        value=value,
        comment=reason,
        content=answer.content,
        profile=answer.profile,
        previous=previous,
    )
