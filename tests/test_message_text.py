"""The text of one message, which is what its Copy button copies."""

from __future__ import annotations

import re

import pytest

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.people import Visitor

APP = """
import webapp as cl

@cl.on_message
def answer(message):
    cl.Message(f"**{message.content}** <b>&amp; $x_1$\\n\\n| a |\\n|--:|\\n").send()
"""
ANSWER = "**{}** <b>&amp; $x_1$\n\n| a |\n|--:|\n"


@pytest.fixture
def chat(make_app: AppMaker) -> Chat:
    """Return a chat with one answer."""
    return Chat(make_app(APP)).say("Hello")


def message_ids(chat: Chat, kind: str = "assistant") -> list[str]:
    """Return the ids of the messages on the page of a chat."""
    return [m["data-message-id"] for m in chat.page().all(data_testid="message", data_kind=kind)]


def test_it_is_what_the_app_wrote(chat: Chat) -> None:
    [answer] = message_ids(chat)
    response = chat.visitor.get(f"{chat.address}/messages/{answer}")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.text == ANSWER.format("Hello")


def test_one_of_somebody_else_is_not_there(chat: Chat) -> None:
    [answer] = message_ids(chat)
    stranger = Visitor(chat.visitor.app)
    stranger.start_chat()
    assert stranger.get(f"{chat.address}/messages/{answer}").status_code == 404


def test_one_of_another_chat_is_not_there(chat: Chat) -> None:
    [answer] = message_ids(chat)
    other = Chat.of(chat.visitor).say("Other")
    assert chat.visitor.get(f"{other.address}/messages/{answer}").status_code == 404


def test_one_that_was_replaced_is_not_there(chat: Chat) -> None:
    [answer] = message_ids(chat)
    form = chat.page().all(id="regenerate")[0]
    fields = {field["name"]: field["value"] for field in form.all("input")}
    posted = chat.visitor.post(f"{chat.address}/regenerate", fields)
    assert posted.status_code == 303
    chat.until_answered()
    assert message_ids(chat) != [answer]
    assert chat.visitor.get(f"{chat.address}/messages/{answer}").status_code == 404


def test_what_is_no_id_is_not_there(chat: Chat) -> None:
    assert re.fullmatch(r"/chats/[0-9a-f-]{36}", chat.address)
    assert chat.visitor.get(f"{chat.address}/messages/1").status_code == 404
