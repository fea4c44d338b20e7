"""Chats in the database: got for their owner, and stored whole."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session
from werkzeug.exceptions import Conflict, NotFound, TooManyRequests

from webapp.chats.conversation import conversation
from webapp.chats.models import Chat, Message
from webapp.chats.models import Turn as TurnRow
from webapp.chats.turn_rows import (
    ALIVE,
    LOST,
    RUNNING_TURNS,
    Asking,
    is_alive,
    message_of,
    one_by_one,
    row_of,
    turn_row,
)
from webapp.database import db, reading_rows, utc_now, writing_rows
from webapp.engine.turns import Turn
from webapp.engine.work import COMPLETE, INTERRUPTED, RUNNING, TurnMessage
from webapp.web.errors import RETRY_SECONDS
from webapp.web.events import log_event

# Built once: building a statement takes longer than running it.
_TO_REPLACE = (
    Chat.owner == bindparam("of_owner"),
    ~Chat.written,
    Chat.session_id == bindparam("of_session"),
    Chat.created_at < bindparam("before"),
)
_REPLACED = delete(Chat).where(*_TO_REPLACE).returning(Chat.id, Chat.profile, Chat.values)
# Who stores a step locks the turn, then its chat; deleting a chat locks it before its turns.
_THEIR_TURNS = (
    select(TurnRow.id)
    .join(Chat, Chat.id == TurnRow.chat_id)
    .where(TurnRow.status == RUNNING)
    .order_by(TurnRow.id)
    .with_for_update(of=TurnRow)
)
_TURNS_TO_REPLACE = _THEIR_TURNS.where(*_TO_REPLACE)
_NEW_CHAT = insert(Chat)
_NEW_TURN = insert(TurnRow)
_NEW_MESSAGE = insert(Message)
_CHAT = select(Chat.id, Chat.owner, Chat.profile, Chat.session_id, Chat.turn_id).where(
    Chat.id == bindparam("wanted"), Chat.owner == bindparam("of_owner")
)
_SHOWN = select(
    Message.id,
    Message.kind,
    Message.author,
    Message.content,
    Message.status,
    Message.created_at,
    Message.turn_id,
).where(Message.chat_id == bindparam("of_chat"))
_ALL_SHOWN = _SHOWN.order_by(Message.sequence)
# What a turn said follows its question, which is left out.
_SAID = (
    _SHOWN.join(TurnRow, TurnRow.id == Message.turn_id)
    .where(
        TurnRow.id == bindparam("of_turn"),
        Message.sequence >= TurnRow.first_sequence,
    )
    .order_by(Message.sequence)
)
_TURN = select(TurnRow.id, TurnRow.status, TurnRow.seen_at, TurnRow.question_id).where(
    TurnRow.chat_id == bindparam("of_chat"), TurnRow.id == bindparam("of_turn")
)
# The newest message names the newest turn, by the index of a chat's messages.
_LAST_TURN = (
    select(TurnRow.id, TurnRow.status, TurnRow.seen_at, TurnRow.question_id)
    .join(Message, Message.turn_id == TurnRow.id)
    .where(Message.chat_id == bindparam("of_chat"))
    .order_by(Message.sequence.desc())
    .limit(1)
)


@dataclass(frozen=True)
class Beginning:
    """Whose chat starts, in which browser's session, since when, and of how many turns at most."""

    owner: str
    session_id: uuid.UUID
    at: datetime
    most_turns: int


@dataclass(frozen=True)
class StoredChat:
    """What a request needs to know of a chat."""

    id: uuid.UUID
    owner: str
    profile: str | None
    session_id: uuid.UUID | None
    turn_id: uuid.UUID | None


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
        log_event("chat.not_found", owner=owner, chat=chat_id)
        raise NotFound
    return StoredChat(*chat)


class NotToRetry(Conflict):
    """A turn that cannot be run again."""

    title = "Not possible"
    advice = "Reload the page to see the chat as it is, or start a new one."


class TooManyStartsError(TooManyRequests):
    """This user has as many starts and answers under way as one may have (R66)."""

    title = "Too much at once"
    advice = "Start it when one of them has come to its end, or stop one."

    def __init__(self) -> None:
        super().__init__(
            "Several chats of yours are starting or answering already; this one was not started.",
            retry_after=RETRY_SECONDS,
        )


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


@dataclass(frozen=True)
class StoredTurn:
    """The last turn of a chat, as it stands."""

    id: uuid.UUID
    status: str
    question_id: uuid.UUID | None


