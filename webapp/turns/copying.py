"""Going on with another profile in a new chat, which begins with what was said in the old one."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, Text, bindparam, cast, or_, select
from sqlalchemy.engine import Connection

from webapp.authoring.chat_message import (
    ASSISTANT,
    COMPLETE,
    DIVIDER,
    INTERRUPTED,
    STREAMING,
    ChatMessage,
)
from webapp.authoring.types import ChatProfile
from webapp.chats.message_rows import MESSAGE_COLUMNS, insert_messages, message_from_row
from webapp.chats.models import Message, SearchEntry, Turn
from webapp.chats.search_index import SAID, index_messages, index_title, store_entries
from webapp.chats.store import StoredChat
from webapp.chats.tokenizer import chat_word
from webapp.database.engines import utc_now
from webapp.profiles.icons import label
from webapp.turns.busy import refuse_busy

# So many messages are in memory at once, however long the chat is.
AT_ONCE = 500
_CARRIED = (
    select(
        *MESSAGE_COLUMNS,
        cast(SearchEntry.words, Text).label("words"),
    )
    .outerjoin(SearchEntry, SearchEntry.message_id == Message.id)
    .outerjoin(Turn, Turn.id == Message.turn_id)
    .where(
        Message.chat_id == bindparam("of_chat"),
        Message.sequence > bindparam("after"),
        Message.replaced_by.is_(None),
        Message.kind.in_([*SAID, DIVIDER]),
        or_(Message.kind != ASSISTANT, Turn.id.is_(None), ~Turn.retried),
    )
    .order_by(Message.sequence)
    .limit(AT_ONCE)
)


def carry_over(
    connection: Connection, old: StoredChat, chat_id: uuid.UUID, profile: ChatProfile
) -> int:
    """Copy what was said in a chat into a new one, and say so; return the last number there.

    Errors, and answers that others took the place of, stay behind. What was said is then no part
    of a turn: it cannot be stopped or tried again.

    Raises
    ------
    NotFound
        When the old chat is gone.
    StillAnsweringError
        When an answer is being written there.
    """
    refuse_busy(connection, old)
    if old.title:
        index_title(connection, old.owner, chat_id, old.title)
    last = 0
    for found in _pages(connection, old.id):
        copies = [_copy(row, last + place) for place, row in enumerate(found, start=1)]
        insert_messages(connection, chat_id, copies)
        store_entries(connection, list(_entries(old.id, chat_id, found, copies)))
        last += len(copies)
    insert_messages(connection, chat_id, [_divider(old, profile, last + 1)])
    return last + 1


def index_carried(
    connection: Connection, owner: str, chat_id: uuid.UUID, messages: Iterable[ChatMessage]
) -> None:
    """Make messages with which a chat begins findable, as those of every chat in the history."""
    said = [(m.id, m.content) for m in messages if m.kind in SAID]
    index_messages(connection, owner, chat_id, said)


def _entries(
    old_id: uuid.UUID,
    chat_id: uuid.UUID,
    found: Sequence[Row[Any]],
    copies: list[ChatMessage],
) -> Iterator[dict[str, Any]]:
    # What an entry says of its text holds for the copy; to take each text apart again would keep
    # the database busy for seconds.
    for row, copy in zip(found, copies, strict=True):
        if row.words is not None:
            words = row.words.replace(chat_word(old_id), chat_word(chat_id))
            yield {"chat_id": chat_id, "message_id": copy.id, "words": words}


def _pages(connection: Connection, chat_id: uuid.UUID) -> Iterator[Sequence[Any]]:
    after = -1
    while found := connection.execute(_CARRIED, {"of_chat": chat_id, "after": after}).all():
        yield found
        after = found[-1].sequence


def _copy(row: Row[Any], sequence: int) -> ChatMessage:
    old = message_from_row(row)
    # Nobody writes the copy of a growing message.
    status = INTERRUPTED if old.status == STREAMING else old.status
    return replace(old, id=uuid.uuid4(), status=status, turn_id=None, sequence=sequence)


def _divider(old: StoredChat, profile: ChatProfile, sequence: int) -> ChatMessage:
    # The author of such a divider is the title of the chat that it comes from: the page shows each
    # of the two names apart, so that neither can turn the words around it.
    source = f"“{old.title}”" if old.title else "an earlier chat"
    return ChatMessage(
        id=uuid.uuid4(),
        kind=DIVIDER,
        author=old.title or "",
        content=f"Continued from {source} with {label(profile)}",
        status=COMPLETE,
        created_at=utc_now(),
        profile=profile.name,
        sequence=sequence,
    )
