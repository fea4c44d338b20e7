"""Rows of turns and of what is said in them: made, and ended when their process is gone."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.engine import Connection

from webapp.authoring.chat_message import INTERRUPTED, STREAMING
from webapp.authoring.types import ChatProfile
from webapp.chats.models import Chat, Message, Turn
from webapp.chats.search_index import index_turn
from webapp.database.engines import failed_lately, utc_now
from webapp.engine import turn as engine
from webapp.engine.keeper import BEAT_SECONDS
from webapp.engine.work import RUNNING

# A turn whose process has not said for so long that it is alive was interrupted (R63). In both
# directions, since clocks are set back as well (R69).
ALIVE = timedelta(seconds=20)
# So long after an outage every process has said again that it is alive.
HEARD_AGAIN_SECONDS = 2 * BEAT_SECONDS
# What the last turn of a chat looks like then, while its row says that it runs: it may yet turn
# out to. Never stored.
LOST = "lost"
# How many a user has, in all processes.
RUNNING_TURNS = select(func.count()).where(
    Turn.owner == bindparam("of_owner"),
    Turn.status == RUNNING,
    Turn.seen_at > bindparam("seen_after"),
)
LET_GO = update(Chat).where(Chat.id == bindparam("chat"), Chat.turn_id == bindparam("turn"))
OURS = update(Turn).where(Turn.id == bindparam("turn"), Turn.status == RUNNING)
ENDED = OURS.values(
    seen_at=bindparam("now"), ended_at=bindparam("now"), status=bindparam("how")
).returning(Turn.stop_asked)
_FREED = LET_GO.values(turn_id=None).returning(Chat.owner, Chat.written)
_BROKEN_OFF = (
    update(Message)
    .where(
        Message.chat_id == bindparam("chat"),
        Message.turn_id == bindparam("turn"),
        Message.status == STREAMING,
    )
    .values(status=INTERRUPTED)
)


def is_alive(seen_at: datetime | None) -> bool:
    """Say whether the process of a running turn is there, going by when it last said so."""
    if seen_at is None:
        return False
    return abs(utc_now() - seen_at) < ALIVE or not may_judge()


def may_judge() -> bool:
    """Say whether silence means anything: while the database is away nobody can be heard.

    Who finds it failing waits until the others have had the time to speak.
    """
    return not failed_lately(HEARD_AGAIN_SECONDS)


def interrupt(connection: Connection, chat_id: uuid.UUID, turn_id: uuid.UUID) -> None:
    """Note that a turn ended with the process that ran it."""
    which = {"chat": chat_id, "turn": turn_id}
    connection.execute(ENDED, {"turn": turn_id, "now": utc_now(), "how": INTERRUPTED})
    connection.execute(_BROKEN_OFF, which)
    index_turn(connection, connection.execute(_FREED, which).first(), chat_id, turn_id)


def turn_row(asking: Asking, turn: engine.Turn) -> dict[str, Any]:
    """Return the row of a turn that begins now in this process."""
    now = utc_now()
    return {
        "id": turn.id,
        "chat_id": asking.chat_id,
        "owner": asking.owner,
        "key": asking.key,
        "status": RUNNING,
        "question_id": turn.question_id,
        "first_sequence": turn.numbered_from,
        "stop_asked": False,
        "retried": False,
        "created_at": now,
        "seen_at": now,
    }


@dataclass(frozen=True, kw_only=True)
class Asking:
    """Who asks in which chat, by which form, and how many turns one user may have under way.

    Parameters
    ----------
    resumes_in:
        Where the app has an ``@on_chat_resume``: the browser's session in which a chat that was
        over goes on.
    looks:
        The chat's profile, where it does not look as the chat remembers it.
    """

    chat_id: uuid.UUID
    owner: str
    key: uuid.UUID
    most_turns: int
    resumes_in: uuid.UUID | None = None
    looks: ChatProfile | None = None
