"""Storing a chat that starts: whole, in one transaction (R56)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert
from sqlalchemy.engine import Connection

from webapp.authoring.chat_message import ChatMessage
from webapp.chats.locking import RUNNING_IN_CHATS, one_by_one
from webapp.chats.message_rows import insert_messages
from webapp.chats.models import Chat, Turn
from webapp.chats.retention import expires_at
from webapp.chats.snapshots import with_look_of
from webapp.chats.store import StoredChat
from webapp.database.engines import utc_now, write_transaction
from webapp.engine import turn as engine
from webapp.turns.copying import carry_over, index_carried
from webapp.turns.rows import ALIVE, RUNNING_TURNS, Asking, turn_row
from webapp.web.errors import RETRY_SECONDS
from webapp.web.refusals import Refusal

# Built once: building a statement takes longer than running it.
_TO_REPLACE = (
    Chat.owner == bindparam("of_owner"),
    ~Chat.written,
    Chat.session_id == bindparam("of_session"),
    Chat.created_at < bindparam("before"),
    Chat.id != bindparam("kept"),
)
_REPLACED = delete(Chat).where(*_TO_REPLACE).returning(Chat.id, Chat.profile, Chat.values)
_TURNS_TO_REPLACE = RUNNING_IN_CHATS.where(*_TO_REPLACE)
_NEW_CHAT = insert(Chat)
_NEW_TURN = insert(Turn)


class TooManyStartsError(Refusal):
    """This user has as many starts and answers under way as one may have."""

    code = 429
    title = "Chat not started"
    message = "Several of your chats are starting or answering already."
    advice = "Start this one when one of them has finished, or stop one."
    retry_after = RETRY_SECONDS


@dataclass(frozen=True)
class Beginning:
    """Whose chat starts, in which browser's session, since when, and of how many turns at most;
    and the chat that it goes on with, if it does."""

    owner: str
    session_id: uuid.UUID
    at: datetime
    most_turns: int
    continues: StoredChat | None = None


@dataclass(frozen=True)
class StoredStart:
    """What a chat start left in the database."""

    chat: StoredChat
    messages: list[ChatMessage]
    replaced: list[Row[Any]]


def store_started_chat(turn: engine.Turn, beginning: Beginning) -> StoredStart:
    """Store a chat with all that its start has said, in one transaction (R56).

    A start that is still under way is stored as a turn of this process. The unwritten chat that
    this browser had before is replaced: starting twice leaves one. One that was stored after this
    start began stays: the user chose again meanwhile and is in it. One that goes on with another
    begins with what was said there.

    Raises
    ------
    TooManyStartsError
        When the start is under way and its owner has as many turns as one may have besides.
    NotFound, StillAnsweringError
        When the chat that it goes on with is gone, or an answer is written there.
    """
    over = turn.over
    messages = [m for m in turn.messages() if not m.removed]
    # After what was said: should the turn go on under another profile in between, a step says so.
    chat = _new_chat(turn, beginning, over=over)
    which = {
        "of_owner": beginning.owner,
        "of_session": beginning.session_id,
        "before": beginning.at,
        "kept": beginning.continues.id if beginning.continues else chat["id"],
    }
    with write_transaction() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(_TURNS_TO_REPLACE, which)
        replaced = connection.execute(_REPLACED, which).all()
        connection.execute(_NEW_CHAT, chat)
        if beginning.continues is not None and turn.profile is not None:
            last = carry_over(connection, beginning.continues, chat["id"], turn.profile)
            turn.numbered_from = last + 1
            messages = [replace(m, sequence=last + m.sequence) for m in messages]
        if not over:
            _refuse_too_many(connection, beginning)
            asking = Asking(
                chat_id=chat["id"],
                owner=beginning.owner,
                key=turn.id,
                most_turns=beginning.most_turns,
            )
            connection.execute(_NEW_TURN, turn_row(asking, turn))
        insert_messages(connection, chat["id"], messages)
        if beginning.continues is not None and over:
            index_carried(connection, beginning.owner, chat["id"], messages)
    names = ("id", "owner", "profile", "session_id", "turn_id", "title", "written", "snapshots")
    kept = StoredChat(**{name: chat[name] for name in names})
    return StoredStart(kept, messages, list(replaced))


def _refuse_too_many(connection: Connection, beginning: Beginning) -> None:
    # Those of the chats that were replaced are gone by now.
    one_by_one(connection, beginning.owner)
    who = {"of_owner": beginning.owner, "seen_after": utc_now() - ALIVE}
    if connection.execute(RUNNING_TURNS, who).scalar_one() >= beginning.most_turns:
        raise TooManyStartsError


def _new_chat(turn: engine.Turn, beginning: Beginning, *, over: bool) -> dict[str, Any]:
    # What a start that failed has set may be half of what it should be.
    keeps = over and turn.failure is None
    now = utc_now()
    continues, offered = beginning.continues, turn.chat.offered or {}
    under = [turn.profile, *(offered.get(m.profile or "") for m in turn.messages())]
    return {
        "id": uuid.UUID(turn.chat.chat_id),
        "owner": beginning.owner,
        "session_id": beginning.session_id,
        "profile": turn.chat.chat_profile,
        # What was carried over is not to be replaced by the next start.
        "written": continues is not None,
        "title": continues.title if continues else None,
        "continues": continues.id if continues else None,
        "values": turn.values if keeps and turn.values else {},
        "created_at": now,
        "active_at": now,
        # It may have gone on under another one already.
        "expires_at": expires_at(offered.get(turn.chat.chat_profile or "") or turn.profile, now),
        "turn_id": None if over else turn.id,
        "snapshots": with_look_of(continues.snapshots if continues else {}, *under),
        "pinned": False,
    }
