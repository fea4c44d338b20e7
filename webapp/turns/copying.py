"""Going on with another profile in a new chat, which begins with what was said in the old one."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Row, Text, bindparam, cast, insert, or_, select
from sqlalchemy.engine import Connection

from webapp.authoring.transcript import DIVIDER
from webapp.authoring.types import ChatProfile
from webapp.chats.models import Message, SearchEntry, Turn
from webapp.chats.search_index import SAID, index_messages, index_title, store_entries
from webapp.chats.store import StoredChat
from webapp.chats.tokenizer import chat_word
from webapp.database.engines import utc_now
from webapp.engine.work import COMPLETE, INTERRUPTED
from webapp.profiles.icons import label
from webapp.turns.busy import refuse_busy

# So many messages are in memory at once, however long the chat is.
AT_ONCE = 500
_CARRIED = (
    select(
        Message.kind,
        Message.author,
        Message.content,
        Message.status,
        Message.created_at,
        Message.profile,
        Message.sequence,
        cast(SearchEntry.words, Text).label("words"),
    )
    .outerjoin(SearchEntry, SearchEntry.message_id == Message.id)
    .outerjoin(Turn, Turn.id == Message.turn_id)
    .where(
        Message.chat_id == bindparam("of_chat"),
        Message.sequence > bindparam("after"),
        Message.replaced_by.is_(None),
        Message.kind.in_([*SAID, DIVIDER]),
        or_(Message.kind != "assistant", Turn.id.is_(None), ~Turn.retried),
    )
    .order_by(Message.sequence)
    .limit(AT_ONCE)
)
_NEW_MESSAGES = insert(Message)


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
        copies = [_copied(row, chat_id, last + place) for place, row in enumerate(found, start=1)]
        connection.execute(_NEW_MESSAGES, copies)
        store_entries(connection, list(_entries(old.id, found, copies)))
        last += len(copies)
    connection.execute(_NEW_MESSAGES, [_row(chat_id, last + 1, **_divider(old, profile))])
    return last + 1


def index_carried(
    connection: Connection, owner: str, chat_id: uuid.UUID, messages: Iterable[dict[str, Any]]
) -> None:
    """Make messages with which a chat begins findable, as those of every chat in the history."""
    said = [(m["id"], m["content"]) for m in messages if m["kind"] in SAID]
    index_messages(connection, owner, chat_id, said)


def _entries(
    old_id: uuid.UUID, found: Sequence[Row[Any]], copies: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    # What an entry says of its text holds for the copy; to take each text apart again would keep
    # the database busy for seconds.
    for row, copy in zip(found, copies, strict=True):
        if row.words is not None:
            words = row.words.replace(chat_word(old_id), chat_word(copy["chat_id"]))
            yield {"chat_id": copy["chat_id"], "message_id": copy["id"], "words": words}


def _pages(connection: Connection, chat_id: uuid.UUID) -> Iterator[Sequence[Any]]:
    after = -1
    while found := connection.execute(_CARRIED, {"of_chat": chat_id, "after": after}).all():
        yield found
        after = found[-1].sequence


def _copied(row: Row[Any], chat_id: uuid.UUID, sequence: int) -> dict[str, Any]:
    left_out = ("sequence", "words")
    copy = {name: value for name, value in row._mapping.items() if name not in left_out}
    if row.status == "streaming":  # nobody writes it any more
        copy["status"] = INTERRUPTED
    return _row(chat_id, sequence, **copy)


def _divider(old: StoredChat, profile: ChatProfile) -> dict[str, Any]:
    # The author of such a divider is the title of the chat that it comes from: the page shows each
    # of the two names apart, so that neither can turn the words around it.
    source = f"“{old.title}”" if old.title else "an earlier chat"
    return {
        "kind": DIVIDER,
        "author": old.title or "",
        "content": f"Continued from {source} with {label(profile)}",
        "status": COMPLETE,
        "created_at": utc_now(),
        "profile": profile.name,
    }


def _row(chat_id: uuid.UUID, sequence: int, **columns: Any) -> dict[str, Any]:
    ids = {"id": uuid.uuid4(), "chat_id": chat_id, "turn_id": None, "replaced_by": None}
    return {**ids, "sequence": sequence, **columns}
