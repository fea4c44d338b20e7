"""Chats that go on after they were over, and whose messages are then answered anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.people import Visitor
from tests.support.rows import column, count
from tests.test_editing import edit, regenerate
from tests.test_resume import until

APP = """
    import webapp as cl

    SAYS, HISTORY, VALUES = [], [], []

    @cl.on_chat_start
    def start():
        cl.user_session.set("asked", [])

    @cl.on_chat_resume
    def resume():
        cl.user_session.set("resumed", True)
        if "break" in SAYS:
            cl.user_session.get("asked").append("x" * 1_000_000)
        if "back" in SAYS:
            cl.Message("back").send()

    @cl.on_chat_end
    def end():
        if "bye" in SAYS:
            cl.Message("bye").send()

    @cl.on_message
    def answer(message):
        asked = cl.user_session.get("asked")
        VALUES.append((list(asked), cl.user_session.get("resumed")))
        HISTORY.append([said["content"] for said in cl.chat_history()])
        asked.append(message.content)
        if message.content == "fail":
            raise ValueError("on purpose")
        cl.Message("to " + message.content).send()
"""


@pytest.fixture
def app(either_url: str, tmp_path: Path) -> Iterator[Flask]:
    """Return an app that keeps a list in its session, on each database."""
    with AppMaker.in_folder(tmp_path, either_url) as make:
        yield make(APP)


def names(app: Flask) -> dict[str, Any]:
    """Return the names of the app file."""
    found: dict[str, Any] = app.extensions["chat_app"].callbacks["on_message"].function.__globals__
    return found


def over(app: Flask, content: str) -> Chat:
    """Return a chat in which something was said, and which is over since."""
    chat = Chat.of(Visitor(app)).say(content)
    said = count(app, "messages")
    chat.visitor.start_chat()
    until(lambda: count(app, "messages") > said or "bye" not in names(app)["SAYS"])
    return chat


def resumed(chat: Chat) -> Chat:
    """Resume a chat, as its page does."""
    assert chat.visitor.post(f"{chat.address}/resume").status_code == 303
    return chat.until_answered()


@pytest.mark.parametrize("says", [[], ["back"]], ids=["silent", "speaks"])
def test_after_a_resumption_the_session_is_as_before_what_is_edited(
    app: Flask, says: list[str]
) -> None:
    names(app)["SAYS"].extend(says)
    edit(resumed(over(app, "one")), "changed")
    assert names(app)["VALUES"][-1][0] == []
    assert names(app)["HISTORY"][-1] == ["changed"]


def test_after_a_resumption_the_session_is_as_before_what_is_answered_anew(app: Flask) -> None:
    regenerate(resumed(over(app, "one")))
    assert names(app)["VALUES"][-1][0] == []


def test_values_before_are_forgotten_with_the_next_question(app: Flask) -> None:
    resumed(over(app, "one")).say("two")
    kept = [v for v in column(app, "turns.values_before") if v is not None]
    assert kept == [{"asked": ["one"], "resumed": True}]


def test_what_resuming_set_is_there_when_the_message_that_resumed_is_edited(app: Flask) -> None:
    chat = over(app, "one").say("two")
    edit(chat, "changed")
    assert names(app)["VALUES"] == [([], None), (["one"], True), (["one"], True)]


def test_what_resuming_says_comes_before_the_message_that_is_answered(app: Flask) -> None:
    names(app)["SAYS"].append("back")
    over(app, "one").say("two")
    assert names(app)["HISTORY"][-1] == ["one", "to one", "back", "two"]


def test_what_the_end_says_comes_before_the_message_that_is_tried_again(app: Flask) -> None:
    names(app)["SAYS"].append("bye")
    chat = resumed(over(app, "fail"))
    fields = {i["name"]: i["value"] for i in chat.page().one(id="retry").all("input")}
    chat.visitor.post(f"{chat.address}/retry", fields)
    chat.until_answered()
    assert names(app)["HISTORY"][-1] == ["bye", "fail"]


def test_values_that_resuming_leaves_and_that_cannot_be_stored_answer_nothing(app: Flask) -> None:
    names(app)["SAYS"].append("break")
    chat = over(app, "one").say("two")
    assert len(names(app)["HISTORY"]) == 1
    [error] = chat.messages("error")
    assert error.startswith("Something went wrong while this chat was resumed.")
