"""Rows of turns: made, checked for a heartbeat, and ended when their process is gone."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, bindparam, func, insert, select, update
from sqlalchemy.engine import Connection

from webapp.authoring.chat_message import STREAMING
from webapp.chats.models import Chat, Message, Turn
from webapp.database.clock import database_time
from webapp.database.engines import has_failed_recently, utc_now
from webapp.engine.phases import BEAT_SECONDS, TurnStatus
from webapp.turns.questions.rows import interrupt_questions, keep_answers

# A turn was interrupted when its process has not given a heartbeat for so long. Heartbeats from the
# future are as old, since clocks are set back as well. The clock is the database's: those of two
# hosts may be further apart than this.
ALIVE = timedelta(seconds=20)
_AGO, _AHEAD = database_time(-ALIVE.total_seconds()), database_time(ALIVE.total_seconds())
IS_HEARD = and_(Turn.seen_at > _AGO, Turn.seen_at < _AHEAD).label("is_heard")
# How long after an outage of the database every process has given a heartbeat again.
HEARD_AGAIN_SECONDS = 2 * BEAT_SECONDS
# How many turns of a user run, in all processes.
RUNNING_TURNS = select(func.count()).where(
    Turn.owner == bindparam("of_owner"),
    Turn.status == TurnStatus.RUNNING,
    Turn.seen_at > _AGO,
)
LET_GO = update(Chat).where(Chat.id == bindparam("chat"), Chat.turn_id == bindparam("turn"))
OURS = update(Turn).where(Turn.id == bindparam("turn"), Turn.status == TurnStatus.RUNNING)
ENDED = OURS.values(
    seen_at=database_time(), ended_at=database_time(), status=bindparam("how")
).returning(Turn.stop_asked)
NEW_TURN = insert(Turn).values(seen_at=database_time())
_FREED = LET_GO.values(turn_id=None)
_BROKEN_OFF = (
    update(Message)
    .where(
        Message.chat_id == bindparam("chat"),
        Message.turn_id == bindparam("turn"),
        Message.status == STREAMING,
    )
    .values(status=TurnStatus.INTERRUPTED)
)


def is_alive(is_heard: bool | None) -> bool:
    """Return whether the process of a running turn is there, by `IS_HEARD` of its row."""
    return is_heard is not None and (is_heard or not may_judge())


def may_judge() -> bool:
    """Return whether a missing heartbeat means anything.

    While the database is away, no process can give one. A process that finds the database failing
    waits until the others have had the time for it.
    """
    return not has_failed_recently(HEARD_AGAIN_SECONDS)


def interrupt_turn(connection: Connection, chat_id: uuid.UUID, turn_id: uuid.UUID) -> None:
    """Store that a turn ended with the process that ran it."""
    which = {"chat": chat_id, "turn": turn_id}
    connection.execute(ENDED, {"turn": turn_id, "how": TurnStatus.INTERRUPTED})
    connection.execute(_BROKEN_OFF, which)
    interrupt_questions(connection, chat_id, turn_id)
    keep_answers(connection, chat_id, turn_id)
    connection.execute(_FREED, which)


def turn_row(
    *,
    turn_id: uuid.UUID,
    chat_id: uuid.UUID,
    owner: str,
    key: uuid.UUID,
    question_id: uuid.UUID | None,
    first_sequence: int,
    action_id: uuid.UUID | None = None,
) -> dict[str, Any]:
    """Return the row of a turn that begins now in this process, for `NEW_TURN`."""
    return {
        "id": turn_id,
        "chat_id": chat_id,
        "owner": owner,
        "key": key,
        "status": TurnStatus.RUNNING,
        "question_id": question_id,
        "action_id": action_id,
        "first_sequence": first_sequence,
        "stop_asked": False,
        "retried": False,
        "created_at": utc_now(),
    }
