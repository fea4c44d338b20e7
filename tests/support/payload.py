"""The app of tests/apps/payload.py: one text, everywhere it can stand."""

from __future__ import annotations

import sys
from typing import Any

from tests.support.apps import AppMaker
from tests.support.html import Element, parse
from tests.support.people import Visitor


class Stage:
    """Shows a text in one place of the page, as full page and as what htmx gets."""

    def __init__(self, make_app: AppMaker) -> None:
        self._app = make_app("payload.py")
        self._file: Any = sys.modules["payload"]
        self._visitor = Visitor(self._app)

    def show(self, **put: str) -> list[Element]:
        """Return the start page, the chat as page, and the chat as fragment."""
        self._file.PUT.clear()
        self._file.PUT.update(put)
        self._visitor.logged_in("anybody", "x")
        # The option's own value: what a browser sends is what the page holds.
        start = parse(self._visitor.get("/").text)
        profile = start.all(data_testid="profile-option")[0]["value"]
        fragment = parse(self._visitor.post("/chats", {"profile": profile}, htmx=True).text)
        chat_id = fragment.one(data_testid="chat")["data-chat-id"]
        return [start, parse(self._visitor.get(f"/chats/{chat_id}").text), fragment]
