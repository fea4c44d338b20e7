"""Store imported chats in one transaction: all of them, or none."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlalchemy.engine import Connection

from webapp.authoring.chat_message import StoredFile
from webapp.chats.locking import serialize_user_turns
from webapp.chats.message_rows import message_row
from webapp.chats.models import Chat, Feedback, Message
from webapp.chats.retention import expires_at
from webapp.chats.search_index import INDEXED_KINDS, index_title, message_entries, store_entries
from webapp.database.engines import write_transaction
from webapp.history.changing import count_pinned
from webapp.history.listing import PINNED_LIMIT
from webapp.profiles.offer import offered_profiles
from webapp.site import settings
from webapp.transfer.import_data import ImportedChat
from webapp.transfer.import_files import NO_FILES, UnpackedFiles
from webapp.transfer.import_limits import refuse_too_many

_NEW_CHATS = insert(Chat)
_NEW_MESSAGES = insert(Message)
_NEW_FEEDBACK = insert(Feedback)

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class NewRows:
    """The rows of imported chats, ready before the transaction that all other writers wait for."""

    chats: Rows
    messages: Rows
    feedback: Rows
    entries: Rows


def store_chats(
    chats: Sequence[ImportedChat], owner: str, now: datetime, files: UnpackedFiles = NO_FILES
) -> list[uuid.UUID]:
    """Store chats as new ones of ``owner`` and return their ids, in the same order.

    Whatever the file says, all ids are new and ``owner`` owns the chats. No value of
    ``user_session`` is imported, since an app trusts those values.

    Parameters
    ----------
    files:
        Those that the chats show.

    Raises
    ------
    TooManyImportsError
        This user has imported too often in the last hour.
    """
    named = {uuid.uuid4(): chat for chat in chats}
    rows = make_rows(named, owner, now, files.stored)
    for row in rows.chats:
        # Retention begins with the import. Otherwise an old chat might expire at once.
        row["expires_at"] = expires_at(offered_profiles().find(row["profile"]), now)
    shown = [
        (chat_id, message.message.id, file)
        for chat_id, chat in named.items()
        for message in chat.messages
        for element in message.elements
        for file in element.files
    ]
    with write_transaction() as connection:
        serialize_user_turns(connection, owner)
        # Once more: another process may have stored an import meanwhile.
        refuse_too_many(connection, settings(), owner, now)
        free_pins = PINNED_LIMIT - count_pinned(connection, owner)
        for row in [row for row in rows.chats if row["pinned"]][max(free_pins, 0) :]:
            row["pinned"] = False
        if shown:
            files.insert(connection, shown, owner, now)
        insert_rows(connection, rows, owner)
    return list(named)


def make_rows(
    chats: Mapping[uuid.UUID, ImportedChat],
    owner: str,
    now: datetime,
    stored: Mapping[str, StoredFile] = NO_FILES.stored,
) -> NewRows:
    """Return the rows of chats, by the ids that they get.

    Parameters
    ----------
    stored:
        The files in the store that messages of a zip show, by their paths.
    """
    rows = NewRows([], [], [], [])
    for chat_id, chat in chats.items():
        rows.chats.append(_chat_row(chat_id, chat, owner, now))
        # Stands for the turns that replaced messages. Only whether there was one matters.
        replaced_by = uuid.uuid4()
        messages = [
            {
                **message_row(chat_id, imported.with_files(stored)),
                "replaced_by": replaced_by if imported.replaced else None,
            }
            for imported in chat.messages
        ]
        rows.messages.extend(messages)
        rows.feedback.extend(
            {
                "message_id": row["id"],
                "chat_id": row["chat_id"],
                "owner": owner,
                "profile": imported.message.profile,
                "value": imported.rating.value,
                "comment": imported.rating.comment,
            }
            for imported, row in zip(chat.messages, messages, strict=True)
            if imported.rating
        )
        # As in the chat that was exported, a replaced message cannot be found.
        contents = [
            (row["id"], row["content"])
            for row in messages
            if row["kind"] in INDEXED_KINDS and row["replaced_by"] is None
        ]
        rows.entries.extend(message_entries(owner, chat_id, contents))
    return rows


def insert_rows(connection: Connection, rows: NewRows, owner: str) -> None:
    """Insert the rows of chats, in the caller's transaction."""
    _store(connection, _NEW_CHATS, rows.chats)
    _store(connection, _NEW_MESSAGES, rows.messages)
    _store(connection, _NEW_FEEDBACK, rows.feedback)
    # Titles before messages: a search shows the newer entry, and messages tell more.
    for row in rows.chats:
        if row["title"]:
            index_title(connection, owner, row["id"], row["title"])
    store_entries(connection, rows.entries)


def _store(connection: Connection, statement: Any, new: Rows) -> None:
    if new:
        connection.execute(statement, new)


def _chat_row(chat_id: uuid.UUID, chat: ImportedChat, owner: str, now: datetime) -> dict[str, Any]:
    return {
        "id": chat_id,
        "owner": owner,
        # No session: the next chat that starts in a session replaces the one before.
        "session_id": None,
        "profile": chat.profile,
        # Even without a message of the user, since the history lists only written chats.
        "written": True,
        "values": dict(chat.values),
        "created_at": chat.created_at,
        "active_at": chat.active_at,
        # It has ended, so no callback for its end is called until somebody resumes it.
        "ended_at": now,
        "title": chat.title,
        "snapshots": chat.snapshots,
        "pinned": chat.pinned,
        "imported_at": now,
        "expires_at": None,
    }
