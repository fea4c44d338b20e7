"""Suggestions under headings, and suggestions with a command."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import Element, parse
from tests.support.log import LogReader
from tests.support.people import HTMX, Visitor
from tests.support.rows import column

APP = """
    import webapp as cl

    ASKED, SEEN = [], []

    @cl.set_chat_profiles
    def profiles():
        own = [cl.Starter("Own", "of the profile")]
        return [cl.ChatProfile("one", "", starters=own), cl.ChatProfile("two", "", starters=[])]

    @cl.set_starters
    def starters():
        return [cl.Starter("Shared", "of the app")]

    @cl.set_starter_categories
    {head}
        {body}

    @cl.on_message
    async def answer(message):
        SEEN.append((message.content, message.command, message.modes))
        await cl.Message(f"Command: {{message.command}}").send()
"""
HEAD = "def categories(user, language, chat_profile):"
GIVEN = """
        ASKED.append((user, language, chat_profile))
        return [
            cl.StarterCategory("Creative", "/public/pen.svg", [
                cl.Starter("poem", "Write a poem"),
                cl.Starter("picture", "Hello", "draw"),
                cl.Starter("page", "Hello", command="search", icon="/public/web.svg"),
            ]),
            cl.StarterCategory(label="Empty"),
        ]
"""


@pytest.fixture
def chat(make_app: AppMaker) -> Chat:
    """Return a chat of an app whose suggestions have headings."""
    return Chat(make_app(APP.format(head=HEAD, body=GIVEN)), "one")


def names(chat: Chat) -> dict[str, Any]:
    """Return the names of the app file."""
    callback = chat.visitor.app.extensions["chat_app"].callbacks["on_message"].function
    found: dict[str, Any] = callback.__globals__
    return found


def press(chat: Chat, label: str) -> None:
    """Send the form of a suggestion, as a browser without JavaScript does."""
    page = chat.page()
    button = page.one(data_testid="starter", data_label=label)
    form = page.one("form", id=button.get("form") or "starters")
    fields = {field["name"]: field["value"] for field in form.all("input", type="hidden")}
    answer = chat.visitor.post(form["action"], fields | {button["name"]: button["value"]})
    assert answer.status_code == 303, answer.text
    chat.until_answered()


def labels(page: Element) -> list[str]:
    """Return the labels of the suggestions."""
    return [starter["data-label"] for starter in page.all(data_testid="starter")]


def test_categories_hide_all_other_starters(chat: Chat) -> None:
    page = chat.page()
    creative, empty = page.all(data_testid="starter-category")
    assert (creative.tag, creative["name"], creative["data-label"]) == (
        "details",
        empty["name"],
        "Creative",
    )
    assert creative.one("summary").text == "Creative"
    assert creative.one("summary").one("img")["src"] == "/public/pen.svg"
    assert labels(page) == labels(creative) == ["poem", "picture", "page"]


def test_categories_know_the_user_the_language_and_the_profile(chat: Chat) -> None:
    chat.page()
    assert names(chat)["ASKED"][-1] == (None, "en", "one")


@pytest.mark.parametrize(
    "head", ["def c():", "async def c(user=None):", "def c(user, language):", "def c(*all):"]
)
def test_categories_take_up_to_three_parameters(make_app: AppMaker, head: str) -> None:
    body = "return [cl.StarterCategory('Only', starters=[cl.Starter('a', 'b')])]"
    assert labels(Chat(make_app(APP.format(head=head, body=body)), "two").page()) == ["a"]


@pytest.mark.parametrize("body", ["return None", "return []"])
def test_without_categories_the_starters_are_shown(make_app: AppMaker, body: str) -> None:
    app = make_app(APP.format(head=HEAD, body=body))
    assert labels(Chat(app, "one").page()) == ["Own"]
    assert labels(Chat(app, "two").page()) == []


@pytest.mark.parametrize("body", ["raise ValueError('secret price')", "return ['a']", "return 1"])
def test_categories_that_fail_are_told(make_app: AppMaker, log: LogReader, body: str) -> None:
    page = Chat(make_app(APP.format(head=HEAD, body=body)), "one").page()
    assert "could not be loaded (reference" in page.one(data_testid="notice").text
    assert "price" not in page.text
    assert log.events("starters.failed")


def test_a_starter_sends_its_command(chat: Chat) -> None:
    press(chat, "page")
    assert names(chat)["SEEN"] == [("Hello", "search", None)]
    assert chat.messages() == ["Command: search"]
    said = chat.page().one(data_testid="message", data_kind="user")
    assert said.one(data_testid="message-command").text == "search"
    assert {"command": "search"} in column(chat.visitor.app, "messages.details")


def test_starters_of_one_message_have_commands_of_their_own(chat: Chat) -> None:
    press(chat, "picture")
    assert names(chat)["SEEN"] == [("Hello", "draw", None)]


def test_a_starter_without_a_command_has_none(chat: Chat) -> None:
    press(chat, "poem")
    assert names(chat)["SEEN"] == [("Write a poem", None, None)]
    assert chat.page().all(data_testid="message-command") == []


@pytest.mark.parametrize(
    ("content", "command"), [("Hello", "delete"), ("Write a poem", "draw"), ("Other", "search")]
)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_command_that_no_starter_has_runs_nothing(
    chat: Chat, content: str, command: str, headers: dict[str, str]
) -> None:
    form = {"content": content, "command": command, "key": str(uuid.uuid4())}
    answer = chat.visitor.post(f"{chat.address}/messages", form, headers=headers)
    assert answer.status_code == 422
    assert f"The command “{command}” is not offered" in parse(answer.text).text
    if not headers:  # htmx leaves the field as it is
        assert parse(answer.text).one(data_testid="composer-input").text.lstrip() == content
    assert names(chat)["SEEN"] == []
    assert chat.messages() == []


def test_retrying_and_editing_keep_the_command(chat: Chat) -> None:
    press(chat, "page")
    page = chat.page()
    again = page.one(id="regenerate")
    fields = {field["name"]: field["value"] for field in again.all("input", type="hidden")}
    assert chat.visitor.post(again["action"], fields).status_code == 303
    chat.until_answered()
    [message] = chat.page().all(data_testid="message", data_kind="user")
    edited = {"message": message["data-message-id"], "content": "Bye", "key": str(uuid.uuid4())}
    assert chat.visitor.post(f"{chat.address}/edit", edited).status_code == 303
    chat.until_answered()
    assert [seen[:2] for seen in names(chat)["SEEN"]] == [
        ("Hello", "search"),
        ("Hello", "search"),
        ("Bye", "search"),
    ]


def test_starters_without_commands_have_one_form(make_app: AppMaker) -> None:
    page = Chat(make_app(APP.format(head="def c():", body="return None")), "one").page()
    assert len(page.all("form", data_starters="send")) == 1
    assert "composer.css" not in Visitor(make_app("simple.py")).get("/").text
