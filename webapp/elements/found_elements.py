"""Find an element for who asks: the owner of its chat, or a reader of the link that shares it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import request
from sqlalchemy import bindparam, exists, select
from werkzeug.exceptions import BadRequest, NotFound

from webapp.accounts.login import owner
from webapp.authoring.chat_message import ElementData
from webapp.chats.models import Chat, Message, SharedMessage
from webapp.database.engines import read_connection, release_connection
from webapp.files.models import File
from webapp.sharing.access import refuse_unless_readable
from webapp.sharing.shared_chat import FoundChat, find_shared
from webapp.site import settings

# How long to wait for a message that is about to be stored. The keeper does it every second.
STORED_SECONDS = 2.5
LOOK_AGAIN_SECONDS = 0.1

_OWN = (
    select(Message.chat_id, Message.id, Message.elements, Message.details, Chat.imported_at)
    .join(Chat, Chat.id == Message.chat_id)
    .where(Chat.owner == bindparam("owner_id"), Chat.deleted_at.is_(None))
)
_SHOWN_BY_RUNNING_TURN = select(
    exists().where(
        File.id == bindparam("element"),
        Chat.id == File.chat_id,
        Chat.owner == bindparam("owner_id"),
        Chat.deleted_at.is_(None),
        Chat.turn_id.is_not(None),
    )
)
_SHARED = select(SharedMessage.id, SharedMessage.elements, SharedMessage.details).where(
    SharedMessage.share_id == bindparam("share_id")
)
# An element without a file is found only by its message, which the addresses of its page name.
_OWN_OF_MESSAGE = _OWN.where(Message.id == bindparam("message"))
_OWN_WITH_FILE = _OWN.join(
    File, (File.chat_id == Message.chat_id) & (File.message_id == Message.id)
).where(File.id == bindparam("element"))
_SHARED_OF_MESSAGE = _SHARED.where(SharedMessage.id == bindparam("message"))
_SHARED_WITH_FILE = _SHARED.join(File, File.message_id == SharedMessage.id).where(
    File.id == bindparam("element"), File.chat_id == bindparam("chat_id")
)


@dataclass(frozen=True, kw_only=True)
class FoundElement:
    """An element, its message and chat, and the link by which it was found, if that was the way.

    Parameters
    ----------
    elements:
        All elements of its message.
    details:
        Of its message.
    is_imported:
        Whether the chat may come from anywhere.
    """

    element: ElementData
    chat_id: uuid.UUID
    message_id: uuid.UUID
    elements: tuple[ElementData, ...]
    details: dict[str, Any]
    is_imported: bool
    share: str | None = None


def find_element(element_id: uuid.UUID) -> FoundElement:
    """Return an element that who asks may see. With ``share`` in the address, by that link.

    Raises
    ------
    NotFound
        It is of somebody else, of a message that is gone, or there is none.
    """
    token, message = _only_one("share"), _only_one("message")
    values: dict[str, Any] = {"element": element_id}
    if message is not None:
        try:
            values = {"message": uuid.UUID(message)}
        except ValueError:
            raise BadRequest from None
    chat = None if token is None else _find_readable_chat(token)
    if chat is None:
        statement = _OWN_OF_MESSAGE if message else _OWN_WITH_FILE
        values["owner_id"] = owner()
    else:
        statement = _SHARED_OF_MESSAGE if message else _SHARED_WITH_FILE
        values |= {"share_id": chat.share_id} | ({} if message else {"chat_id": chat.id})
    ends = time.monotonic() + STORED_SECONDS
    while True:
        with read_connection() as connection:
            rows = connection.execute(statement, values).all()
        for row in rows:
            elements = tuple(map(ElementData.from_json, row.elements or ()))
            for element in elements:
                if element.id == element_id:
                    return FoundElement(
                        element=element,
                        chat_id=row.chat_id if chat is None else chat.id,
                        message_id=row.id,
                        elements=elements,
                        details=row.details or {},
                        is_imported=(row if chat is None else chat).imported_at is not None,
                        share=token,
                    )
        if chat is not None or not _is_about_to_be_stored(element_id, values, ends):
            raise NotFound


def _is_about_to_be_stored(element_id: uuid.UUID, values: Mapping[str, Any], ends: float) -> bool:
    """Wait a moment if an answer that is being written shows an element, and say whether it does.

    A page asks for what has just streamed into it. The message is stored up to a second later, by
    this process or by another one.
    """
    if time.monotonic() > ends:
        return False
    which = {"owner_id": values["owner_id"], "element": element_id}
    with read_connection() as connection:
        shows = connection.scalar(_SHOWN_BY_RUNNING_TURN, which)
    if not shows:
        return False
    release_connection()
    time.sleep(LOOK_AGAIN_SECONDS)
    return True


def _only_one(name: str) -> str | None:
    values = request.args.getlist(name)
    if len(values) > 1:
        raise BadRequest
    return values[0] if values else None


def _find_readable_chat(token: str) -> FoundChat:
    if not settings().sharing:
        raise NotFound
    chat = find_shared(token)
    refuse_unless_readable(chat)
    return chat
