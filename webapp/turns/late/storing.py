"""Storing messages that come after their turn has ended, at the end of their chat."""

from __future__ import annotations

import uuid
from dataclasses import replace

from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.exc import SQLAlchemyError

from webapp.authoring.chat_message import ChatMessage
from webapp.chats.message_rows import insert_messages
from webapp.chats.models import Chat, Message
from webapp.chats.search_index import reindex_messages
from webapp.database.engines import note_failure, read_connection, utc_now, write_transaction
from webapp.engine.errors import StoreUnavailableError
from webapp.engine.late.late_messages import LateOutcome
from webapp.files.collecting import collect_soon
from webapp.turns.storing import change_earlier


def last_change(chat_id: uuid.UUID) -> str:
    """Return a text that is another one after each change of a chat that a late message makes."""
    with read_connection() as connection:
        active_at = connection.scalar(select(Chat.active_at).where(Chat.id == chat_id))
    return "" if active_at is None else active_at.isoformat()


class LateRows:
    """Stores late messages, for the engine."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def save_late(
        self, chat_id: uuid.UUID, turn_id: uuid.UUID, messages: list[ChatMessage]
    ) -> LateOutcome:
        """Store messages at the end of a chat, as `LateStore` says."""
        with self._app.app_context():
            try:
                return _save(chat_id, turn_id, messages)
            except SQLAlchemyError as error:
                note_failure(self._app)
                raise StoreUnavailableError(str(error).splitlines()[0]) from error


def _save(chat_id: uuid.UUID, turn_id: uuid.UUID, messages: list[ChatMessage]) -> LateOutcome:
    contents = set[str]()
    with write_transaction() as connection:
        # A turn that runs numbers its messages itself.
        free = update(Chat).where(
            Chat.id == chat_id,
            Chat.turn_id.is_(None),
            Chat.deleted_at.is_(None),
            Chat.ended_at.is_(None),
        )
        if not connection.execute(free.values(active_at=utc_now())).rowcount:
            stands = select(Chat.deleted_at, Chat.ended_at).where(Chat.id == chat_id)
            found = connection.execute(stands).first()
            if found is None:
                return LateOutcome.MISSING
            is_there = found.deleted_at is None and found.ended_at is None
            return LateOutcome.BUSY if is_there else LateOutcome.OVER

        for message in messages:
            if message.earlier or message.removed:
                contents |= change_earlier(connection, chat_id, message)
        new = [m for m in messages if not (m.earlier or m.removed) and m.says_something]
        if new:
            said = select(Message).where(Message.chat_id == chat_id, Message.replaced_by.is_(None))
            newest = (
                said.with_only_columns(Message.turn_id)
                .where(Message.turn_id.is_not(None))
                .order_by(Message.sequence.desc())
                .limit(1)
            )
            last: int = connection.execute(
                select(func.coalesce(func.max(Message.sequence), 0)).where(
                    Message.chat_id == chat_id
                )
            ).scalar_one()
            # Of a turn that is the last one no more, they would make it that again.
            own = turn_id if connection.scalar(newest) == turn_id else None
            placed = [
                replace(message, sequence=last + place, turn_id=own)
                for place, message in enumerate(new, start=1)
            ]
            insert_messages(connection, chat_id, placed)
            reindex_messages(connection, chat_id, [(m.id, m.content) for m in placed])
    collect_soon(contents)
    return LateOutcome.STORED
