"""Talking with an app: saying something, waiting for the answer, reading it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from flask import Flask

from tests.support.conversation import wait_until
from tests.support.html import Element, parse
from tests.support.people import Visitor
from webapp.engine.keeper import TrackedTurn
from webapp.testing import ChatTester

ANSWER_SECONDS = 60.0
# Makes a tester of the text of an app file.
Talk = Callable[..., ChatTester]
# For how long to look whether anything runs at all before asking the page, which costs more.
QUIET_SECONDS = 0.2


class Chat:
    """One chat of somebody with a browser of their own, without JavaScript."""

    def __init__(self, app: Flask, profile: str | None = None) -> None:
        self.visitor = Visitor(app)
        self.address = self.visitor.start_chat(profile)

    @classmethod
    def of(cls, visitor: Visitor, profile: str | None = None) -> Chat:
        """Return a new chat of somebody who is there already."""
        chat = cls.__new__(cls)
        chat.visitor, chat.address = visitor, visitor.start_chat(profile)
        return chat

    @classmethod
    def at(cls, visitor: Visitor, address: str) -> Chat:
        """Return a chat that somebody has already."""
        chat = cls.__new__(cls)
        chat.visitor, chat.address = visitor, address
        return chat

    def say(self, content: str, key: str | None = None) -> Chat:
        """Write something and wait until the answer has ended."""
        self.begin(content, key)
        return self.until_answered()

    def begin(self, content: str, key: str | None = None) -> None:
        """Write something, as the page does without JavaScript."""
        form = {"content": content, "key": key or str(uuid.uuid4())}
        posted = self.visitor.post(f"{self.address}/messages", form)
        assert posted.status_code == 303, posted.text

    def stop(self) -> None:
        """Press Stop."""
        answer = self.visitor.post(f"{self.address}/stop")
        assert answer.status_code == 303, answer.text

    def until_answered(self) -> Chat:
        """Wait until nothing is being written any more."""
        keeper = self.visitor.app.extensions["conversation"].keeper
        ends = time.monotonic() + QUIET_SECONDS
        while keeper.count and time.monotonic() < ends:
            time.sleep(0.002)
        self.until(lambda: not self.is_answering())
        return self

    def until(self, came: Callable[[], bool]) -> None:
        """Look at the page again and again until something has come."""
        ends = time.monotonic() + ANSWER_SECONDS
        while not came():
            assert time.monotonic() < ends, self.page().text
            time.sleep(0.05)

    def is_answering(self) -> bool:
        """Say whether an answer is being written."""
        page = self.page()
        return bool(page.all(data_status="streaming") or page.all(data_testid="stop"))

    def page(self) -> Element:
        """Open the page of the chat."""
        return parse(self.visitor.get(self.address).text)

    def messages(self, kind: str = "assistant") -> list[str]:
        """Return what was said by one side, as it is read."""
        shown = self.page().all(data_testid="message", data_kind=kind)
        return [message.with_class("prose")[0].text.strip() for message in shown]


def silence_turns(app: Flask) -> dict[uuid.UUID, TrackedTurn]:
    """Let an app say nothing more of its turns, as a process that hangs. Return what it knew.

    Its thread may just be saying that they are alive: that has ended, too.
    """
    keeper = app.extensions["conversation"].keeper
    silent: dict[uuid.UUID, TrackedTurn] = dict(keeper._turns)
    keeper._turns.clear()
    wait_until(lambda: keeper._is_idle or keeper._thread is None)
    return silent
