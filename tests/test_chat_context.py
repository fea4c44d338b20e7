"""`chat_context`: the conversation as objects, with what an app adds, removes and clears."""

from __future__ import annotations

import re

import pytest

from tests.support.apps import AppMaker
from tests.support.chats import Chat, Talk
from webapp.authoring.errors import MisuseError

CONTEXT = """
import webapp as cl

@cl.on_message
async def answer(message):
    context = cl.chat_context
    match message.content:
        case "add":
            system = cl.Message(content="Be brief.", type="system_message")
            assert context.add(system) is system
            context.add(system)
        case "add and send":
            own = context.add(cl.Message(content="Both"))
            await own.send()
        case "remove":
            assert context.remove(context.get()[0])
            assert not context.remove(cl.Message("never said"))
        case "undo":
            assert context.remove(message)
            assert message.id not in [each.id for each in context.get()]
            assert context.add(message) is message
        case "clear":
            context.clear()
    said = " | ".join(f"{each['role']}: {each['content']}" for each in context.to_openai())
    await cl.Message(f"{len(context.get())} {said}").send()
"""


def test_the_messages_so_far_are_there(talk: Talk) -> None:
    chat = talk(CONTEXT)
    one, two = chat.say("Hello 1").text, chat.say("Hello 2").text
    assert one == "1 user: Hello 1"
    assert two == f"3 user: Hello 1 | assistant: {one} | user: Hello 2"


def test_what_is_added_stays_where_it_was_added(talk: Talk) -> None:
    chat = talk(CONTEXT)
    one, two = chat.say("add").text, chat.say("more").text
    assert one == "2 user: add | system: Be brief."
    assert two == f"4 user: add | system: Be brief. | assistant: {one} | user: more"


def test_what_is_added_and_sent_is_there_once(talk: Talk) -> None:
    answer = talk(CONTEXT).say("add and send")
    assert [message.content for message in answer.messages] == [
        "Both",
        "2 user: add and send | assistant: Both",
    ]


def test_what_is_removed_is_gone_for_the_app_only(talk: Talk) -> None:
    chat = talk(CONTEXT)
    chat.say("one")
    assert chat.say("remove").text == "2 assistant: 1 user: one | user: remove"
    assert [m.content for m in chat.messages if m.kind == "user"] == ["one", "remove"]
    assert chat.say("undo").text.endswith("user: undo")


def test_what_is_cleared_is_gone_in_later_answers_and_other_processes(make_app: AppMaker) -> None:
    chat = Chat(make_app(CONTEXT)).say("add").say("clear")
    assert chat.messages()[-1] == "0"
    there = Chat.at(chat.visitor, chat.address)
    there.visitor.client.application = make_app(CONTEXT)
    assert there.say("next").messages()[-1] == "2 assistant: 0  | user: next"


@pytest.mark.parametrize(
    "call", ["get()", "add(cl.Message('a'))", "remove(cl.Message('a'))", "clear()", "to_openai()"]
)
def test_it_works_in_a_chat_only(talk: Talk, call: str) -> None:
    chat = talk(f"""
        import webapp as cl
        @cl.set_chat_profiles
        def profiles():
            cl.chat_context.{call}
    """)
    used = re.escape(f"chat_context.{call.partition('(')[0]}() was used outside a chat")
    with pytest.raises(MisuseError, match=f"^{used}"):
        _ = chat.profiles
