"""Buttons under messages: what a press runs, and what nobody can forge."""

from __future__ import annotations

import uuid

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import Element

APP = """
    import webapp as cl

    @cl.on_chat_start
    async def start():
        await cl.Message("Pick one.", actions=[
            cl.Action("plain", {"value": 1}, label="Plain"),
            cl.Action(name="going", payload={"secret": "s3cret"}, label="Going", id="going-one"),
            cl.Action(name="going", payload={}, label="Other", id="going-two"),
            cl.Action(name="nobody", payload={}, label="Nobody"),
            cl.Action(name="fails", payload={}),
        ]).send()

    @cl.action_callback("plain")
    async def plain():
        await cl.Message("Pressed plain.").send()

    @cl.action_callback("going")
    async def going(action: cl.Action):
        await cl.Message(f"{action.name} {action.payload} {action.label} {action.id}").send()
        await action.remove()

    @cl.action_callback("fails")
    def fails(action):
        raise ValueError("no")

    @cl.on_message
    async def answer(message):
        await cl.Message(f"echo {message.content}").send()
"""


def buttons(chat: Chat) -> dict[str, Element]:
    return {b["data-id"] or "": b for b in chat.page().all(data_testid="action")}


def button(chat: Chat, name: str) -> Element:
    return chat.page().all(data_testid="action", data_name=name)[0]


def press(chat: Chat, found: Element, key: str | None = None) -> None:
    answer = chat.visitor.post(str(found["formaction"]), {"key": key or str(uuid.uuid4())})
    assert answer.status_code == 303, answer.text
    chat.until_answered()


def texts(chat: Chat) -> list[str]:
    return [message.text for message in chat.page().all(class_="prose")]


def test_a_press_runs_the_callback_of_its_name(make_app: AppMaker) -> None:
    chat = Chat(make_app(APP))
    press(chat, button(chat, "plain"))
    assert "Pressed plain." in chat.page().text
    press(chat, button(chat, "going"))
    assert "going {'secret': 's3cret'} Going going-one" in chat.page().text
    assert [b["data-name"] for b in buttons(chat).values()] == ["plain", "going", "nobody", "fails"]
