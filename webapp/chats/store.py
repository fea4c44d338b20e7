"""Chats in the database: got for their owner, and stored whole."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, func, insert, select
from sqlalchemy.orm import Session
from werkzeug.exceptions import NotFound

from webapp.authoring.context import ChatContext
from webapp.chats.models import Chat, Message
from webapp.database import db, utc_now, writing_rows
from webapp.engine.turns import Turn
from webapp.web.events import log_event

# Built once: building a statement takes longer than running it.
_REPLACED = (
    delete(Chat)
    .where(
        Chat.owner == bindparam("of_owner"),
        ~Chat.written,
        Chat.session_id == bindparam("of_session"),
        Chat.created_at < bindparam("before"),
    )
    .returning(Chat.id)
)
_NEW_CHAT = insert(Chat)
_NEW_MESSAGE = insert(Message)


@dataclass(frozen=True)
class Beginning:
    """Whose chat starts, in which browser's session, and since when."""

    owner: str
    session_id: uuid.UUID
    at: datetime


def get_chat(chat_id: uuid.UUID, owner: str | None) -> Chat:
    """Return a chat of ``owner``.

    Raises
    ------
    NotFound
        When it is somebody else's, or there is none: the two look the same (R20). It is logged
        with who asked (R53).
    """
    chat = db.session.scalar(select(Chat).where(Chat.id == chat_id, Chat.owner == owner))
    if chat is None:
        log_event("chat.not_found", owner=owner, chat=chat_id)
        raise NotFound
    return chat


def messages_of(chat: Chat) -> list[Message]:
    """Return the messages of a chat in the order in which they were said."""
    return list(
        db.session.scalars(
            select(Message).where(Message.chat_id == chat.id).order_by(Message.sequence)
        )
    )


@dataclass(frozen=True)
class StoredStart:
    """What a chat start left in the database."""

    chat: Chat
    messages: list[Message]
    replaced: list[uuid.UUID]


def store_started_chat(
    context: ChatContext, turn: Turn, beginning: Beginning, reference: str
) -> StoredStart:
    """Store a chat with all that its start produced, in one transaction (R56).

    The unwritten chat that this browser had before is replaced: starting twice leaves one. One
    that was stored after this start began stays: the user chose again meanwhile and is in it.
    """
    chat = Chat(
        id=uuid.UUID(context.chat_id),
        owner=beginning.owner,
        session_id=beginning.session_id,
        profile=context.chat_profile,
        written=False,
        values=turn.values,
        created_at=utc_now(),
    )
    messages = _messages(chat, turn, reference)
    with writing_rows() as rows:
        replaced = rows.scalars(
            _REPLACED,
            {
                "of_owner": beginning.owner,
                "of_session": beginning.session_id,
                "before": beginning.at,
            },
        ).all()
        rows.execute(_NEW_CHAT, _row(chat))
        if messages:
            rows.execute(_NEW_MESSAGE, [_row(m) for m in messages])
    return StoredStart(chat, messages, list(replaced))


def count_chats(identifier: str) -> int:
    """Return how many chats a user has."""
    theirs = select(func.count()).where(Chat.owner == f"user:{identifier}")
    return db.session.scalar(theirs) or 0


def forget_user(session: Session, identifier: str) -> None:
    """Delete the chats of a user who is removed, in the caller's transaction."""
    session.execute(delete(Chat).where(Chat.owner == f"user:{identifier}"))


def _messages(chat: Chat, turn: Turn, reference: str) -> list[Message]:
    said = [("assistant", sent.author, sent.content, "complete") for sent in turn.sent]
    if turn.failure is not None:
        said.append(("error", None, reference, "failed"))
    return [
        Message(
            id=uuid.uuid4(),
            chat_id=chat.id,
            sequence=sequence,
            kind=kind,
            author=author,
            content=content,
            status=status,
            created_at=utc_now(),
        )
        for sequence, (kind, author, content, status) in enumerate(said, start=1)
    ]


def _row(item: Chat | Message) -> dict[str, object]:
    # Plain inserts: the unit of work would cost more than the rows do.
    return {column.key: getattr(item, column.key) for column in item.__table__.columns}
