"""The search index: the words of messages and titles.

Call it in the transaction that stores the message or the title, so that both are there or neither.
Errors and dividers have no entry. An entry is deleted with its message.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from sqlalchemy import and_, bindparam, delete, select
from sqlalchemy.engine import Connection

from webapp.authoring.chat_message import ASSISTANT, USER, ChatMessage
from webapp.chats.models import IS_TITLE, Chat, Message, SearchEntry, Turn
from webapp.chats.tokenizer import entry_words
from webapp.database.upserts import insert_or_change

INDEXED_KINDS = (USER, ASSISTANT)
# Built once: building a statement takes longer than running it.
_FIND_WRITER = select(Chat.owner).where(Chat.id == bindparam("chat_id"), Chat.written)
_LIST_BEFORE = select(Message.id, Message.content).where(
    Message.chat_id == bindparam("chat_id"),
    Message.sequence < bindparam("before"),
    Message.kind.in_(INDEXED_KINDS),
)
_LIST_OF_TURN = (
    select(Message.id, Message.content)
    .join(Turn, and_(Turn.chat_id == Message.chat_id, Turn.id == Message.turn_id))
    .where(
        Turn.id == bindparam("turn_id"),
        Message.sequence >= Turn.first_sequence,
        Message.kind == ASSISTANT,
    )
    .order_by(Message.sequence)
)
_DELETE_ENTRY = delete(SearchEntry).where(SearchEntry.message_id == bindparam("message_id"))


def index_messages(
    connection: Connection,
    owner: str,
    chat_id: uuid.UUID,
    messages: Iterable[tuple[uuid.UUID, str]],
) -> None:
    """Index messages of a chat by their current text. A message without text gets no entry.

    Parameters
    ----------
    connection:
        The transaction in which they were stored.
    messages:
        Their ids and texts, the oldest first.
    """
    store_entries(connection, message_entries(owner, chat_id, messages))


def message_entries(
    owner: str, chat_id: uuid.UUID, messages: Iterable[tuple[uuid.UUID, str]]
) -> list[dict[str, Any]]:
    """Return the entries of messages.

    For thousands of messages this takes seconds, so an import does it before its transaction.
    """
    return [_entry(owner, chat_id, message, text) for message, text in messages if text]


def store_entries(connection: Connection, entries: list[dict[str, Any]]) -> None:
    """Store entries of messages that are stored already."""
    if entries:
        connection.execute(_upsert(connection.dialect.name, is_title=False), entries)


def index_title(connection: Connection, owner: str, chat_id: uuid.UUID, title: str) -> None:
    """Index a chat by its title instead of an earlier title."""
    connection.execute(
        _upsert(connection.dialect.name, is_title=True), [_entry(owner, chat_id, None, title)]
    )


def index_first_question(
    connection: Connection, owner: str, chat_id: uuid.UUID, question: ChatMessage, title: str | None
) -> None:
    """Index a chat at the first message of its user: the title and all messages so far."""
    if title:
        # Before the messages: newer entries come first in a search, and messages say more.
        index_title(connection, owner, chat_id, title)
    wanted = {"chat_id": chat_id, "before": question.sequence}
    earlier = connection.execute(_LIST_BEFORE, wanted).all()
    index_messages(
        connection,
        owner,
        chat_id,
        [*((m.id, m.content) for m in earlier), (question.id, question.content)],
    )


def index_turn(connection: Connection, chat: Any, chat_id: uuid.UUID, turn_id: uuid.UUID) -> None:
    """Index the messages of the app in a turn that has ended.

    Parameters
    ----------
    chat:
        A row with its owner, and whether the user has written in it: if not, it is not in the
        history. None if the chat is gone.
    """
    if chat is not None and chat.written:
        messages = connection.execute(_LIST_OF_TURN, {"turn_id": turn_id}).all()
        index_messages(connection, chat.owner, chat_id, [(m.id, m.content) for m in messages])


def reindex_messages(
    connection: Connection, chat_id: uuid.UUID, messages: list[tuple[uuid.UUID, str]]
) -> None:
    """Index changed messages by their current text, if the user has written in their chat."""
    owner = connection.scalar(_FIND_WRITER, {"chat_id": chat_id})
    if owner is not None:
        index_messages(connection, owner, chat_id, messages)
        unindex_messages(connection, [message for message, text in messages if not text])


def unindex_messages(connection: Connection, messages: Iterable[uuid.UUID]) -> None:
    """Delete the entries of messages."""
    which = [{"message_id": message} for message in messages]
    if which:
        connection.execute(_DELETE_ENTRY, which)


def _entry(
    owner: str, chat_id: uuid.UUID, message_id: uuid.UUID | None, text: str
) -> dict[str, Any]:
    words = entry_words(owner, chat_id, text)
    return {"chat_id": chat_id, "message_id": message_id, "words": words}


@lru_cache(maxsize=4)
def _upsert(dialect: str, *, is_title: bool) -> Any:
    statement = insert_or_change(dialect, SearchEntry)
    changed = {"words": statement.excluded["words"]}
    if is_title:
        return statement.on_conflict_do_update(
            index_elements=["chat_id"], index_where=IS_TITLE, set_=changed
        )
    return statement.on_conflict_do_update(index_elements=["message_id"], set_=changed)
