"""The arguments and attributes of a `Message` that apps written for Chainlit use."""

from __future__ import annotations

import textwrap
import uuid
from typing import Any

import pytest
from flask import Flask

import webapp as cl
from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.log import LogReader
from tests.support.rows import column

APP = """
import asyncio
import json

import webapp as cl

KEPT = {{}}

@cl.on_message
{head} answer(message):
{body}
"""
NOTHING: dict[str, Any] = {
    "language": None,
    "actions": None,
    "elements": None,
    "type": None,
    "metadata": None,
    "tags": None,
    "id": None,
    "parent_id": None,
    "command": None,
    "modes": None,
    "created_at": None,
}


def app_with(make_app: AppMaker, body: str, head: str = "async def") -> Flask:
    return make_app(APP.format(head=head, body=textwrap.indent(textwrap.dedent(body), "    ")))


@pytest.mark.parametrize("value", [None, []], ids=["None", "empty"])
def test_an_argument_without_a_value_is_taken(value: Any) -> None:
    for name in NOTHING:
        assert cl.Message("a", **{name: value}).content == "a"


def test_the_arguments_come_in_the_order_of_chainlit() -> None:
    message = cl.Message("a", "Ann", "python", [], [], "user_message", {"a": 1}, ["b"])
    assert (message.author, message.language, message.elements) == ("Ann", "python", [])
    assert (message.type, message.metadata, message.tags) == ("user_message", {"a": 1}, ["b"])


def test_what_is_given_is_found_again() -> None:
    given = {"parent_id": "p", "command": "search", "modes": {"model": "big"}}
    message = cl.Message("a", **given, created_at="2026-01-02T03:04:05Z")  # type: ignore[arg-type]
    assert {name: getattr(message, name) for name in given} == given
    assert message.created_at == "2026-01-02T03:04:05Z"


def test_a_message_goes_into_a_dictionary_and_comes_back() -> None:
    key = str(uuid.uuid4())
    message = cl.Message("a", "Ann", "sql", metadata={"n": 1}, tags=["t"], id=key)
    message._chat_id = "chat"
    step = message.to_dict()
    assert (step["id"], step["output"], step["name"]) == (key, "a", "Ann")
    assert (step["threadId"], step["metadata"], step["tags"]) == ("chat", {"n": 1}, ["t"])
    back = cl.Message.from_dict(step)
    back._chat_id = "chat"
    assert back.to_dict() == step


def test_what_the_user_wrote_has_all_attributes(make_app: AppMaker) -> None:
    body = """
        keys = "elements actions command modes metadata type parent_id tags language".split()
        found = {key: getattr(message, key) for key in keys}
        assert message.thread_id == cl.user_session.get("id")
        assert message.created_at.endswith("Z")
        if message.elements or message.command:
            raise ValueError
        await cl.Message(json.dumps(found)).send()
    """
    chat = Chat(app_with(make_app, body)).say("a")
    [said] = chat.messages()
    assert '"type": "user_message"' in said
    assert '"elements": [], "actions": [], "command": null' in said


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("await cl.Message('print(1)', language='python').send()", "print(1)"),
        ("m = cl.Message(language='python'); await m.stream_token('print(1)')", "print(1)"),
        ("m = cl.Message('x'); m.language = 'python'; await m.send()", "x"),
        ("await cl.Message({'a': 1}).send()", '{ "a": 1 }'),
        ("await cl.Message('```\\nb', language='text').send()", "``` b"),
    ],
)
def test_a_language_makes_a_block_of_code(make_app: AppMaker, body: str, shown: str) -> None:
    chat = Chat(app_with(make_app, body)).say("a")
    [code] = chat.page().all("pre")
    assert " ".join(code.text.split()) == shown


def test_the_content_of_a_dict_is_its_json(make_app: AppMaker) -> None:
    body = """
        m = await cl.Message({"a": 1}).send()
        m.content = "as JSON: " + m.content.replace("\\n", "")
        await m.update()
    """
    assert Chat(app_with(make_app, body)).say("a").messages() == ['as JSON: {  "a": 1}']


def test_metadata_and_tags_are_stored(make_app: AppMaker) -> None:
    body = """
        m = await cl.Message("a", metadata={"n": 1, "when": object}, tags=["t"]).send()
        m.content = "b"
        await m.update()
    """
    app = app_with(make_app, body)
    Chat(app).say("a")
    [details] = [it for it in column(app, "messages.details") if it not in (None, "null")]
    assert '"n": 1' in str(details).replace("'", '"')
    assert "tags" in str(details)


def test_metadata_without_end_is_refused(make_app: AppMaker, log: LogReader) -> None:
    Chat(app_with(make_app, "cl.Message('a', metadata={'a': 'x' * 200_000}).send()")).say("a")
    assert "at most 100,000 characters" in log.one("turn.failed")["traceback"]


