"""Fetch a file for somebody who may see its chat."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import request
from sqlalchemy import bindparam, select
from werkzeug.exceptions import NotFound

from webapp.accounts.login import owner
from webapp.chats.models import Chat, SharedMessage
from webapp.database.engines import read_connection
from webapp.files.models import File
from webapp.pages.participants import VERSION_LENGTH
from webapp.sharing.access import refuse_unless_readable
from webapp.sharing.shared_chat import find_shared
from webapp.site import settings
from webapp.web.log import log_event

# In an address that always has the same content.
_VERSION = re.compile(f"[0-9a-f]{{{VERSION_LENGTH}}}", re.ASCII)
_COLUMNS = (File.sha256, File.name, File.mime, File.size)
# An element that was updated has several contents. The newest one comes first.
_MINE = (
    select(*_COLUMNS)
    .join(Chat, Chat.id == File.chat_id)
    .where(
        File.id == bindparam("file_id"),
        Chat.owner == bindparam("owner_id"),
        Chat.deleted_at.is_(None),
    )
    .order_by(File.created_at.desc())
)
_SHARED = (
    select(*_COLUMNS, SharedMessage.elements)
    .join(SharedMessage, SharedMessage.id == File.message_id)
    .where(
        File.id == bindparam("file_id"),
        File.chat_id == bindparam("chat_id"),
        SharedMessage.share_id == bindparam("share_id"),
    )
    .order_by(File.created_at.desc())
)


@dataclass(frozen=True, kw_only=True)
class FoundFile:
    """A file that this reader may have.

    Parameters
    ----------
    is_fixed:
        Whether the address names the content, so that it never has another one.
    """

    sha256: str
    name: str
    mime: str
    size: int
    is_fixed: bool


def find_file(file_id: uuid.UUID) -> FoundFile:
    """Return a file of a chat of this user, or of the chat whose link the request has.

    Raises
    ------
    NotFound
        There is none, or this user may not see it: both look the same.
    CallbackError
        The app's `@on_shared_chat_view` failed.
    """
    token, version = request.args.get("share"), request.args.get("v", "")
    if token is None:
        with read_connection() as connection:
            rows = connection.execute(_MINE, {"file_id": file_id, "owner_id": owner()}).all()
    else:
        rows = _find_shared(file_id, token)
    is_fixed = _VERSION.fullmatch(version) is not None
    for row in rows:
        if not is_fixed or row.sha256.startswith(version):
            return FoundFile(
                sha256=row.sha256,
                name=row.name,
                mime=row.mime,
                size=row.size,
                is_fixed=is_fixed,
            )
    log_event("file.not_found", level=logging.INFO, owner=owner(), file=file_id)
    raise NotFound


def _find_shared(file_id: uuid.UUID, token: str) -> Sequence[Any]:
    if not settings().sharing:
        raise NotFound
    chat = find_shared(token)
    refuse_unless_readable(chat)
    which = {"file_id": file_id, "chat_id": chat.id, "share_id": chat.share_id}
    with read_connection() as connection:
        rows = connection.execute(_SHARED, which).all()
    return [row for row in rows if _is_shown(row.elements, file_id, row.sha256)]


def _is_shown(elements: list[dict[str, Any]] | None, file_id: uuid.UUID, sha256: str) -> bool:
    """Return whether elements had this content of a file when they were shared."""
    for element in elements or ():
        if element["id"] == str(file_id):
            return bool((element.get("file") or {}).get("sha256") == sha256)
        # The second file of an element, such as its picture for dark pages.
        if str(file_id) in str(element.get("details")):
            return True
    return False
