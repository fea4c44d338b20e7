"""Questions of the app that leave their chat: exported, imported, shared, and copied with it."""

from __future__ import annotations

import json

import pytest

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.exports import exported, imported
from tests.support.html import parse
from tests.support.people import Visitor
from tests.support.questions import answer, open_question, statuses
from tests.test_sharing import shared

APP = """
    import chat_profiles as cl

    @cl.password_auth_callback
    def sign_in(username, password):
        return cl.User(identifier=username)

    @cl.on_message
    async def reply(message):
        answer = await cl.AskUserMessage("Your name?", timeout=60).send()
        await cl.AskActionMessage(
            f"Go on, {answer['output']}?",
            actions=[cl.Action(name="go", payload={"secret": 17}, label="Go on")],
            timeout=60,
        ).send()
        await cl.Message("Gone.").send()
"""


@pytest.fixture
def chat(make_app: AppMaker) -> Chat:
    """Return a chat of Alice's in which one question is answered and another is open."""
    chat = Chat.of(Visitor(make_app(APP, sharing="yes")).logged_in("alice"))
    chat.begin("hi")
    chat.until(lambda: bool(open_question(chat)))
    answer(chat, content="Ada")
    chat.until(lambda: statuses(chat) == ["answered", "open"])
    return chat


def test_a_share_shows_no_open_question(chat: Chat) -> None:
    link = shared(chat.visitor, chat.address)
    page = parse(Visitor(chat.visitor.app).logged_in("bob").get(link).text)
    assert "Go on, Ada?" in page.text
    assert page.all(data_testid="question", data_status="open") == []
    assert page.all(data_testid="answer-form") == []
    assert "secret" not in page.text


def test_an_export_has_what_was_said_and_no_payload(chat: Chat) -> None:
    export = exported(chat.visitor)
    assert "secret" not in json.dumps(export)
    [moved] = export["chats"]
    contents = [message["content"] for message in moved["messages"]]
    assert contents == ["hi", "Your name?", "Ada", "Go on, Ada?"]
    assert "Ada" in chat.visitor.get(f"{chat.address}/export").text
    address = imported(Visitor(chat.visitor.app).logged_in("bob"), export)
    page = parse(Visitor(chat.visitor.app).logged_in("bob").get(address).text)
    said = [m.with_class("prose")[0].text.strip() for m in page.all(data_testid="message")]
    assert said == contents
