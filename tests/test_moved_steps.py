"""Steps that leave their chat: exported, imported, shared, and copied with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.exports import bring_in, chat_of, export_of, exported, imported, said
from tests.support.html import Element, parse
from tests.support.people import Visitor
from tests.support.rows import column
from tests.test_sharing import shared
from tests.test_shown_steps import looks, paths, steps

APP = """
    import webapp as cl

    @cl.password_auth_callback
    def sign_in(username, password):
        return cl.User(identifier=username)

    OFFERED = ["team", "plain"]

    @cl.set_chat_profiles
    def profiles(user):
        return [cl.ChatProfile(name, "a") for name in OFFERED]

    @cl.on_message
    def answer(message):
        tasks = cl.TaskList(status="Working")
        with cl.Step(name="Search *all*", type="tool") as search:
            search.input = {"q": "Rome"}
            tasks.add_task(cl.Task("Search", cl.TaskStatus.DONE, forId=search.id))
            with cl.Step(name="Index", language="sql") as index:
                index.output = "SELECT 1\\n\\n# no heading"
        try:
            with cl.Step(name="Broken"):
                raise LookupError
        except LookupError:
            pass
        tasks.send()
        cl.Message("Done").send()
"""
OUTLINE = ["Search *all*", "Search *all*/Index", "Broken"]


@pytest.fixture
def chat(make_app: AppMaker) -> Chat:
    """Return a chat of Alice's in which steps were shown."""
    return Chat.of(Visitor(make_app(APP, sharing="yes")).logged_in("alice"), "team").say("Where?")


def check(page: Element) -> None:
    """Check that a page shows the steps as their chat did."""
    assert paths(page) == OUTLINE
    assert looks(page)[-1] == ("Broken", "failed")
    assert '"q"' in steps(page)[0].text
    assert steps(page)[1].one("code")["class"] == "language-sql"
    task = page.one(data_testid="task")
    assert task["data-status"] == "done"
    assert page.one(id=task.one("a")["href"].removeprefix("#"))["data-name"] == "Search *all*"


@pytest.fixture
def chat_on_either(either_url: str, tmp_path: Path) -> Iterator[Chat]:
    """Return such a chat on each database."""
    with AppMaker.in_folder(tmp_path, either_url) as maker:
        yield Chat.of(Visitor(maker(APP, sharing="yes")).logged_in("alice"), "team").say("Where?")


def test_on_either_database_steps_are_kept(chat_on_either: Chat) -> None:
    chat = chat_on_either
    check(chat.page())
    address = imported(chat.visitor, exported(chat.visitor, chat.address))
    check(parse(chat.visitor.get(address).text))
    check(parse(chat.visitor.get(shared(chat.visitor, chat.address)).text))
    continue_elsewhere(chat)


def test_the_chat_itself_passes_what_the_others_are_checked_for(chat: Chat) -> None:
    check(chat.page())


def test_an_export_to_read_is_an_outline(chat: Chat) -> None:
    text = chat.visitor.get(f"{chat.address}/export").text
    headings = [line for line in text.splitlines() if line.startswith("### ")]
    assert [heading.split(" · ")[0] for heading in headings] == [
        "### Step: Search \\*all\\*",
        "### Step: Search \\*all\\* > Index",
        "### Step: Broken",
        "### Tasks",
    ]
    assert " · tool · " in headings[0]
    assert " · failed · < 0.1 s" in headings[2]
    assert '_Input:_\n\n    {\n      "q": "Rome"\n    }\n' in text
    assert "_Output:_\n\n    SELECT 1\n    \n    # no heading\n" in text
    assert "\n- Done: Search\n" in text


def test_an_export_can_be_brought_in(chat: Chat) -> None:
    export = exported(chat.visitor, chat.address)
    kinds = [message["kind"] for message in export["chats"][0]["messages"]]
    assert kinds == ["user", "step", "step", "step", "tasks", "assistant"]
    address = imported(chat.visitor, export)
    check(parse(chat.visitor.get(address).text))
    again = exported(chat.visitor, address)
    assert [m.get("details", {}).get("name") for m in again["chats"][0]["messages"]] == [
        m.get("details", {}).get("name") for m in export["chats"][0]["messages"]
    ]
    # Ids are new, so nothing leads into the chat that was exported.
    old = {message["id"] for message in export["chats"][0]["messages"]}
    assert not any(key in json.dumps(again) for key in old)


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (said("", "step", details={"nmae": "a"}), "unknown"),
        (said("", "step", details={"name": "a" * 201}), "201"),
        (said("", "step", details={"name": 1}), "must be text"),
        (said("", "step", details={"is_error": "yes"}), "must be true or false"),
        (said("", "step", details=[]), "must be an object"),
        (said("", "tasks", details={"status": "a", "tasks": [{"title": "a"}]}), "must be"),
        (said("", "tasks", details={"tasks": [{"title": "a", "status": "late"}]}), "ready"),
        (said("", "tasks", details={"tasks": [{}] * 201}), "200"),
        (said("Hello", details={"name": "a"}), "unknown"),
        (said("Failed", "error", details={"name": "a"}), "belongs to a step"),
    ],
)
def test_wrong_details_are_refused(alice: Visitor, message: dict[str, Any], problem: str) -> None:
    export = export_of(chat_of(messages=[said("Where?"), message]))
    answer = bring_in(alice, export)
    assert answer.status_code == 422
    assert problem in parse(answer.text).text
    assert column(alice.app, "chats.title") == []


def test_steps_from_elsewhere_cannot_be_within_themselves(alice: Visitor) -> None:
    messages = [
        said("", "step", id="a", details={"name": "a", "parent": "b"}),
        said("", "step", id="b", details={"name": "b", "parent": "a"}),
        said("", "step", id="c", details={"name": "c", "parent": "c"}),
        said("", "step"),
        said("<b>", "step", details={"name": "<i>", "language": "a b`\n"}),
    ]
    address = imported(alice, export_of(chat_of(messages=[said("Where?"), *messages])))
    page = parse(alice.get(address).text)
    assert paths(page) == ["a", "a/b", "c", "", "<i>"]
    assert steps(page)[-1].one("code")["class"] == "language-ab"


def test_a_link_shows_the_steps_of_that_time(chat: Chat) -> None:
    address = shared(chat.visitor, chat.address)
    bob = Visitor(chat.visitor.app).logged_in("bob")
    check(parse(bob.get(address).text))


def continue_elsewhere(chat: Chat) -> Element:
    """Withdraw the profile of a chat, continue it with another one, and return the new page."""
    app = chat.visitor.app
    offered = app.extensions["chat_app"].get("on_message").function.__globals__["OFFERED"]
    offered.remove("team")
    answer = chat.visitor.post(f"{chat.address}/continue", {"profile": "plain"})
    assert answer.status_code == 303, answer.text
    copy = parse(chat.visitor.get(answer.location).text)
    check(copy)
    return copy


def test_a_copy_has_steps_of_its_own(chat: Chat) -> None:
    copy = continue_elsewhere(chat)
    ids = [{step["id"] for step in steps(page)} for page in (copy, chat.page())]
    assert not ids[0] & ids[1]
