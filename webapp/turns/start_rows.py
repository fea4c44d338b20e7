"""Storing a chat that starts: whole, in one transaction."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert

from webapp.accounts.login import browser_session
from webapp.authoring.chat_message import ChatMessage
from webapp.chats.locking import RUNNING_IN_CHATS, lock_running_turns, serialize_user_turns
from webapp.chats.message_rows import insert_messages
from webapp.chats.models import Chat
from webapp.chats.retention import expires_at
from webapp.chats.snapshots import add_snapshots
from webapp.chats.store import StoredChat
from webapp.database.engines import utc_now, write_transaction
from webapp.engine.turn import RunningTurn
from webapp.profiles.last_choice import remember_name
from webapp.turns.copying import CopySource, copy_conversation
from webapp.turns.questions.rows import store_questions
from webapp.turns.rows import NEW_TURN, RUNNING_TURNS, turn_row
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
_REPLACED = (
    delete(Chat).where(*_TO_REPLACE).returning(Chat.id, Chat.profile, Chat.values, Chat.inputs)
)
_TURNS_TO_REPLACE = RUNNING_IN_CHATS.where(*_TO_REPLACE)
_NEW_CHAT = insert(Chat)


class TooManyStartsError(Refusal):
    """This user has as many starts and answers under way as one may have."""

    code = 429
    title = "Chat not started"
    message = "Several of your chats are starting or answering already."
    advice = "Start this one when one of them has finished, or stop one."
    retry_after = RETRY_SECONDS


@dataclass(frozen=True, kw_only=True)
class StartRequest:
    """A chat that is about to start.

    Parameters
    ----------
    session_id:
        The browser's session; ``None`` if no browser asks.
    new_choice:
        The name of the profile to be remembered for the user's next sessions, if it is another one.
    began_at:
        When the start began. What was stored later is not replaced by it.
    most_turns:
        How many turns one user may have under way.
    source:
        The chat whose conversation is copied into the new one, if one is.
    chat_id:
        The id that the chat gets, if it is not to be a random one.
    """

    owner: str
    session_id: uuid.UUID | None
    began_at: datetime
    most_turns: int
    new_choice: str | None = None
    source: CopySource | None = None
    chat_id: uuid.UUID | None = None


@dataclass(frozen=True)
class StoredStart:
    """What a chat start left in the database."""

    chat: StoredChat
    messages: list[ChatMessage]
    replaced: list[Row[Any]]


def store_started_chat(turn: RunningTurn, request: StartRequest) -> StoredStart:
    """Store a chat with all that its start has said, in one transaction.

    With it, the choice of its profile is stored, and what else has changed in the session.

    A start that is still under way is stored as a turn of this process. The unwritten chat that
    this browser had before is replaced: starting twice leaves one. A chat that was stored after
    this start began stays: the user chose again meanwhile and is in it.

    Raises
    ------
    TooManyStartsError
        When the start is under way and its owner is at the limit of turns.
    NotFound
        When the chat to be copied no longer exists.
    StillAnsweringError
        When an answer is being written in the chat to be copied.
    """
    over, source = turn.over, request.source
    questions = turn.questions.unstored()
    messages = [m for m in turn.messages() if not m.removed]
    # Read after the messages: if the turn switches its profile in between, a step stores that.
    chat = _new_chat(turn, request, over=over)
    chat_id: uuid.UUID = chat["id"]
    which = {
        "of_owner": request.owner,
        "of_session": request.session_id,
        "before": request.began_at,
        "kept": source.chat.id if source else chat_id,
    }
    with write_transaction() as connection:
        lock_running_turns(connection, _TURNS_TO_REPLACE, which)
        replaced = connection.execute(_REPLACED, which).all()
        connection.execute(_NEW_CHAT, chat)
        if source is not None and turn.profile is not None:
            copy_conversation(connection, source, chat_id, turn.profile)
        if not over:
            serialize_user_turns(connection, request.owner)
            # The turns of the chats that were replaced are gone by now.
            who = {"of_owner": request.owner}
            if connection.execute(RUNNING_TURNS, who).scalar_one() >= request.most_turns:
                raise TooManyStartsError
            row = turn_row(
                turn_id=turn.id,
                chat_id=chat_id,
                owner=request.owner,
                key=turn.id,
                question_id=None,
                first_sequence=turn.first_sequence,
            )
            connection.execute(NEW_TURN, row)
        insert_messages(connection, chat_id, messages)
        store_questions(connection, chat_id, turn.id, questions)
        if request.new_choice is not None:
            remember_name(connection, request.new_choice)
        own = browser_session()
        own.store_changes(connection)
    own.note_stored_changes()
    turn.questions.note_stored(questions)
    names = (
        *("id", "owner", "profile", "session_id", "turn_id", "title", "written"),
        *("snapshots", "inputs"),
    )
    stored = StoredChat(**{name: chat[name] for name in names})
    return StoredStart(stored, messages, list(replaced))


def _new_chat(turn: RunningTurn, request: StartRequest, *, over: bool) -> dict[str, Any]:
    # What a start that failed has set may be half of what it should be.
    keeps = over and turn.failure is None
    now = utc_now()
    continues, offered = request.source and request.source.chat, turn.chat.offered or {}
    under = [turn.profile, *(offered.get(m.profile or "") for m in turn.messages())]
    return {
        "id": uuid.UUID(turn.chat.chat_id),
        "owner": request.owner,
        "session_id": request.session_id,
        "profile": turn.chat.chat_profile,
        # What was copied is not to be replaced by the next start.
        "written": continues is not None,
        "title": continues.title if continues else None,
        "continues": continues.id if continues else None,
        "values": turn.values if keeps and turn.values else {},
        # The user has to see what can be set, even if the rest of the start failed.
        "inputs": turn.chat.inputs.now() or None,
        "created_at": now,
        "active_at": now,
        # The turn may have switched to another profile already.
        "expires_at": expires_at(offered.get(turn.chat.chat_profile or "") or turn.profile, now),
        "turn_id": None if over else turn.id,
        "snapshots": add_snapshots(continues.snapshots if continues else {}, *under),
        "pinned": False,
        # The copies bring their entries with them.
        "unindexed_from": turn.first_sequence if continues else None,
    }
