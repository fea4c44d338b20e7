"""Questions that are answered with one of several buttons."""

from __future__ import annotations

import uuid

import pytest

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.questions import answer, asks, open_question, statuses
from tests.support.rows import column

NOBODYS = "00000000-0000-4000-8000-000000000000"
APP = """
    import chat_profiles as cl

    def choices():
        return [
            cl.Action(name="go", payload={"secret": 17}, label="Go on", tooltip="Really", id="one"),
            cl.Action(name="halt", payload={"secret": 18}, id="two"),
        ]

    @cl.on_chat_start
    async def start():
        found = await cl.AskActionMessage("Shall I?", actions=choices(), timeout=30).send()
        told = [found[name] for name in ("name", "payload", "id", "label")]
        await cl.Message(" ".join(map(str, told))).send()

    @cl.on_message
    async def quick(message):
        found = await cl.AskActionMessage("Quick?", actions=choices(), timeout=0.05).send()
        await cl.Message(f"got {found}").send()
"""


def button(chat: Chat, name: str) -> str:
    """Return the value of a button of the open question."""
    question = open_question(chat)
    assert question is not None
    return str(question.one("button", data_testid="action", data_name=name)["value"])


def test_the_callback_gets_the_button_that_was_pressed(make_app: AppMaker) -> None:
    chat = asks(make_app(APP))
    question = open_question(chat)
    assert question is not None
    assert [b.text.strip() for b in question.all("button")] == ["Go on", "halt"]
    assert answer(chat, action=button(chat, "go")).status_code == 303
    chat.until_answered()
    assert chat.messages() == ["Selected: Go on", "go {'secret': 17} one Go on"]
    assert statuses(chat) == ["answered"]
    assert column(chat.visitor.app, "chats.title") == ["Go on"]


def test_payloads_never_reach_a_browser(make_app: AppMaker) -> None:
    chat = asks(make_app(APP))
    assert "secret" not in chat.visitor.get(chat.address).text


def test_nobody_presses_a_button_in_time(make_app: AppMaker) -> None:
    chat = asks(make_app(APP))
    answer(chat, action=button(chat, "halt"))
    chat.until_answered().say("hi")
    assert chat.messages()[-2:] == ["Timed out: no action was taken", "got None"]
    assert statuses(chat) == ["answered", "timed-out"]


@pytest.mark.parametrize("forged", ["", "one", NOBODYS, '{"secret": 1}'])
def test_a_button_that_is_not_offered_is_refused(make_app: AppMaker, forged: str) -> None:
    chat = asks(make_app(APP))
    assert answer(chat, action=forged).status_code == 422
    assert answer(chat, content="go").status_code == 400
    assert statuses(chat) == ["open"]
    assert answer(chat, action=button(chat, "go")).status_code == 303


def test_a_text_is_no_answer_to_buttons_and_is_kept(make_app: AppMaker) -> None:
    chat = asks(make_app(APP))
    form = {"content": "my text", "key": str(uuid.uuid4())}
    refused = chat.visitor.post(f"{chat.address}/messages", form)
    assert refused.status_code == 409
    assert "The app waits for your answer" in refused.text
    assert "my text" in refused.text
    assert statuses(chat) == ["open"]


def test_actions_of_a_question_need_no_callback_but_must_be_there(make_app: AppMaker) -> None:
    chat = Chat(
        make_app("""
        import chat_profiles as cl

        @cl.on_message
        async def reply(message):
            try:
                cl.AskActionMessage("Which?", actions=[])
            except Exception as error:
                await cl.Message(str(error)).send()
        """)
    ).say("hi")
    assert chat.messages() == ["AskActionMessage needs between 1 and 100 actions, not 0."]
