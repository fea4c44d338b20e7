"""The app of tests/apps/over_time.py: what it offers, and what it has heard."""

from __future__ import annotations

import sys
from typing import Any

from flask import Flask

from tests.support.apps import APPS, AppMaker
from tests.support.chats import Chat
from tests.support.html import Element
from tests.support.people import Visitor
from webapp import ChatProfile

PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">'
    '<rect width="9" height="9" fill="#735"/><circle cx="4.5" cy="4.5" r="2" fill="#fd7"/></svg>'
)
SOURCE = (APPS / "over_time.py").read_text(encoding="utf-8")


class OverTime:
    """An app whose profiles a test withdraws and changes."""

    def __init__(self, make_app: AppMaker, *more: str, **settings: Any) -> None:
        """Load the app, with ``more`` lines at its end."""
        self.app: Flask = make_app("\n".join([SOURCE, *more, ""]), **settings)
        (make_app.folder / "public").mkdir(exist_ok=True)
        (make_app.folder / "public" / "rhyme.svg").write_text(PICTURE, encoding="utf-8")
        self._file: Any = sys.modules["app_file"]

    def person(self, name: str = "alice") -> Visitor:
        """Return somebody who is logged in."""
        return Visitor(self.app).logged_in(name)

    def chat(self, profile: str, said: str = "Good morning", name: str = "alice") -> Chat:
        """Return a chat in which something was said under a profile."""
        return Chat.of(self.person(name), profile).say(said)

    def offer(self, *profiles: ChatProfile | str) -> None:
        """Offer these from now on."""
        self._file.OFFER[:] = [
            ChatProfile(p, "", display_name=p.title()) if isinstance(p, str) else p
            for p in profiles
        ]

    def go_on(self) -> None:
        """Let what waits go on."""
        self._file.GO_ON.set()

    @property
    def heard(self) -> list[tuple[str | None, str]]:
        """Return what the callbacks were called with."""
        return list(self._file.HEARD)

    @property
    def histories(self) -> list[list[str]]:
        """Return what `chat_history` has said in each call."""
        return [[said["content"] for said in history] for history in self._file.HISTORY]

    @property
    def problems(self) -> list[str]:
        """Return what was said of calls of `switch_profile`."""
        return list(self._file.PROBLEMS)


def log_of(page: Element) -> list[str]:
    """Return what the conversation shows, line by line: dividers, and who said what."""
    [log] = page.all(data_testid="messages")
    lines = [e for e in log.walk() if e.get("data-testid") in ("message", "divider")]
    return [_line(e) for e in lines]


def _line(shown: Element) -> str:
    if shown["data-testid"] == "divider":
        return f"-- {shown.one('p').text.strip()}"
    return f"{shown['data-author']}: {shown.with_class('prose')[0].text.strip()}"
