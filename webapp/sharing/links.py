"""The link of a chat: create it, bring it up to date, delete it."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Text, and_, bindparam, cast, delete, exists, func, insert, or_, select
from sqlalchemy.engine import Connection
from werkzeug.exceptions import NotFound

from webapp.chats.models import Chat, Message, Share, SharedMessage
from webapp.chats.store import StoredChat
from webapp.database.engines import read_connection, utc_now, write_transaction
from webapp.files.collecting import collect_contents, delete_rows
from webapp.files.contents import FilesUnavailableError
from webapp.files.models import File
from webapp.sharing.copies import copy_chat
from webapp.web.refusals import Refusal

TOKEN_BYTES = 32

_VISIBLE = (Message.chat_id == bindparam("chat_id"), Message.replaced_by.is_(None))
_FIND_LINK = select(
    Share.id, Share.token, Share.created_at, Share.last_sequence, Share.title, Share.snapshots
).where(Share.chat_id == bindparam("chat_id"))
_COUNT_NEWER = (
    select(func.count()).select_from(Message).where(*_VISIBLE, Message.sequence > bindparam("last"))
)
# A shared message that is not as it was: it has grown, was updated, replaced or removed.
_COUNT_CHANGED = (
    select(func.count())
    .select_from(SharedMessage)
    .outerjoin(
        Message,
        and_(
            Message.chat_id == bindparam("chat_id"),
            Message.sequence == SharedMessage.sequence,
            Message.id == SharedMessage.id,
            Message.replaced_by.is_(None),
        ),
    )
    .where(
        SharedMessage.share_id == bindparam("share_id"),
        or_(
            Message.id.is_(None),
            Message.content != SharedMessage.content,
            Message.status != SharedMessage.status,
            Message.author.is_distinct_from(SharedMessage.author),
            Message.profile.is_distinct_from(SharedMessage.profile),
            # PostgreSQL compares no JSON.
            cast(Message.elements, Text).is_distinct_from(cast(SharedMessage.elements, Text)),
            cast(Message.details, Text).is_distinct_from(cast(SharedMessage.details, Text)),
        ),
    )
)
_FIND_NEWEST = select(func.max(Message.sequence)).where(*_VISIBLE)
# On PostgreSQL the lock lets two who share a chat at once take turns. SQLite lets writers queue.
_LOCK_CHAT = (
    select(Chat.id)
    .where(
        Chat.id == bindparam("chat_id"),
        Chat.owner == bindparam("owner"),
        Chat.deleted_at.is_(None),
    )
    .with_for_update()
)
_INSERT_LINK = insert(Share)
_DELETE_LINK = delete(Share).where(Share.chat_id == bindparam("chat_id"))
_OF_LINK = select(SharedMessage.id).join(Share, Share.id == SharedMessage.share_id)
_FIND_GONE = _OF_LINK.where(
    Share.chat_id == bindparam("chat_id"), ~exists().where(Message.id == SharedMessage.id)
)


@dataclass(frozen=True, kw_only=True)
class ShareLink:
    """The token of a shared chat, how many newer messages there are, and what else has changed."""

    token: str
    created_at: datetime
    newer: int
    is_outdated: bool


class NothingToShareError(Refusal):
    """A chat without messages."""

    code = 409
    title = "Not shared"
    message = "This chat is empty."
    advice = "Write a message in it first."


def find_link(chat: StoredChat) -> ShareLink | None:
    """Return the link of a chat, or ``None`` if the chat is not shared."""
    with read_connection() as connection:
        found = connection.execute(_FIND_LINK, {"chat_id": chat.id}).first()
        if found is None:
            return None
        which = {"chat_id": chat.id, "last": found.last_sequence, "share_id": found.id}
        newer = connection.execute(_COUNT_NEWER, which).scalar_one()
        is_outdated = (
            newer > 0
            or found.title != chat.title
            or found.snapshots is None
            or any(chat.snapshots.get(name, {}) != look for name, look in found.snapshots.items())
            or connection.execute(_COUNT_CHANGED, which).scalar_one() > 0
        )
        return ShareLink(
            token=found.token, created_at=found.created_at, newer=newer, is_outdated=is_outdated
        )


def share(chat: StoredChat) -> None:
    """Share a chat as it is now. If the chat has a link already, the link stays the same.

    Raises
    ------
    NothingToShareError
        The chat has no messages.
    NotFound
        The chat was deleted in the meantime.
    """
    with write_transaction() as connection:
        locked = connection.execute(_LOCK_CHAT, {"chat_id": chat.id, "owner": chat.owner}).first()
        if locked is None:
            raise NotFound
        newest = connection.execute(_FIND_NEWEST, {"chat_id": chat.id}).scalar_one()
        if newest is None:
            raise NothingToShareError

        link = connection.execute(_FIND_LINK, {"chat_id": chat.id}).first()
        share_id = uuid.uuid4() if link is None else link.id
        if link is None:
            new = {
                "id": share_id,
                "chat_id": chat.id,
                "token": secrets.token_urlsafe(TOKEN_BYTES),
                "last_sequence": newest,
                "created_at": utc_now(),
            }
            connection.execute(_INSERT_LINK, new)
        gone = _find_removed_messages(connection, chat.id)
        copy_chat(connection, share_id, chat.id, newest)
        contents = _delete_files(connection, chat.id, gone)
    _collect(contents)


def unshare(chat: StoredChat) -> bool:
    """Delete the link of a chat for good, and return whether there was one."""
    with write_transaction() as connection:
        gone = _find_removed_messages(connection, chat.id)
        was_shared = connection.execute(_DELETE_LINK, {"chat_id": chat.id}).rowcount > 0
        contents = _delete_files(connection, chat.id, gone)
    _collect(contents)
    return was_shared


def _find_removed_messages(connection: Connection, chat_id: uuid.UUID) -> list[uuid.UUID]:
    """Return the ids of messages that the link of a chat shows, and the chat does not any more."""
    return list(connection.scalars(_FIND_GONE, {"chat_id": chat_id}))


def _delete_files(
    connection: Connection, chat_id: uuid.UUID, messages: Sequence[uuid.UUID]
) -> set[str]:
    """Delete the files that only a link has shown, and return their contents."""
    if not messages:
        return set()
    return delete_rows(connection, (File.chat_id == chat_id) & File.message_id.in_(messages))


def _collect(contents: set[str]) -> None:
    # A store that does not answer is no reason to keep a link. The next purge finds the contents.
    with suppress(FilesUnavailableError):
        collect_contents(contents)
