"""Find an element for who asks: the owner of its chat, or a reader of the link that shares it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from flask import request
from sqlalchemy import bindparam, select
from werkzeug.exceptions import BadRequest, NotFound

from webapp.accounts.login import owner
from webapp.authoring.chat_message import ElementData
from webapp.chats.models import Chat, Message, SharedMessage
from webapp.database.engines import read_connection
from webapp.files.models import File
from webapp.sharing.access import refuse_unless_readable
from webapp.sharing.shared_chat import FoundChat, find_shared
from webapp.site import settings

_FIND_OWN = (
    select(File.chat_id, Message.elements)
    .join(Message, (Message.chat_id == File.chat_id) & (Message.id == File.message_id))
    .join(Chat, Chat.id == File.chat_id)
    .where(
        File.id == bindparam("element"),
        Chat.owner == bindparam("owner_id"),
        Chat.deleted_at.is_(None),
    )
)
_FIND_SHARED = (
    select(File.chat_id, SharedMessage.elements)
    .join(SharedMessage, SharedMessage.id == File.message_id)
    .where(
        File.id == bindparam("element"),
        File.chat_id == bindparam("chat_id"),
        SharedMessage.share_id == bindparam("share_id"),
    )
)


@dataclass(frozen=True, kw_only=True)
class FoundElement:
    """An element, its chat, and the link by which it was found, if that was the way."""

    element: ElementData
    chat_id: uuid.UUID
    share: str | None = None


def find_element(element_id: uuid.UUID) -> FoundElement:
    """Return an element that who asks may see. With ``share`` in the address, by that link.

    Raises
    ------
    NotFound
        It is of somebody else, of a message that is gone, or there is none.
    """
    tokens = request.args.getlist("share")
    if len(tokens) > 1:
        raise BadRequest
    chat = _find_readable_chat(tokens[0]) if tokens else None
    statement, values = _FIND_OWN, {"element": element_id, "owner_id": owner()}
    if chat is not None:
        statement = _FIND_SHARED
        values = {"element": element_id, "chat_id": chat.id, "share_id": chat.share_id}
    with read_connection() as connection:
        rows = connection.execute(statement, values).all()
    for row in rows:
        for data in row.elements or ():
            if data["id"] == str(element_id):
                return FoundElement(
                    element=ElementData.from_json(data),
                    chat_id=row.chat_id,
                    share=chat.token if chat else None,
                )
    raise NotFound


def _find_readable_chat(token: str) -> FoundChat:
    if not settings().sharing:
        raise NotFound
    chat = find_shared(token)
    refuse_unless_readable(chat)
    return chat
