"""Copying a conversation into a new chat, which continues it with another profile."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Text, bindparam, cast, func, or_, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import aliased

from webapp.authoring.chat_message import (
    COMPLETE,
    DIVIDER,
    INTERRUPTED,
    STEP,
    STREAMING,
    TASKS,
    ChatMessage,
)
from webapp.authoring.profiles.profile import ChatProfile
from webapp.authoring.steps.details import with_new_ids
from webapp.chats.message_rows import MESSAGE_COLUMNS, insert_messages, message_from_row
from webapp.chats.models import Chat, Message, SearchEntry, Turn
from webapp.chats.search_index import INDEXED_KINDS, index_title, store_entries
from webapp.chats.store import StoredChat
from webapp.chats.tokenizer import chat_word
from webapp.database.engines import utc_now
from webapp.files.rows import copy_rows
from webapp.profiles.icons import label
from webapp.turns.claiming import refuse_busy

# How many messages are in memory at once, however long the chat is.
AT_ONCE = 500
_COPIED = (
    select(
        *MESSAGE_COLUMNS,
        cast(SearchEntry.words, Text).label("words"),
    )
    .outerjoin(SearchEntry, SearchEntry.message_id == Message.id)
    .outerjoin(Turn, Turn.id == Message.turn_id)
    .where(
        Message.chat_id == bindparam("of_chat"),
        Message.sequence > bindparam("after"),
        Message.sequence <= bindparam("last"),
        Message.replaced_by.is_(None),
        Message.kind.in_([*INDEXED_KINDS, DIVIDER, STEP, TASKS]),
        or_(
            Message.kind == DIVIDER,
            Message.sequence < Turn.first_sequence,  # the question of a turn
            Turn.id.is_(None),
            ~Turn.retried,
        ),
    )
    .order_by(Message.sequence)
    .limit(AT_ONCE)
)
_SOURCE = aliased(Chat)
_UNINDEXED_FROM = (
    update(Chat)
    .where(Chat.id == bindparam("copy"))
    .values(
        unindexed_from=func.coalesce(
            select(_SOURCE.unindexed_from)
            .where(_SOURCE.id == bindparam("of_chat"))
            .scalar_subquery(),
            Chat.unindexed_from,
        )
    )
)

_LAST_SEQUENCE = select(func.coalesce(func.max(Message.sequence), 0)).where(
    Message.chat_id == bindparam("of_chat")
)


@dataclass(frozen=True)
class CopySource:
    """A chat of which a copy is made, with the number of its last message at that moment.

    Copies keep their numbers, so the number of the first message after them is known before.
    """

    chat: StoredChat
    last_sequence: int

    @property
    def next_sequence(self) -> int:
        """Return the number of the first message after the copies and the divider."""
        return self.last_sequence + 2


def copy_source(connection: Connection, chat: StoredChat) -> CopySource:
    """Return a chat as it can be copied now.

    Raises
    ------
    NotFound
        When the chat no longer exists.
    StillAnsweringError
        When an answer is being written in it.
    """
    refuse_busy(connection, chat.id, chat.owner)
    return CopySource(chat, connection.execute(_LAST_SEQUENCE, {"of_chat": chat.id}).scalar_one())


def copy_conversation(
    connection: Connection, source: CopySource, chat_id: uuid.UUID, profile: ChatProfile
) -> None:
    """Copy what was said in a chat into a new one, with a divider that names the source.

    Errors, and answers that others took the place of, stay behind. The copies belong to no turn:
    they cannot be stopped or tried again.

    Raises
    ------
    NotFound
        When the old chat no longer exists.
    StillAnsweringError
        When an answer is being written there.
    """
    old = source.chat
    refuse_busy(connection, old.id, old.owner)
    if old.title:
        index_title(connection, old.owner, chat_id, old.title)
    which = {"of_chat": old.id, "last": source.last_sequence, "after": -1}
    rows: Sequence[Any]
    while rows := connection.execute(_COPIED, which).all():
        copies = [_copy(row, chat_id) for row in rows]
        insert_messages(connection, chat_id, copies)
        shown = {row.id: copy.id for row, copy in zip(rows, copies, strict=True) if copy.elements}
        copy_rows(connection, old.id, chat_id, shown)
        # The index entry of a message holds for its copy. Splitting each text into words again
        # would keep the database busy for seconds.
        entries = [
            {
                "chat_id": chat_id,
                "message_id": copy.id,
                "words": row.words.replace(chat_word(old.id), chat_word(chat_id)),
            }
            for row, copy in zip(rows, copies, strict=True)
            if row.words is not None
        ]
        store_entries(connection, entries)
        which["after"] = rows[-1].sequence
    # Copies keep their numbers.
    connection.execute(_UNINDEXED_FROM, {"copy": chat_id, "of_chat": old.id})

    # The author of the divider is the title of the old chat: the page shows each of the two names
    # apart, so that neither can change the words around it.
    origin = f"“{old.title}”" if old.title else "an earlier chat"
    divider = ChatMessage(
        id=uuid.uuid4(),
        kind=DIVIDER,
        author=old.title or "",
        content=f"Continued from {origin} with {label(profile)}",
        status=COMPLETE,
        created_at=utc_now(),
        profile=profile.name,
        sequence=source.last_sequence + 1,
    )
    insert_messages(connection, chat_id, [divider])


def _copy(row: Any, chat_id: uuid.UUID) -> ChatMessage:
    old = message_from_row(row)
    # Nobody writes the copy of a growing message.
    status = INTERRUPTED if old.status == STREAMING else old.status
    # A step is copied before or after the step that it is in, so its new id follows from the old.
    return replace(
        old,
        id=uuid.uuid5(chat_id, str(old.id)),
        status=status,
        turn_id=None,
        details=with_new_ids(old.details, lambda key: uuid.uuid5(chat_id, key)),
    )
