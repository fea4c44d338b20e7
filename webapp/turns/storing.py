"""Storing turns while they run, and at their end."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from typing import Any

from flask import Flask, current_app
from sqlalchemy import Float, bindparam, delete, exists, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from webapp.authoring.chat_message import DIVIDER, STREAMING, ChatMessage
from webapp.chats.message_files import delete_files
from webapp.chats.message_rows import update_message, upsert_messages
from webapp.chats.models import Message, Turn
from webapp.chats.retention import expires_at
from webapp.chats.search_index import INDEXED_KINDS, reindex_messages
from webapp.chats.snapshots import store_profile
from webapp.database.clock import database_time
from webapp.database.engines import note_failure, read_connection, utc_now, write_transaction
from webapp.engine.errors import StoreUnavailableError
from webapp.engine.keeper import SaveResult, TurnUpdate
from webapp.engine.phases import TurnStatus
from webapp.files.collecting import collect_soon
from webapp.turns.questions.rows import find_answers, store_questions, time_out_questions
from webapp.turns.rows import (
    ALIVE,
    ENDED,
    LET_GO,
    OURS,
    interrupt_turn,
    may_judge,
)
from webapp.web.errors import UNAVAILABLE
from webapp.web.log import log_failure

_SEEN = OURS.values(seen_at=database_time()).returning(Turn.stop_asked)
_FREED = LET_GO.values(turn_id=None, active_at=bindparam("now"), expires_at=bindparam("expires"))
_FREED_WITH_VALUES = _FREED.values(values=bindparam("kept"))
_NEW_INPUTS = LET_GO.values(inputs=bindparam("kept"))
_SO_LONG_AGO = database_time(-bindparam("seconds", type_=Float))
_LOST = (
    select(Turn.chat_id, Turn.id)
    .where(
        Turn.status == TurnStatus.RUNNING,
        Turn.seen_at < _SO_LONG_AGO,
    )
    .order_by(Turn.id)
)
# Values that were set by resuming the chat are there again when the question is answered anew. Not
# if it was tried again: by then the chat has more values than before its first answer.
_BEGAN_WITH = (
    update(Turn)
    .where(
        Turn.id == bindparam("turn"),
        exists().where(Message.id == Turn.question_id, Message.turn_id == Turn.id),
    )
    .values(values_before=bindparam("kept"))
)
_GONE = (
    delete(Message)
    .where(Message.id == bindparam("message"), Message.chat_id == bindparam("chat"))
    .returning(Message.elements)
)


class TurnRows:
    """Stores the turns of this process, for the keeper in the engine."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._beat_at = 0.0

    def save(self, updates: list[TurnUpdate]) -> SaveResult:
        """Store the updates in one transaction; if one of them cannot be, each by itself."""
        # A request's thread has a context. To make another one costs as much as two statements.
        in_app: AbstractContextManager[object] = (
            nullcontext() if current_app == self._app else self._app.app_context()
        )
        with in_app:
            try:
                return _save_all(updates)
            except UNAVAILABLE as error:
                raise _unavailable(error) from error
            except SQLAlchemyError as error:
                if len(updates) > 1:
                    each = [self.save([one]) for one in updates]
                    return SaveResult(
                        set().union(*(one.lost for one in each)),
                        set().union(*(one.to_stop for one in each)),
                    )
                turn = updates[0].turn
                log_failure("turn.not_stored", error, turn=turn.id)
                with _map_errors(), write_transaction() as connection:
                    interrupt_turn(connection, uuid.UUID(turn.chat.chat_id), turn.id)
                return SaveResult(lost={turn.id})

    def find_stop_requests(self, turns: list[uuid.UUID]) -> set[uuid.UUID]:
        """Return which of these turns a user has asked to stop."""
        asked = select(Turn.id).where(Turn.id.in_(turns), Turn.stop_asked)
        with self._app.app_context(), _map_errors(), read_connection() as connection:
            return set(connection.scalars(asked))

    def find_answers(self, questions: list[uuid.UUID]) -> Mapping[uuid.UUID, dict[str, Any]]:
        """Return what was answered to which of these questions."""
        with self._app.app_context(), _map_errors(), read_connection() as connection:
            return find_answers(connection, questions)

    def time_out(self, questions: list[uuid.UUID]) -> set[uuid.UUID]:
        """Let nobody answer these questions any more; return those that nobody has answered."""
        with self._app.app_context(), _map_errors(), write_transaction() as connection:
            return time_out_questions(connection, questions)

    def beat(self, turns: list[uuid.UUID]) -> set[uuid.UUID]:
        """Note that these turns are alive, and end those whose processes are not."""
        with self._app.app_context(), _map_errors(), write_transaction() as connection:
            alive = select(Turn.id).where(Turn.id.in_(turns), Turn.status == TurnStatus.RUNNING)
            locked = alive.order_by(Turn.id).with_for_update()
            beaten = update(Turn).where(Turn.id.in_(locked)).values(seen_at=database_time())
            ours = set(connection.scalars(beaten.returning(Turn.id)))
            # While the database is away, no process can give a heartbeat. When it is back, all of
            # them seem to be gone. A process that could not give one does not judge the others.
            before, self._beat_at = self._beat_at, time.monotonic()
            if self._beat_at - before < ALIVE.total_seconds():
                interrupt_lost(connection, ALIVE)
            return ours


