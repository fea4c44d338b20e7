"""The app of tests/apps/recorder.py, and what it has recorded."""

from __future__ import annotations

import sys
from typing import Any

from flask import Flask

from tests.support.apps import AppMaker
from tests.support.html import parse
from tests.support.people import Visitor
from webapp import ChatProfile


class Recorder:
    """An app that notes each call of its callbacks."""

    def __init__(self, make_app: AppMaker) -> None:
        self.app: Flask = make_app("recorder.py")
        self._file: Any = sys.modules["recorder"]
        self.visitor = Visitor(self.app)

    @property
    def started(self) -> list[str | None]:
        """Return the profiles that chats were started with."""
        return list(self._file.STARTED)

    @property
    def asked(self) -> list[tuple[Any, str]]:
        """Return the users and languages that the offer was asked for with."""
        return list(self._file.ASKED)

    def offer(self, *profiles: ChatProfile | str) -> None:
        """Offer these from now on."""
        self._file.OFFER[:] = [
            ChatProfile(name=p, markdown_description="") if isinstance(p, str) else p
            for p in profiles
        ]

    def chosen(self) -> str | None:
        """Return the profile that the page of a new chat has chosen."""
        marked = parse(self.visitor.get("/").text).all(role="radio", aria_checked="true")
        return marked[0]["data-profile"] if marked else None
