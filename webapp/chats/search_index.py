"""What can be found by searching: the words of messages and titles, stored with what they are of.

Called in the transaction that stores the message or the title, so both are there or neither is.
Errors and dividers are nothing that was said, and have no entry. An entry goes with its message.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from sqlalchemy import and_, bindparam, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from webapp.authoring.chat_message import ASSISTANT, USER, ChatMessage
from webapp.chats.models import IS_TITLE, Chat, Message, SearchEntry, Turn
from webapp.chats.tokenizer import entry_words

SAID = (USER, ASSISTANT)
# Built once: building a statement takes longer than running it.
_WRITTEN_BY = select(Chat.owner).where(Chat.id == bindparam("of_chat"), Chat.written)
_SAID_BEFORE = select(Message.id, Message.content).where(
    Message.chat_id == bindparam("of_chat"),
    Message.sequence < bindparam("before"),
    Message.kind.in_(SAID),
)
_SAID_IN_TURN = (
    select(Message.id, Message.content)
    .join(Turn, and_(Turn.chat_id == Message.chat_id, Turn.id == Message.turn_id))
    .where(
        Turn.id == bindparam("of_turn"),
        Message.sequence >= Turn.first_sequence,
        Message.kind == ASSISTANT,
    )
    .order_by(Message.sequence)
)
_FORGOTTEN = delete(SearchEntry).where(SearchEntry.message_id == bindparam("of_message"))


def index_messages(
    connection: Connection,
    owner: str,
    chat_id: uuid.UUID,
    messages: Iterable[tuple[uuid.UUID, str]],
) -> None:
    """Make messages of a chat findable, by what they say now; those that say nothing are not.

    Parameters
    ----------
    rows:
        The transaction in which they are stored, after they were.
    messages:
        Their ids and texts, the oldest first.
    """
    store_entries(connection, message_entries(owner, chat_id, messages))


def message_entries(
    owner: str, chat_id: uuid.UUID, messages: Iterable[tuple[uuid.UUID, str]]
) -> list[dict[str, Any]]:
    """Return the entries of messages: finding the words of thousands takes seconds, and whoever
    stores so many does that before the transaction."""
    return [_entry(owner, chat_id, message, text) for message, text in messages if text]


def store_entries(connection: Connection, entries: list[dict[str, Any]]) -> None:
    """Store entries of messages, after the messages."""
    if entries:
        connection.execute(_upsert(connection.dialect.name, is_title=False), entries)


def index_title(connection: Connection, owner: str, chat_id: uuid.UUID, title: str) -> None:
    """Make a chat findable by its title, and not by the one it had before."""
    connection.execute(
        _upsert(connection.dialect.name, is_title=True), [_entry(owner, chat_id, None, title)]
    )


def index_first_question(
    connection: Connection, owner: str, chat_id: uuid.UUID, question: ChatMessage, title: str | None
) -> None:
    """Make a chat findable when its user first says something: its title, and all that was said."""
    if title:
        # Before the messages, which are newer then and say more to somebody who searches.
        index_title(connection, owner, chat_id, title)
    said = connection.execute(_SAID_BEFORE, {"of_chat": chat_id, "before": question.sequence}).all()
    index_messages(
        connection,
        owner,
        chat_id,
        [*((m.id, m.content) for m in said), (question.id, question.content)],
    )


def index_turn(connection: Connection, chat: Any, chat_id: uuid.UUID, turn_id: uuid.UUID) -> None:
    """Make what the app has said in a turn findable, when the turn is over.

    Parameters
    ----------
    chat:
        A row with its owner, and whether it is written: nobody looks for a chat that is not. None
        when it is gone.
    """
    if chat is not None and chat.written:
        said = connection.execute(_SAID_IN_TURN, {"of_turn": turn_id}).all()
        index_messages(connection, chat.owner, chat_id, [(m.id, m.content) for m in said])


def reindex_messages(
    connection: Connection, chat_id: uuid.UUID, messages: list[tuple[uuid.UUID, str]]
) -> None:
    """Make messages findable by what they say now, if their chat is one that can be found."""
    owner = connection.scalar(_WRITTEN_BY, {"of_chat": chat_id})
    if owner is not None:
        index_messages(connection, owner, chat_id, messages)
        unindex_messages(connection, [message for message, text in messages if not text])


def unindex_messages(connection: Connection, messages: Iterable[uuid.UUID]) -> None:
    """Let nobody find these messages any more."""
    which = [{"of_message": message} for message in messages]
    if which:
        connection.execute(_FORGOTTEN, which)


def _entry(
    owner: str, chat_id: uuid.UUID, message_id: uuid.UUID | None, text: str
) -> dict[str, Any]:
    words = entry_words(owner, chat_id, text)
    return {"chat_id": chat_id, "message_id": message_id, "words": words}


@lru_cache(maxsize=4)
def _upsert(dialect: str, *, is_title: bool) -> Any:
    statement = (sqlite if dialect == "sqlite" else postgresql).insert(SearchEntry)
    changed = {"words": statement.excluded["words"]}
    if is_title:
        return statement.on_conflict_do_update(
            index_elements=["chat_id"], index_where=IS_TITLE, set_=changed
        )
    return statement.on_conflict_do_update(index_elements=["message_id"], set_=changed)
