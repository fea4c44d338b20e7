"""Reading turns: whether one runs, how the last one ended, and which may be tried again."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, select
from werkzeug.exceptions import NotFound

from webapp.authoring.chat_message import ChatMessage
from webapp.chats.message_rows import SHOWN_MESSAGES, shown_message
from webapp.chats.models import Chat, Message, Turn
from webapp.chats.store import StoredChat
from webapp.database.engines import read_connection
from webapp.engine.phases import TurnStatus
from webapp.turns.rows import IS_HEARD, is_alive
from webapp.turns.runtime import conversation
from webapp.web.refusals import Refusal

# What a turn said follows its question, which is left out.
_SAID = (
    SHOWN_MESSAGES.join(Turn, Turn.id == Message.turn_id)
    .where(
        Turn.id == bindparam("turn_id"),
        Message.sequence >= Turn.first_sequence,
    )
    .order_by(Message.sequence)
)
# The form of a start has no key of its own: there is one start for each chat.
_IS_START = (Turn.key == Turn.id).label("is_start")
_STANDS = (Turn.id, Turn.status, IS_HEARD, Turn.question_id, Turn.action_id, _IS_START)
_TURN = select(*_STANDS).where(
    Turn.chat_id == bindparam("chat_id"), Turn.id == bindparam("turn_id")
)
_TURN_WITH_INPUTS = _TURN.add_columns(Chat.inputs).join(Chat, Chat.id == Turn.chat_id)
# The running turn, which may have said nothing yet. Without one, the turn of the newest message,
# which the index of a chat's messages finds.
_RUNS = select(Chat.turn_id).where(Chat.id == bindparam("chat_id")).scalar_subquery()
_SAID_LAST = (
    select(Message.turn_id)
    .where(
        Message.chat_id == bindparam("chat_id"),
        Message.replaced_by.is_(None),
        Message.turn_id.is_not(None),
    )
    .order_by(Message.sequence.desc())
    .limit(1)
    .scalar_subquery()
)
_LAST_TURN = select(*_STANDS).where(Turn.id == func.coalesce(_RUNS, _SAID_LAST))


class CannotRetryError(Refusal):
    """A turn that cannot be run again."""

    code = 409
    title = "Cannot try again"
    advice = "Reload the page to see the current chat, or start a new one."


@dataclass(frozen=True)
class StoredTurn:
    """The last turn of a chat, as it stands."""

    id: uuid.UUID
    status: TurnStatus
    question_id: uuid.UUID | None
    action_id: uuid.UUID | None = None
    is_start: bool = False

    @property
    def may_be_repeated(self) -> bool:
        """Return whether something began it that may begin it again: a message or a button."""
        return self.question_id is not None or self.action_id is not None

    @property
    def seems_to_run(self) -> bool:
        """Return whether its row says that it runs."""
        return self.status in (TurnStatus.RUNNING, TurnStatus.LOST)


def last_turn(chat: StoredChat) -> StoredTurn | None:
    """Return the newest turn of a chat: one that runs, or one that may be tried again."""
    with read_connection() as connection:
        found = connection.execute(_LAST_TURN, {"chat_id": chat.id}).first()
    return None if found is None else _stored_turn(found)


def turn_as_stored(
    chat_id: uuid.UUID, turn_id: uuid.UUID
) -> tuple[TurnStatus, list[ChatMessage], dict[str, Any] | None]:
    """Return how a turn stands, what the app has said in it, and what can be set in its chat.

    A turn that is gone has said nothing.
    """
    which = {"chat_id": chat_id, "turn_id": turn_id}
    with read_connection() as connection:
        turn = connection.execute(_TURN_WITH_INPUTS, which).first()
    with read_connection() as connection:
        found = connection.execute(_SAID, which).all()
    status = _status(turn) if turn is not None else TurnStatus.INTERRUPTED
    messages = [shown_message(row, running=status == TurnStatus.RUNNING) for row in found]
    return status, messages, turn.inputs if turn is not None else None


def get_turn(chat: StoredChat, turn_id: uuid.UUID) -> StoredTurn:
    """Return a turn of a chat.

    Raises
    ------
    NotFound
        When it is not, or there is none.
    """
    with read_connection() as connection:
        found = connection.execute(_TURN, {"chat_id": chat.id, "turn_id": turn_id}).first()
    if found is None:
        raise NotFound
    return _stored_turn(found)


def turn_to_retry(chat: StoredChat, turn_id: uuid.UUID) -> StoredTurn:
    """Return a turn that may be tried again.

    Raises
    ------
    CannotRetryError
        When it is not the last one, still runs, or came to its end.
    """
    last = last_turn(chat)
    not_to_retry = (TurnStatus.RUNNING, TurnStatus.COMPLETE)
    if last is None or last.id != turn_id or last.status in not_to_retry:
        raise CannotRetryError("The chat has continued since this answer.")
    if not last.may_be_repeated:
        raise CannotRetryError("Only an answer can be tried again, not the start of a chat.")
    return last


def _stored_turn(row: Any) -> StoredTurn:
    status = _status(row)
    return StoredTurn(row.id, status, row.question_id, row.action_id, row.is_start)


def _status(turn: Any) -> TurnStatus:
    # A turn of this process runs, whatever its heartbeat says.
    alive = conversation().keeper.find(turn.id) is not None or is_alive(turn.is_heard)
    lost = turn.status == TurnStatus.RUNNING and not alive
    return TurnStatus.LOST if lost else TurnStatus(turn.status)
