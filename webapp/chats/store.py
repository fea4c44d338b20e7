"""Chats in the database: got for their owner, with what was said in them."""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session
from werkzeug.exceptions import Conflict, NotFound

from webapp.accounts.audit import record_refusal
from webapp.chats.conversation import conversation
from webapp.chats.deletion import forget_chats_of, put_out_of_reach
from webapp.chats.models import Chat, Message
from webapp.chats.models import Turn as TurnRow
from webapp.chats.turn_rows import LOST, is_alive
from webapp.database import db, reading_rows
from webapp.engine.work import COMPLETE, INTERRUPTED, RUNNING

# Built once: building a statement takes longer than running it.
_CHAT = select(
    Chat.id,
    Chat.owner,
    Chat.profile,
    Chat.session_id,
    Chat.turn_id,
    Chat.title,
    Chat.written,
    Chat.ended_at,
    Chat.snapshots,
).where(
    Chat.id == bindparam("wanted"),
    Chat.owner == bindparam("of_owner"),
    Chat.deleted_at.is_(None),
)
SHOWN = select(
    Message.id,
    Message.kind,
    Message.author,
    Message.content,
    Message.status,
    Message.created_at,
    Message.turn_id,
    Message.sequence,
    Message.profile,
).where(Message.chat_id == bindparam("of_chat"), Message.replaced_by.is_(None))
# What a turn said follows its question, which is left out.
_SAID = (
    SHOWN.join(TurnRow, TurnRow.id == Message.turn_id)
    .where(
        TurnRow.id == bindparam("of_turn"),
        Message.sequence >= TurnRow.first_sequence,
    )
    .order_by(Message.sequence)
)
_TURN = select(TurnRow.id, TurnRow.status, TurnRow.seen_at, TurnRow.question_id).where(
    TurnRow.chat_id == bindparam("of_chat"), TurnRow.id == bindparam("of_turn")
)
# The one that runs, which may have said nothing yet; else the newest message names the newest one,
# by the index of a chat's messages.
_RUNS = select(Chat.turn_id).where(Chat.id == bindparam("of_chat")).scalar_subquery()
_SAID_LAST = (
    select(Message.turn_id)
    .where(
        Message.chat_id == bindparam("of_chat"),
        Message.replaced_by.is_(None),
        Message.turn_id.is_not(None),
    )
    .order_by(Message.sequence.desc())
    .limit(1)
    .scalar_subquery()
)
_LAST_TURN = select(TurnRow.id, TurnRow.status, TurnRow.seen_at, TurnRow.question_id).where(
    TurnRow.id == func.coalesce(_RUNS, _SAID_LAST)
)


@dataclass(frozen=True)
class StoredChat:
    """What a request needs to know of a chat."""

    id: uuid.UUID
    owner: str
    profile: str | None
    session_id: uuid.UUID | None
    turn_id: uuid.UUID | None
    title: str | None = None
    written: bool = False
    ended_at: datetime | None = None
    snapshots: dict[str, Any] = field(default_factory=dict)


def get_chat(chat_id: uuid.UUID, owner: str | None) -> StoredChat:
    """Return a chat of ``owner``.

    Raises
    ------
    NotFound
        When it is somebody else's, or there is none: the two look the same (R20). It is logged
        with who asked (R53).
    """
    with reading_rows() as rows:
        chat = rows.execute(_CHAT, {"wanted": chat_id, "of_owner": owner}).first()
    if chat is None:
        record_refusal(
            "chat.not_found", _user(owner), level=logging.INFO, owner=owner, chat=chat_id
        )
        raise NotFound
    return StoredChat(*chat)


class NotToRetry(Conflict):
    """A turn that cannot be run again."""

    title = "Not possible"
    advice = "Reload the page to see the chat as it is, or start a new one."


@dataclass(frozen=True)
class StoredMessage:
    """A message as it is shown: one that nobody writes any more is not growing (R63)."""

    id: uuid.UUID
    kind: str
    author: str | None
    content: str
    status: str
    created_at: datetime
    turn_id: uuid.UUID | None
    sequence: int
    profile: str | None


@dataclass(frozen=True)
class StoredTurn:
    """The last turn of a chat, as it stands."""

    id: uuid.UUID
    status: str
    question_id: uuid.UUID | None


def last_turn(chat: StoredChat) -> StoredTurn | None:
    """Return the newest turn of a chat: one that runs, or one that may be tried again."""
    with reading_rows() as rows:
        found = rows.execute(_LAST_TURN, {"of_chat": chat.id}).first()
    return None if found is None else StoredTurn(found.id, _status(found), found.question_id)


def turn_as_stored(chat_id: uuid.UUID, turn_id: uuid.UUID) -> tuple[str, list[StoredMessage]]:
    """Return how a turn stands and what the app has said in it; of one that is gone, nothing."""
    with reading_rows() as rows:
        turn = rows.execute(_TURN, {"of_chat": chat_id, "of_turn": turn_id}).first()
    with reading_rows() as rows:
        found = rows.execute(_SAID, {"of_chat": chat_id, "of_turn": turn_id}).all()
    status = _status(turn) if turn is not None else INTERRUPTED
    return status, [as_shown(row, running=status == RUNNING) for row in found]


def get_turn(chat: StoredChat, turn_id: uuid.UUID) -> StoredTurn:
    """Return a turn of a chat.

    Raises
    ------
    NotFound
        When it is not, or there is none.
    """
    with reading_rows() as rows:
        found = rows.execute(_TURN, {"of_chat": chat.id, "of_turn": turn_id}).first()
    if found is None:
        raise NotFound
    return StoredTurn(found.id, _status(found), found.question_id)


def question_to_retry(chat: StoredChat, turn_id: uuid.UUID) -> uuid.UUID:
    """Return the message that a turn answered, if the turn may be tried again.

    Raises
    ------
    Conflict
        When it is not the last one, still runs, or came to its end.
    """
    last = last_turn(chat)
    if last is None or last.id != turn_id or last.status in (RUNNING, COMPLETE):
        raise NotToRetry("This answer cannot be tried again: the chat has gone on since.")
    if last.question_id is None:
        raise NotToRetry("The start of a chat cannot be tried again.")
    return last.question_id


def _user(owner: str | None) -> str | None:
    kind, _, identifier = (owner or "").partition(":")
    return identifier if kind == "user" else None


def _status(turn: Any) -> str:
    # One of this process runs, whatever the clock says.
    alive = conversation().keeper.find(turn.id) is not None or is_alive(turn.seen_at)
    return LOST if turn.status == RUNNING and not alive else str(turn.status)


def as_shown(row: Any, *, running: bool) -> StoredMessage:
    """Return a message of the database as it is shown, while the last turn runs or not."""
    message = StoredMessage(*row)
    if message.status == "streaming" and not running:
        return replace(message, status=INTERRUPTED)
    return message


def count_chats(identifier: str) -> int:
    """Return how many chats a user has."""
    theirs = select(func.count()).where(Chat.owner == f"user:{identifier}")
    return db.session.scalar(theirs) or 0


def forget_user(session: Session, identifier: str) -> None:
    """Put the chats of a user who is removed out of reach, in the caller's transaction."""
    put_out_of_reach(session.connection(), Chat.owner == f"user:{identifier}")


def user_forgotten(identifier: str) -> None:
    """Delete what is left of the chats of a user who was removed."""
    forget_chats_of(f"user:{identifier}")
