"""Reading chats for an export: in batches, with no connection held while the network waits."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask
from sqlalchemy import bindparam, select

from webapp.authoring.chat_message import ChatMessage
from webapp.chats.message_rows import MESSAGE_COLUMNS, message_from_row
from webapp.chats.models import Chat, Feedback, Message
from webapp.database.engines import read_connection

CHATS_AT_ONCE = 100
# A message may have a million characters, so few of them are in memory at a time.
MESSAGES_AT_ONCE = 100

# Built once: building a statement takes longer than running it.
_MINE = (Chat.owner == bindparam("of_owner"), Chat.deleted_at.is_(None))
_IDS = select(Chat.id).where(*_MINE, Chat.written).order_by(Chat.active_at.desc(), Chat.id.desc())
_CHATS = select(
    Chat.id,
    Chat.title,
    Chat.profile,
    Chat.snapshots,
    Chat.created_at,
    Chat.active_at,
    Chat.pinned,
).where(*_MINE, Chat.id.in_(bindparam("wanted", expanding=True)))
_MESSAGES = (
    select(
        *MESSAGE_COLUMNS,
        Message.replaced_by.is_not(None).label("replaced"),
        Feedback.value.label("rating"),
        Feedback.comment,
    )
    .outerjoin(Feedback, Feedback.message_id == Message.id)
    .where(Message.chat_id == bindparam("of_chat"), Message.sequence > bindparam("after"))
    .order_by(Message.sequence)
    .limit(MESSAGES_AT_ONCE)
)


@dataclass(frozen=True, kw_only=True)
class ExportedChat:
    """What is exported of a chat, but for its messages."""

    id: uuid.UUID
    title: str | None
    profile: str | None
    snapshots: dict[str, Any]
    created_at: datetime
    active_at: datetime | None
    pinned: bool


@dataclass(frozen=True)
class ExportedMessage:
    """What is exported of a message; ``rating`` and ``comment`` are its feedback, if it has any."""

    message: ChatMessage
    replaced: bool
    rating: int | None
    comment: str | None


def ids_of_all(owner: str | None) -> list[uuid.UUID]:
    """Return the chats that a user has written in, newest first.

    All ids at once, so that a chat in which something is said while the others are sent is
    neither missed nor sent twice; they are all that is kept in memory.
    """
    with read_connection() as connection:
        return list(connection.execute(_IDS, {"of_owner": owner}).scalars())


@dataclass(frozen=True)
class ExportedChats:
    """Some chats of a user, read while they are sent: it needs no request."""

    app: Flask
    owner: str | None
    ids: Sequence[uuid.UUID]

    def __iter__(self) -> Iterator[ExportedChat]:
        """Yield the chats that are still there, in the order of their ids."""
        for start in range(0, len(self.ids), CHATS_AT_ONCE):
            wanted = self.ids[start : start + CHATS_AT_ONCE]
            found = {chat.id: chat for chat in self._batch(wanted)}
            yield from (found[chat_id] for chat_id in wanted if chat_id in found)

    def messages(self, chat: ExportedChat) -> Iterator[ExportedMessage]:
        """Yield what was said in a chat, old branches included."""
        after = -1
        while batch := self._said(chat, after):
            yield from batch
            if len(batch) < MESSAGES_AT_ONCE:
                return
            after = batch[-1].message.sequence

    def _batch(self, wanted: Sequence[uuid.UUID]) -> list[ExportedChat]:
        with self.app.app_context(), read_connection() as connection:
            found = connection.execute(_CHATS, {"of_owner": self.owner, "wanted": wanted})
            return [ExportedChat(**row._mapping) for row in found]

    def _said(self, chat: ExportedChat, after: int) -> list[ExportedMessage]:
        with self.app.app_context(), read_connection() as connection:
            found = connection.execute(_MESSAGES, {"of_chat": chat.id, "after": after})
            return [
                ExportedMessage(message_from_row(row), row.replaced, row.rating, row.comment)
                for row in found
            ]
