"""The search index: the words of messages and titles.

A message is stored first and indexed later, with others: one by one, that costs as much as storing
it. `chats.unindexed_from` says from which message on a chat is still to be indexed. Whoever adds
messages sets it in the same transaction, so a process that dies forgets nothing. `index_pending`
follows once a minute, and before its owner searches.

What changes in an indexed message or title is indexed in the transaction that changes it. Errors
and dividers have no entry. An entry is deleted with its message.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from functools import lru_cache
from itertools import accumulate
from typing import Any

from sqlalchemy import bindparam, case, delete, func, null, or_, select, update
from sqlalchemy.engine import Connection

from webapp.authoring.chat_message import ASSISTANT, USER
from webapp.chats.locking import RUNNING_IN_CHATS, lock_running_turns
from webapp.chats.models import IS_TITLE, Chat, Message, SearchEntry, Turn
from webapp.chats.tokenizer import entry_words
from webapp.database.engines import read_connection, write_transaction
from webapp.database.upserts import insert_of

INDEXED_KINDS = (USER, ASSISTANT)
# A chat in which its user has not written has no entries: it is not in the history.
FROM_BEGINNING = 0
_NEXT_SEQUENCE = (
    select(func.coalesce(func.max(Message.sequence), 0) + 1)
    .where(Message.chat_id == Chat.id)
    .scalar_subquery()
)
_FROM_NEXT = func.coalesce(Chat.unindexed_from, _NEXT_SEQUENCE)
# What `chats.unindexed_from` becomes when a user writes, and when the app alone says something.
UNINDEXED_FROM_QUESTION = case((Chat.written, _FROM_NEXT), else_=FROM_BEGINNING)
UNINDEXED_IF_WRITTEN = case((Chat.written, _FROM_NEXT), else_=null())

# On SQLite, indexing blocks all other writers. So it takes a few chats and messages at a time, and
# fewer if they are long.
CHATS_AT_ONCE = 100
MESSAGES_AT_ONCE = 200
CHARACTERS_AT_ONCE = 200_000
# How many such steps one run makes, and how many a search waits for. The rest, such as all messages
# after an upgrade, follows behind.
MOST_STEPS = 500
STEPS_OF_SEARCH = 10
# Built once: building a statement takes longer than running it.
# What a running turn says is not indexed before it ends, since it may still change.
_RUNNING_FROM = select(Turn.first_sequence).where(Turn.id == Chat.turn_id).scalar_subquery()
_LIST_PENDING = (
    select(Chat.id, Chat.turn_id)
    .where(
        Chat.unindexed_from.is_not(None),
        Chat.deleted_at.is_(None),
        or_(Chat.turn_id.is_(None), Chat.unindexed_from < _RUNNING_FROM),
    )
    .order_by(Chat.active_at)
    .limit(CHATS_AT_ONCE)
)
_LIST_PENDING_OF_OWNER = _LIST_PENDING.where(Chat.owner == bindparam("owner_id"))
_LOCK_PENDING = (
    select(
        Chat.id,
        Chat.owner,
        Chat.title,
        Chat.unindexed_from,
        _RUNNING_FROM.label("running_from"),
    )
    .where(
        Chat.id.in_(bindparam("chats", expanding=True)),
        or_(Chat.turn_id.is_(None), Chat.turn_id.in_(bindparam("turns", expanding=True))),
        Chat.unindexed_from.is_not(None),
        Chat.deleted_at.is_(None),
    )
    .order_by(Chat.id)
    # Who waits for a chat while holding turns could wait for ever. A chat that is left out, since
    # it is being changed at this moment, stays pending.
    .with_for_update(of=Chat, skip_locked=True)
)
_LIST_MESSAGES = (
    select(Message.chat_id, Message.id, Message.sequence, Message.content)
    .join(Chat, Chat.id == Message.chat_id)
    .where(
        Chat.id.in_(bindparam("chats", expanding=True)),
        Message.sequence >= Chat.unindexed_from,
        or_(Chat.turn_id.is_(None), Message.sequence < _RUNNING_FROM),
        Message.kind.in_(INDEXED_KINDS),
        Message.content != "",
        Message.replaced_by.is_(None),
    )
    .order_by(Chat.active_at, Chat.id, Message.sequence)
    .limit(MESSAGES_AT_ONCE)
)
_UPDATE_PENDING = (
    update(Chat).where(Chat.id == bindparam("chat")).values(unindexed_from=bindparam("place"))
)
_FIND_WRITER = select(Chat.owner).where(Chat.id == bindparam("chat_id"), Chat.written)
_DELETE_ENTRY = delete(SearchEntry).where(SearchEntry.message_id == bindparam("message_id"))


def index_pending(owner: str | None = None, most_steps: int = MOST_STEPS) -> int:
    """Index what is not indexed yet, of one owner or of all; return how many chats that took."""
    which = {} if owner is None else {"owner_id": owner}
    pending = _LIST_PENDING if owner is None else _LIST_PENDING_OF_OWNER
    indexed = 0
    for _ in range(most_steps):
        with read_connection() as connection:
            found = connection.execute(pending, which).all()
        if not found:
            break
        with write_transaction() as connection:
            done = _index_some(connection, found)
        if not done:
            break
        indexed += done
    return indexed


def _index_some(connection: Connection, pending: Iterable[Any]) -> int:
    """Index messages of a few chats; return how many chats. What does not fit stays pending."""
    turns = [chat.turn_id for chat in pending if chat.turn_id is not None]
    if turns:
        lock_running_turns(connection, RUNNING_IN_CHATS.where(Turn.id.in_(turns)))
    which = {"chats": [chat.id for chat in pending], "turns": turns}
    chats = {chat.id: chat for chat in connection.execute(_LOCK_PENDING, which)}
    if not chats:
        return 0
    found = connection.execute(_LIST_MESSAGES, {"chats": list(chats)}).all()
    lengths = accumulate(len(message.content) for message in found)
    # At least one, however long it is.
    messages = found[: max(1, sum(length <= CHARACTERS_AT_ONCE for length in lengths))]

    go_on_from = {chat.id: chat.running_from for chat in chats.values()}
    if len(messages) < len(found) or len(found) == MESSAGES_AT_ONCE:
        seen = {message.chat_id for message in messages}
        go_on_from = {chat_id: place for chat_id, place in go_on_from.items() if chat_id in seen}
        go_on_from[messages[-1].chat_id] = messages[-1].sequence + 1
    for chat_id in go_on_from:
        chat = chats[chat_id]
        # Before the messages: newer entries come first in a search, and messages say more.
        if chat.title and chat.unindexed_from == FROM_BEGINNING:
            index_title(connection, chat.owner, chat_id, chat.title)
    said = ((chats[m.chat_id].owner, m.chat_id, m.id, m.content) for m in messages)
    store_entries(connection, [_entry(*message) for message in said])
    places = [{"chat": chat_id, "place": place} for chat_id, place in go_on_from.items()]
    connection.execute(_UPDATE_PENDING, places)
    return len(places)


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
    statement = insert_of(dialect, SearchEntry)
    changed = {"words": statement.excluded["words"]}
    if is_title:
        return statement.on_conflict_do_update(
            index_elements=["chat_id"], index_where=IS_TITLE, set_=changed
        )
    return statement.on_conflict_do_update(index_elements=["message_id"], set_=changed)
