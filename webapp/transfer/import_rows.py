"""Storing imported chats: all of them, in one transaction, or none."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.engine import Connection

from webapp.chats.message_rows import message_row
from webapp.chats.models import Chat, Feedback, Message
from webapp.chats.retention import expires_at
from webapp.chats.search_index import INDEXED_KINDS, index_title, message_entries, store_entries
from webapp.database.engines import write_transaction
from webapp.history.changing import count_pinned
from webapp.history.listing import PINNED_LIMIT
from webapp.profiles.offer import offered_profiles
from webapp.transfer.imported import ImportedChat

_NEW_CHATS = insert(Chat)
_NEW_MESSAGES = insert(Message)
_NEW_FEEDBACK = insert(Feedback)

Rows = list[dict[str, Any]]


def store_imported(chats: Sequence[ImportedChat], owner: str, now: datetime) -> list[uuid.UUID]:
    """Store chats as new ones of ``owner`` and return their ids, in the same order.

    All ids are fresh and the owner is who imports, whatever the file says (R20). No value of
    ``user_session`` comes along: an app believes what it finds there.
    """
    chat_rows = [_chat_row(chat, owner, now) for chat in chats]
    message_rows: Rows = []
    feedback_rows: Rows = []
    entries: Rows = []
    for chat, row in zip(chats, chat_rows, strict=True):
        said = _message_rows(chat, row["id"])
        message_rows += said
        feedback_rows += _feedback_rows(chat, said, owner)
        entries += _entries(said, row["id"], owner)
    # Nothing but storing happens in here: whoever else writes waits for the end of it.
    with write_transaction() as connection:
        _unpin_too_many(connection, owner, chat_rows)
        connection.execute(_NEW_CHATS, chat_rows)
        _store(connection, _NEW_MESSAGES, message_rows)
        _store(connection, _NEW_FEEDBACK, feedback_rows)
        _index_titles(connection, chat_rows)
        store_entries(connection, entries)
    return [row["id"] for row in chat_rows]


def _unpin_too_many(connection: Connection, owner: str, chat_rows: Rows) -> None:
    room = PINNED_LIMIT - count_pinned(connection, owner)
    for row in [row for row in chat_rows if row["pinned"]][max(room, 0) :]:
        row["pinned"] = False


def _store(connection: Connection, statement: Any, new: Rows) -> None:
    if new:
        connection.execute(statement, new)


def _entries(said: Rows, chat_id: uuid.UUID, owner: str) -> Rows:
    # What was replaced cannot be found, as in the chat that was exported.
    found = [row for row in said if row["kind"] in INDEXED_KINDS and row["replaced_by"] is None]
    return message_entries(owner, chat_id, ((row["id"], row["content"]) for row in found))


def _index_titles(connection: Connection, chat_rows: Rows) -> None:
    # Before the messages, which say more to somebody who searches, and so are to be newer.
    for chat in chat_rows:
        if chat["title"]:
            index_title(connection, chat["owner"], chat["id"], chat["title"])


def _chat_row(chat: ImportedChat, owner: str, now: datetime) -> dict[str, Any]:
    return {
        "id": uuid.uuid4(),
        "owner": owner,
        # Of no browser: what belongs to one is replaced by the next chat that starts in it.
        "session_id": None,
        "profile": chat.profile,
        # Also where its user said nothing, since only written chats stand in the history.
        "written": True,
        "values": {},
        "created_at": chat.created_at,
        "active_at": chat.active_at,
        # It did not end here, so nothing is called for its end until somebody goes on with it.
        "ended_at": now,
        "title": chat.title,
        "snapshots": chat.snapshots,
        "pinned": chat.pinned,
        "imported_at": now,
        # What it is kept for begins with the import, or it might be gone at once.
        "expires_at": expires_at(offered_profiles().find(chat.profile), now),
    }


def _message_rows(chat: ImportedChat, chat_id: uuid.UUID) -> Rows:
    # Stands for the turns that took the place of old branches: only whether there was one counts.
    replaced_by = uuid.uuid4()
    return [
        {
            **message_row(chat_id, imported.message),
            "replaced_by": replaced_by if imported.replaced else None,
        }
        for imported in chat.messages
    ]


def _feedback_rows(chat: ImportedChat, said: Rows, owner: str) -> Rows:
    return [
        {
            "message_id": row["id"],
            "chat_id": row["chat_id"],
            "owner": owner,
            "profile": imported.message.profile,
            "value": imported.rating.value,
            "comment": imported.rating.comment,
        }
        for imported, row in zip(chat.messages, said, strict=True)
        if imported.rating
    ]
