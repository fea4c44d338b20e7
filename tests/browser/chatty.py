"""The app of tests/apps/chatty.py, served, and told what to answer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Protocol

from flask import Flask

from tests.browser.site import Site
from tests.support.apps import AppMaker
from webapp import ChatProfile


class ChattyMaker(Protocol):
    """Serves the app with settings, given by name."""

    def __call__(self, **settings: Any) -> Chatty: ...


class Chatty:
    """A site whose answers a test dictates."""

    def __init__(self, make_app: AppMaker, serve: Callable[[Flask], Site], **settings: Any) -> None:
        self.site = serve(make_app("chatty.py", **settings))
        self._file: Any = sys.modules["chatty"]

    @property
    def heard(self) -> list[str]:
        """Return the messages that reached the app, in order."""
        return list(self._file.HEARD)

    def dictate(self, *tokens: str) -> None:
        """Let the answer that is being written grow."""
        self._file.DICTATED.extend(tokens)

    def end(self) -> None:
        """Let the answer that is being written end."""
        self._file.DICTATED.append(None)

    def offer(self, *names: str) -> None:
        """Offer only these profiles from now on."""
        self._file.OFFER[:] = [ChatProfile(name, "") for name in names]
