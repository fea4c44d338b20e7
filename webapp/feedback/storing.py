"""Ratings in the database: one for each answer, of its owner."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from werkzeug.exceptions import NotFound

from webapp.authoring.chat_message import ASSISTANT, COMPLETE
from webapp.chats.models import Chat, Feedback, Message
from webapp.chats.store import StoredChat
from webapp.database.engines import utc_now, write_transaction
from webapp.pages.message_actions import FIRST_QUESTION, NAMES, VALUES

NONE = "none"
# On PostgreSQL who deletes a chat waits until its rating is stored. The chat first, as they do.
_CHAT = (
    select(Chat.id)
    .where(Chat.id == bindparam("chat"), Chat.owner == bindparam("of_owner"))
    .where(Chat.deleted_at.is_(None))
    .with_for_update(read=True, key_share=True)
)
_ANSWER = (
    select(Message.content, Message.profile)
    .where(
        Message.id == bindparam("message"),
        Message.chat_id == bindparam("chat"),
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
class Change:
    """A rating as it is stored now, and as it was."""

    message_id: uuid.UUID
    value: str
    comment: str
    content: str
    profile: str | None
    previous: str


def store_rating(
    chat: StoredChat, message_id: uuid.UUID, value: str, comment: str | None
) -> Change | None:
    """Store what the owner of a chat thinks of an answer in it.

    Parameters
    ----------
    value:
        ``up``, ``down``, or ``none`` to take it back, comment and all.
    comment:
        Why; with ``None`` an earlier comment stays.

    Returns
    -------
    What has changed; ``None`` when it was just so before.

    Raises
    ------
    NotFound
        When there is no such answer, it has not come to its end, or another took its place.
    """
    with write_transaction() as connection:
        which = {"chat": chat.id, "message": message_id}
        if connection.execute(_CHAT, {"chat": chat.id, "of_owner": chat.owner}).first() is None:
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
        _store(connection, chat, which, value=value, comment=reason, profile=answer.profile)
    return Change(
        message_id=message_id,
        value=value,
        comment=reason,
        content=answer.content,
        profile=answer.profile,
        previous=previous,
    )


def _store(
    connection: Connection,
    chat: StoredChat,
    which: dict[str, uuid.UUID],
    *,
    value: str,
    comment: str,
    profile: str | None,
) -> None:
    if value == NONE:
        connection.execute(_NO_RATING, which)
        return
    now = utc_now()
    row = {
        "message_id": which["message"],
        "chat_id": chat.id,
        "owner": chat.owner,
        "profile": profile,
        "value": VALUES[value],
        "comment": comment or None,
        "created_at": now,
        "changed_at": now,
    }
    connection.execute(_upsert(connection.dialect.name), row)


@lru_cache(maxsize=2)
def _upsert(dialect: str) -> Any:
    statement = (sqlite if dialect == "sqlite" else postgresql).insert(Feedback)
    changed = {n: statement.excluded[n] for n in ("value", "comment", "changed_at")}
    return statement.on_conflict_do_update(index_elements=["message_id"], set_=changed)
