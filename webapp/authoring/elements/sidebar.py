"""`ElementSidebar`: a panel beside the chat that the app opens."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from webapp.authoring.awaitable_object import AwaitableObject
from webapp.authoring.chat_message import ElementData
from webapp.authoring.context import ChatContext, running_chat
from webapp.authoring.draft import MessageTarget
from webapp.authoring.elements.element import (
    ELEMENT_NAME_LIMIT,
    Element,
    check_elements,
    remove_files,
    store_elements,
)
from webapp.authoring.text import clean_text

# The chat's own value that says which panel was opened last.
SIDEBAR_KEY = "chat_profiles.sidebar"


class ElementSidebar(AwaitableObject):
    """A panel beside the chat that the app opens, and in which it shows elements.

    The chat keeps a card of each panel, so that people can open it again. After a reload the last
    one is open again, unless its user has closed it. You may await the methods or not. In an
    ``async def``, await them.

    Example
    -------
    ::

        await ElementSidebar.set_title("The contract")
        await ElementSidebar.set_elements([Text(content="..."), Pdf(path="contract.pdf")])
    """

    @staticmethod
    def set_title(title: str) -> ElementSidebar:
        """Give the panel a title of at most 200 characters.

        Raises
        ------
        MisuseError
            The call is outside a chat, or the callback has ended.
        """
        used = "ElementSidebar.set_title()"
        chat = running_chat(used)
        state = {**_state(chat), "title": clean_text(str(title))[:ELEMENT_NAME_LIMIT]}
        chat.values.set(SIDEBAR_KEY, state)
        message_id = _open_message(chat, state)
        if message_id is not None:
            _show(chat, used, message_id, state, ())
        return ElementSidebar()

    @staticmethod
    def set_elements(elements: Sequence[Element], key: str | None = None) -> ElementSidebar:
        """Open the panel with elements, in the place of those that it shows. ``[]`` closes it.

        Parameters
        ----------
        key:
            If the panel is open with the same key, it stays as it is.

        Raises
        ------
        MisuseError
            As for `set_title`, or an element has nothing to show, or a limit is exceeded.
        """
        used = "ElementSidebar.set_elements()"
        elements = check_elements("ElementSidebar", elements)
        chat, call = running_chat(used), ElementSidebar()
        state = _state(chat)
        if key is not None and elements and state.get("key") == key and state.get("message"):
            return call
        before = _open_message(chat, state)
        if not elements:
            if before is not None:
                _show(chat, used, before, state, (), closed=True)
            chat.values.set(SIDEBAR_KEY, {"title": state.get("title", "")})
            return call
        # What an earlier call has opened stays in the chat, where it can be opened again.
        is_ours = before is not None and not chat.transcript.is_earlier(before)
        message_id = before if before is not None and is_ours else uuid.uuid4()
        state = {"title": state.get("title", ""), "key": key, "message": str(message_id)}
        chat.values.set(SIDEBAR_KEY, state)

        def show() -> None:
            stored = store_elements(chat, message_id, elements)
            shown = tuple(replace(element, display="side") for element in stored)
            gone = [it for it in chat.transcript.elements_of(message_id) if it not in shown]
            _show(chat, used, message_id, state, shown)
            for element in gone:
                chat.transcript.detach(used, message_id, element.id)
                remove_files(chat, message_id, element)

        call._save_then(chat.saving, show)
        return call


def _state(chat: ChatContext) -> dict[str, Any]:
    found: dict[str, Any] = chat.values.get(SIDEBAR_KEY, {})
    return found


def _open_message(chat: ChatContext, state: dict[str, Any]) -> uuid.UUID | None:
    """Return the id of the message that stands for the panel, if it is in the chat."""
    if not state.get("message"):
        return None
    message_id = uuid.UUID(state["message"])
    if not chat.transcript.has(message_id):
        stored = chat.find_message(message_id)
        if stored is None:
            return None
        chat.transcript.adopt(stored)
    return message_id


def _show(
    chat: ChatContext,
    used: str,
    message_id: uuid.UUID,
    state: dict[str, Any],
    elements: tuple[ElementData, ...],
    *,
    closed: bool = False,
) -> None:
    target = MessageTarget(message_id, sent=chat.transcript.is_earlier(message_id))
    details = {"sidebar": {"title": state.get("title", ""), "closed": closed}}
    chat.transcript.send(used, target, "", None, elements=elements, details=details)