@pytest.mark.parametrize("head", ["def", "async def"])
def test_update_before_send_sends(make_app: AppMaker, head: str) -> None:
    body = "assert cl.Message('a').update(); assert cl.Message('b').remove()"
    assert Chat(app_with(make_app, body, head)).say("x").messages() == ["a"]


def test_no_content_is_no_text(make_app: AppMaker) -> None:
    body = "m = cl.Message('a'); m.content = None; m.send(); cl.Message('b').send()"
    assert Chat(app_with(make_app, body)).say("x").messages() == ["b"]


def test_a_message_begins_at_its_first_text(make_app: AppMaker) -> None:
    body = "m = cl.Message(); m.stream_token(''); cl.Message('1').send(); m.stream_token('2')"
    assert Chat(app_with(make_app, body)).say("x").messages() == ["1", "2"]


@pytest.mark.parametrize(
    "body",
    [
        "await asyncio.create_task(cl.Message('a').send())",
        "await asyncio.gather(cl.Message('a').send(), asyncio.sleep(0))",
        "await asyncio.wait_for(cl.Message('a').send(), 5)",
        "t = asyncio.create_task(cl.Message('a').send()); await asyncio.sleep(0); t.cancel()",
        "m = await asyncio.create_task(cl.Message('b').send()); m.content = 'a'; await m.update()",
        "async with asyncio.TaskGroup() as group: group.create_task(cl.Message('a').send())",
    ],
)
def test_a_message_can_be_sent_in_a_task(make_app: AppMaker, body: str) -> None:
    chat = Chat(app_with(make_app, body)).say("x")
    assert chat.messages() == ["a"]
    assert chat.page().all(data_kind="error") == []


def test_the_message_of_the_user_can_be_changed(make_app: AppMaker) -> None:
    app = app_with(make_app, "message.content = 'better'; await message.update()")
    chat = Chat(app).say("worse")
    assert "better" in chat.page().text
    assert "worse" not in chat.page().one(data_testid="messages").text
    assert column(app, "messages.kind") == ["user"]


def test_the_message_of_the_user_can_be_removed(make_app: AppMaker) -> None:
    app = app_with(make_app, "await message.remove(); await cl.Message('gone').send()")
    chat = Chat(app).say("secret")
    assert column(app, "messages.content") == ["gone"]
    assert "secret" not in chat.page().one(data_testid="messages").text
    assert chat.say("secret too").messages() == ["gone", "gone"]


def test_a_message_of_an_earlier_answer_is_found_by_its_id(make_app: AppMaker) -> None:
    body = """
        if message.content == "first":
            cl.user_session.set("key", (await cl.Message("one", metadata={"n": 1}).send()).id)
        else:
            await cl.Message(id=cl.user_session.get("key"), content=message.content).update()
    """
    app = app_with(make_app, body)
    chat = Chat(app).say("first").say("two")
    assert chat.messages() == ["two"]
    assert "'n': 1" in str(column(app, "messages.details")).replace('"', "'")


def test_a_message_of_an_earlier_answer_is_removed_by_its_id(make_app: AppMaker) -> None:
    body = """
        if message.content == "first":
            cl.user_session.set("key", (await cl.Message("one").send()).id)
        else:
            await cl.Message("", id=cl.user_session.get("key")).remove()
    """
    assert Chat(app_with(make_app, body)).say("first").say("two").messages() == []


def test_a_new_message_may_have_an_id_of_its_own(make_app: AppMaker) -> None:
    key = str(uuid.uuid4())
    body = f"""
        m = await cl.Message("a", id="{key}").send()
        assert m.id == "{key}"
        await cl.Message("b", id="{key}").update()
    """
    chat = Chat(app_with(make_app, body)).say("x")
    assert chat.messages() == ["b"]


def test_the_id_of_a_message_of_another_chat_changes_nothing(
    make_app: AppMaker, log: LogReader
) -> None:
    body = """
        if "key" in KEPT:
            await cl.Message("stolen", id=KEPT["key"]).send()
        else:
            KEPT["key"] = (await cl.Message("mine").send()).id
    """
    app = app_with(make_app, body)
    first = Chat(app).say("x")
    Chat(app).say("y")
    assert "belongs to another chat" in log.one("turn.failed")["traceback"]
    assert first.messages() == ["mine"]


def test_a_time_that_is_given_is_shown(make_app: AppMaker) -> None:
    body = "await cl.Message('a', created_at='2020-02-03T04:05:06Z').send()"
    chat = Chat(app_with(make_app, body)).say("x")
    [shown] = [it for it in chat.page().all("time") if it["datetime"].startswith("2020")]
    assert shown["datetime"] == "2020-02-03T04:05:06Z"
