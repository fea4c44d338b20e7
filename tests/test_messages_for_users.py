"""Messages that an app sends in the name of its user."""

from __future__ import annotations

import json

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat, Talk
from tests.support.exports import bring_in, imported
from tests.support.html import Element, parse
from tests.support.people import Visitor
from tests.test_editing import edit, new_key
from tests.test_sharing import link

APP = """
    import chat_profiles as cl

    @cl.set_chat_profiles
    def profiles():
        return [cl.ChatProfile("Doctor", "Answers.")]

    @cl.password_auth_callback
    def check(username, password):
        return cl.User(username)

    @cl.on_message
    async def answer(message):
        if message.content == "roles":
            await cl.Message(cl.chat_context.to_openai()).send()
            return
        await cl.Message("Before").send()
        spoken = cl.Message("**said** aloud", author="Ann", type="user_message")
        await spoken.send()
        if message.content == "tag":
            spoken.tags = ["a"]
            await spoken.update()
        await cl.Message("After").send()
"""
STREAMED = """
    import asyncio
    import chat_profiles as cl

    @cl.on_message
    async def answer(message):
        spoken = cl.Message("", type="user_message")
        for word in ("one ", "two ", "three"):
            await spoken.stream_token(word)
            await asyncio.sleep(0)
        await spoken.send()
"""
AT_START = """
    import chat_profiles as cl

    @cl.on_chat_start
    async def start():
        await cl.Message("Show me the news", type="user_message").send()
        await cl.Message("The news").send()

    @cl.on_message
    async def answer(message):
        await cl.Message("echo " + message.content).send()
"""


@pytest.fixture
def app(make_app: AppMaker) -> Flask:
    return make_app(APP, sharing="yes")


@pytest.fixture
def chat(app: Flask) -> Chat:
    return Chat.of(Visitor(app).logged_in("alice"), "Doctor").say("hi")


def shown(page: Element) -> list[tuple[str, str, str]]:
    return [
        (it["data-kind"], it["data-author"], it.with_class("prose")[0].text.strip())
        for it in page.all(data_testid="message")
    ]


def test_it_reads_as_a_message_of_the_user(chat: Chat) -> None:
    assert shown(chat.page()) == [
        ("user", "alice", "hi"),
        ("assistant", "Doctor", "Before"),
        ("user", "alice", "**said** aloud"),
        ("assistant", "Doctor", "After"),
    ]


def test_it_comes_so_with_its_answer(app: Flask) -> None:
    chat = Chat.of(Visitor(app).logged_in("alice"), "Doctor")
    now = chat.visitor.post(
        f"{chat.address}/messages", {"content": "hi", "key": new_key()}, htmx=True
    )
    assert "**said** aloud" in now.text
    assert [kind for kind, _, _ in shown(parse(now.text))][-2:] == ["user", "assistant"]


def test_a_model_is_told_that_the_user_said_it(chat: Chat) -> None:
    told = json.loads(chat.say("roles").messages()[-1].removeprefix("json"))
    assert {"role": "user", "content": "**said** aloud"} in told


def test_its_users_cannot_edit_it(chat: Chat) -> None:
    [written, spoken] = chat.page().all(data_testid="message", data_kind="user")
    edits = [link.attributes.get("href", "") for link in chat.page().all(data_testid="edit")]
    assert not any(spoken["data-message-id"] in str(href) for href in edits)
    assert edit(chat, "changed", message=spoken["data-message-id"]).status_code == 404
    form = f"{chat.address}/messages/{{}}/edit"
    assert chat.visitor.get(form.format(spoken["data-message-id"])).status_code == 404
    assert chat.visitor.get(form.format(written["data-message-id"])).status_code == 200
    # What begins the turn is edited, and the rest goes with it.
    assert edit(chat, "changed", message=written["data-message-id"]).status_code == 303
    assert chat.messages("user") == ["changed", "**said** aloud"]


def test_it_stays_so_when_its_tags_change(app: Flask) -> None:
    chat = Chat.of(Visitor(app).logged_in("alice"), "Doctor").say("tag")
    [_, spoken] = chat.page().all(data_testid="message", data_kind="user")
    assert edit(chat, "changed", message=spoken["data-message-id"]).status_code == 404


def test_an_export_says_so(chat: Chat) -> None:
    exported = json.loads(chat.visitor.get(f"{chat.address}/export?format=json").text)
    said = [(it["kind"], it["content"]) for it in exported["chats"][0]["messages"]]
    assert ("user", "**said** aloud") in said
    text = chat.visitor.get(f"{chat.address}/export?format=markdown").text
    assert text.count("## User ·") == 2


def test_an_imported_copy_cannot_be_edited_either(chat: Chat) -> None:
    exported = json.loads(chat.visitor.get(f"{chat.address}/export?format=json").text)
    details = [it.get("details") for it in exported["chats"][0]["messages"]]
    assert details == [None, None, {"by_app": True}, None]
    copy = Chat.at(chat.visitor, imported(chat.visitor, exported))
    [written, spoken] = copy.page().all(data_testid="message", data_kind="user")
    assert edit(copy, "changed", message=spoken["data-message-id"]).status_code == 404
    assert edit(copy, "changed", message=written["data-message-id"]).status_code == 303


@pytest.mark.parametrize("by_app", ["true", 1, {}])
def test_an_import_that_does_not_say_clearly_whose_it_is_is_refused(
    chat: Chat, by_app: object
) -> None:
    exported = json.loads(chat.visitor.get(f"{chat.address}/export?format=json").text)
    exported["chats"][0]["messages"][2]["details"] = {"by_app": by_app}
    refused = bring_in(chat.visitor, exported)
    assert refused.status_code == 422
    assert "must be true or false" in refused.text


def test_a_link_shows_it_so(chat: Chat, app: Flask) -> None:
    chat.visitor.post(f"{chat.address}/share")
    read = parse(Visitor(app).logged_in("bob").get(link(chat.visitor, chat.address)).text)
    assert [kind for kind, _, _ in shown(read)] == ["user", "assistant", "user", "assistant"]


def test_it_can_be_streamed(talk: Talk) -> None:
    chat = talk(STREAMED)
    chat.say("hi")
    assert [(m.kind, m.content) for m in chat.messages] == [
        ("user", "hi"),
        ("user", "one two three"),
    ]


def test_a_start_can_send_it(talk: Talk) -> None:
    chat = talk(AT_START)
    chat.start()
    assert [(m.kind, m.content) for m in chat.messages] == [
        ("user", "Show me the news"),
        ("assistant", "The news"),
    ]
    chat.say("first")
    chat.edit("second")
    assert [m.content for m in chat.messages][2:] == ["second", "echo second"]


def test_a_later_turn_changes_it(talk: Talk) -> None:
    chat = talk(
        """
        import chat_profiles as cl

        @cl.on_message
        async def answer(message):
            spoken = cl.user_session.get("spoken")
            if spoken:
                await cl.Message("changed", id=spoken).update()
            else:
                spoken = await cl.Message("first", type="user_message").send()
                cl.user_session.set("spoken", spoken.id)
        """
    )
    chat.say("hi")
    chat.say("again")
    assert [(m.kind, m.content) for m in chat.messages][1] == ("user", "changed")