def has_lost(connection: Connection, silent_for: timedelta) -> bool:
    """Return whether there are turns whose processes have given no heartbeat for so long."""
    return connection.execute(_LOST, {"seconds": silent_for.total_seconds()}).first() is not None


def interrupt_lost(connection: Connection, silent_for: timedelta) -> int:
    """End the turns whose processes have given no heartbeat for so long; return how many."""
    if not may_judge():
        return 0
    lost = connection.execute(_LOST, {"seconds": silent_for.total_seconds()}).all()
    for chat_id, turn_id in lost:
        interrupt_turn(connection, chat_id, turn_id)
    return len(lost)


@contextmanager
def _map_errors() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise _unavailable(error) from error


def _unavailable(error: SQLAlchemyError) -> StoreUnavailableError:
    note_failure(current_app)
    return StoreUnavailableError(str(error).splitlines()[0])


def _save_all(updates: list[TurnUpdate]) -> SaveResult:
    saved, contents = SaveResult(), set[str]()
    with write_transaction() as connection:
        # Turns are locked in this order (chats/locking.py).
        for latest in sorted(updates, key=lambda each: each.turn.id):
            asked = _save(connection, latest, contents)
            if asked is None:
                saved.lost.add(latest.turn.id)
            elif asked and not latest.ended:
                saved.to_stop.add(latest.turn.id)
    collect_soon(contents)
    return saved


def _save(connection: Connection, latest: TurnUpdate, contents: set[str]) -> bool | None:
    """Store an update, and return whether a user asked to stop; ``None`` if the turn is lost.

    Parameters
    ----------
    contents:
        Those of files that were removed are added here.
    """
    turn, chat_id = latest.turn, uuid.UUID(latest.turn.chat.chat_id)
    now = utc_now()
    asked: bool | None = (
        connection.scalar(ENDED, {"turn": turn.id, "how": turn.status})
        if latest.ended
        else connection.scalar(_SEEN, {"turn": turn.id})
    )
    if asked is None:
        return None
    store_questions(connection, chat_id, turn.id, latest.questions)
    contents |= store_messages(connection, chat_id, latest.messages)
    profile = (turn.chat.offered or {}).get(turn.chat.chat_profile or "") or turn.profile
    if profile is not None and any(message.kind == DIVIDER for message in latest.messages):
        store_profile(connection, chat_id, profile)
    if latest.inputs is not None:
        kept = {"chat": chat_id, "turn": turn.id, "kept": latest.inputs or None}
        connection.execute(_NEW_INPUTS, kept)
    if latest.ended:
        which = {
            "chat": chat_id,
            "turn": turn.id,
            "now": now,
            "expires": expires_at(profile, now),
        }
        if turn.values is None:
            connection.execute(_FREED, which)
        else:
            connection.execute(_FREED_WITH_VALUES, {**which, "kept": turn.values})
        if turn.values_between is not None:
            connection.execute(_BEGAN_WITH, {"turn": turn.id, "kept": turn.values_between})
    return asked


def store_messages(
    connection: Connection, chat_id: uuid.UUID, messages: list[ChatMessage]
) -> set[str]:
    """Store messages of a turn: new, changed, or removed.

    Return the contents of the files that were removed, for `collect_soon`.
    """
    contents = set[str]()
    for message in messages:
        if message.removed or message.earlier:
            contents |= change_earlier(connection, chat_id, message)
    upsert_messages(connection, chat_id, [m for m in messages if not (m.removed or m.earlier)])
    return contents


def change_earlier(connection: Connection, chat_id: uuid.UUID, message: ChatMessage) -> set[str]:
    """Change or delete a message that was sent in an earlier turn.

    Return as `store_messages` does.
    """
    if message.removed:
        stored = connection.execute(_GONE, {"message": message.id, "chat": chat_id}).first()
        # One that was removed before it was stored may have files as well.
        if (stored is not None and stored.elements) or message.elements:
            return delete_files(connection, chat_id, message.id)
    elif (
        update_message(connection, chat_id, message)
        and message.kind in INDEXED_KINDS
        and message.status != STREAMING
    ):
        reindex_messages(connection, chat_id, [(message.id, message.content)])
    return set()
