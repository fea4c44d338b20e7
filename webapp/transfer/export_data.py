"""The chats of an export, read in batches, so that no slow download holds a connection."""

from __future__ import annotations

import uuid
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import Flask
from sqlalchemy import bindparam, null, select

from webapp.authoring.chat_message import ChatMessage
from webapp.chats.message_rows import MESSAGE_COLUMNS, message_from_row
from webapp.chats.models import Chat, Feedback, Message
from webapp.database.engines import read_connection
from webapp.files.models import File
from webapp.transfer.exported_elements import ExportedElement, find_files

CHATS_AT_ONCE = 100
# A message may have a million characters, so only a few are in memory at a time.
MESSAGES_AT_ONCE = 100

# Built once: building a statement takes longer than running it.
_MINE = (Chat.owner == bindparam("owner"), Chat.deleted_at.is_(None))
_IDS = select(Chat.id).where(*_MINE, Chat.written).order_by(Chat.active_at.desc(), Chat.id.desc())
_CHATS = select(
    Chat.id,
    Chat.title,
    Chat.profile,
    Chat.snapshots,
    Chat.created_at,
    Chat.active_at,
    Chat.pinned,
).where(*_MINE, Chat.id.in_(bindparam("chat_ids", expanding=True)))
_MESSAGES = (
    select(
        *MESSAGE_COLUMNS,
        Message.replaced_by.is_not(None).label("replaced"),
        Feedback.value.label("rating"),
        Feedback.comment,
    )
    .outerjoin(Feedback, Feedback.message_id == Message.id)
    .where(Message.chat_id == bindparam("chat_id"), Message.sequence > bindparam("after"))
    .order_by(Message.sequence)
    .limit(MESSAGES_AT_ONCE)
)
_SHOWING = (
    select(*MESSAGE_COLUMNS)
    .where(
        Message.chat_id == bindparam("chat_id"),
        Message.sequence > bindparam("after"),
        Message.elements.is_not(null()),
    )
    .order_by(Message.sequence)
    .limit(MESSAGES_AT_ONCE)
)
_A_FILE = select(File.id).join(Chat, Chat.id == File.chat_id).where(*_MINE).limit(1)
_A_FILE_OF_ONE = _A_FILE.where(Chat.id == bindparam("chat_id"))


@dataclass(frozen=True, kw_only=True)
class ExportedChat:
    """The exported data of a chat, without its messages."""

    id: uuid.UUID
    title: str | None
    profile: str | None
    snapshots: dict[str, Any]
    created_at: datetime
    active_at: datetime | None
    pinned: bool


@dataclass(frozen=True)
class ExportedMessage:
    """The exported data of a message. ``rating`` and ``comment`` are its feedback."""

    message: ChatMessage
    replaced: bool
    rating: int | None
    comment: str | None
    elements: Sequence[ExportedElement] = ()


def find_chat_ids(owner: str | None) -> list[uuid.UUID]:
    """Return the ids of the chats that a user has written in, newest first.

    A download reads all ids at its beginning. A chat that gets a message meanwhile is neither
    missed nor exported twice.
    """
    with read_connection() as connection:
        return list(connection.execute(_IDS, {"owner": owner}).scalars())


def has_files(owner: str | None, ids: Sequence[uuid.UUID]) -> bool:
    """Return whether a chat of a user has files, or any of several."""
    with read_connection() as connection:
        if len(ids) == 1:
            which = {"owner": owner, "chat_id": ids[0]}
            return connection.execute(_A_FILE_OF_ONE, which).first() is not None
        return connection.execute(_A_FILE, {"owner": owner}).first() is not None


@dataclass(frozen=True)
class ExportedChats:
    """Some chats of a user, read while they are sent. It needs no request.

    Attributes
    ----------
    paths:
        The files that are beside the export.
    """

    app: Flask
    owner: str | None
    ids: Sequence[uuid.UUID]
    paths: Container[str] = field(default_factory=frozenset)

    def __iter__(self) -> Iterator[ExportedChat]:
        """Yield the chats that are still there, in the order of their ids."""
        for start in range(0, len(self.ids), CHATS_AT_ONCE):
            ids = self.ids[start : start + CHATS_AT_ONCE]
            with self.app.app_context(), read_connection() as connection:
                rows = connection.execute(_CHATS, {"owner": self.owner, "chat_ids": ids}).all()
            found = {row.id: ExportedChat(**row._mapping) for row in rows}
            yield from (found[chat_id] for chat_id in ids if chat_id in found)

    def messages(self, chat: ExportedChat) -> Iterator[ExportedMessage]:
        """Yield the messages of a chat, including those that were replaced."""
        after = -1
        while True:
            with self.app.app_context(), read_connection() as connection:
                rows = connection.execute(_MESSAGES, {"chat_id": chat.id, "after": after}).all()
                messages = [message_from_row(row) for row in rows]
                files = find_files(connection, chat.id, messages)
            for row, message in zip(rows, messages, strict=True):
                elements = files.elements_of(message)
                yield ExportedMessage(message, row.replaced, row.rating, row.comment, elements)
                after = message.sequence
            if len(rows) < MESSAGES_AT_ONCE:
                return

    def elements(self) -> Iterator[ExportedElement]:
        """Yield the elements of all messages of all chats."""
        for chat in self:
            after = -1
            while True:
                with self.app.app_context(), read_connection() as connection:
                    which = {"chat_id": chat.id, "after": after}
                    found = [message_from_row(row) for row in connection.execute(_SHOWING, which)]
                    files = find_files(connection, chat.id, found)
                for message in found:
                    yield from files.elements_of(message)
                    after = message.sequence
                if len(found) < MESSAGES_AT_ONCE:
                    break