def said_in(chat: StoredChat) -> tuple[list[StoredMessage], StoredTurn | None]:
    """Return the messages of a chat in the order in which they were said, and its last turn."""
    # The turn first: should it end in between, the messages are at least as far as it says.
    turn = last_turn(chat)
    running = turn is not None and turn.status == RUNNING
    with reading_rows() as rows:
        found = rows.execute(_ALL_SHOWN, {"of_chat": chat.id}).all()
    return [_shown(row, running=running) for row in found], turn


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
    return status, [_shown(row, running=status == RUNNING) for row in found]


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


def was_sent(chat: StoredChat, key: uuid.UUID) -> bool:
    """Say whether a form began a turn in this chat already."""
    sent = select(TurnRow.id).where(TurnRow.chat_id == chat.id, TurnRow.key == key)
    with reading_rows() as rows:
        return rows.execute(sent).first() is not None


def _status(turn: Any) -> str:
    # One of this process runs, whatever the clock says.
    alive = conversation().keeper.find(turn.id) is not None or is_alive(turn.seen_at)
    return LOST if turn.status == RUNNING and not alive else str(turn.status)


def _shown(row: Any, *, running: bool) -> StoredMessage:
    message = StoredMessage(*row)
    if message.status == "streaming" and not running:
        return replace(message, status=INTERRUPTED)
    return message


@dataclass(frozen=True)
class StoredStart:
    """What a chat start left in the database."""

    chat: StoredChat
    messages: list[StoredMessage]
    replaced: list[Row[Any]]
    said: list[TurnMessage]


def store_started_chat(turn: Turn, beginning: Beginning) -> StoredStart:
    """Store a chat with all that its start has said, in one transaction (R56).

    A start that is still under way is stored as a turn of this process. The unwritten chat that
    this browser had before is replaced: starting twice leaves one. One that was stored after this
    start began stays: the user chose again meanwhile and is in it.

    Raises
    ------
    TooManyStartsError
        When the start is under way and its owner has as many turns as one may have besides.
    """
    over = turn.over
    chat = _new_chat(turn, beginning, over=over)
    said = [m for m in turn.messages() if m.content is not None]
    which = {
        "of_owner": beginning.owner,
        "of_session": beginning.session_id,
        "before": beginning.at,
    }
    with writing_rows() as rows:
        if rows.dialect.name == "postgresql":
            rows.execute(_TURNS_TO_REPLACE, which)
        replaced = rows.execute(_REPLACED, which).all()
        rows.execute(_NEW_CHAT, row_of(chat))
        if not over:
            _refuse_too_many(rows, beginning)
            asking = Asking(chat.id, beginning.owner, turn.id, beginning.most_turns)
            rows.execute(_NEW_TURN, turn_row(asking, turn))
        messages = [message_of(chat.id, turn, m) for m in said]
        if messages:
            rows.execute(_NEW_MESSAGE, [row_of(m) for m in messages])
    kept = StoredChat(chat.id, chat.owner, chat.profile, chat.session_id, chat.turn_id)
    return StoredStart(kept, [_stored(m) for m in messages], list(replaced), said)


def _refuse_too_many(rows: Connection, beginning: Beginning) -> None:
    # Those of the chats that were replaced are gone by now.
    one_by_one(rows, beginning.owner)
    who = {"of_owner": beginning.owner, "seen_after": utc_now() - ALIVE}
    if rows.execute(RUNNING_TURNS, who).scalar_one() >= beginning.most_turns:
        raise TooManyStartsError


def _new_chat(turn: Turn, beginning: Beginning, *, over: bool) -> Chat:
    # What a start that failed has set may be half of what it should be.
    keeps = over and turn.failure is None
    return Chat(
        id=uuid.UUID(turn.chat.chat_id),
        owner=beginning.owner,
        session_id=beginning.session_id,
        profile=turn.chat.chat_profile,
        written=False,
        values=turn.values if keeps and turn.values else {},
        created_at=utc_now(),
        active_at=utc_now(),
        turn_id=None if over else turn.id,
    )


def _stored(message: Message) -> StoredMessage:
    return StoredMessage(
        message.id,
        message.kind,
        message.author,
        message.content,
        message.status,
        message.created_at,
        message.turn_id,
    )


def count_chats(identifier: str) -> int:
    """Return how many chats a user has."""
    theirs = select(func.count()).where(Chat.owner == f"user:{identifier}")
    return db.session.scalar(theirs) or 0


def forget_user(session: Session, identifier: str) -> None:
    """Delete the chats of a user who is removed, in the caller's transaction."""
    theirs = Chat.owner == f"user:{identifier}"
    if session.connection().dialect.name == "postgresql":
        session.execute(_THEIR_TURNS.where(theirs))
    session.execute(delete(Chat).where(theirs))
