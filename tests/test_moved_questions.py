"""Questions of the app that leave their chat: exported, imported, shared, and copied with it."""

from __future__ import annotations

import json

import pytest

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.exports import bring_in, bring_in_file, exported, imported, zip_of
from tests.support.html import parse
from tests.support.people import Visitor
from tests.support.questions import answer, open_question, statuses
from tests.test_editing import edit
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
    details = [message.get("details") for message in moved["messages"]]
    assert details == [
        None,
        {"question": {"kind": "user", "status": "answered"}},
        {"answers": True},
        {"question": {"kind": "action", "status": "open"}},
    ]
    contents = [message["content"] for message in moved["messages"]]
    assert contents == ["hi", "Your name?", "Ada", "Go on, Ada?"]
    assert "Ada" in chat.visitor.get(f"{chat.address}/export").text
    address = imported(Visitor(chat.visitor.app).logged_in("bob"), export)
    page = parse(Visitor(chat.visitor.app).logged_in("bob").get(address).text)
    said = [m.with_class("prose")[0].text.strip() for m in page.all(data_testid="message")]
    assert said == contents
    assert [it["data-status"] for it in page.all(data_testid="question")] == [
        "answered",
        "interrupted",
    ]


@pytest.mark.parametrize("packed", [False, True], ids=["json", "zip"])
def test_an_imported_answer_cannot_be_edited_either(chat: Chat, packed: bool) -> None:
    whose, export = chat.visitor, exported(chat.visitor)
    if packed:
        brought = bring_in_file(whose, zip_of({"chats.json": json.dumps(export)}))
        address = str(brought.location).partition("?")[0]
    else:
        address = imported(whose, export)
    copy = Chat.at(whose, address)
    [_, answered] = copy.page().all(data_testid="message", data_kind="user")
    assert len(copy.page().all(data_testid="edit")) == 1
    assert edit(copy, "changed", message=answered["data-message-id"]).status_code == 404
    # The copy of a copy, too.
    again = Chat.at(whose, imported(whose, exported(whose, copy.address)))
    [_, answered] = again.page().all(data_testid="message", data_kind="user")
    assert edit(again, "changed", message=answered["data-message-id"]).status_code == 404


def test_an_export_from_before_can_still_be_imported(chat: Chat) -> None:
    export = exported(chat.visitor)
    for message in export["chats"][0]["messages"]:
        message.pop("details", None)
    page = parse(chat.visitor.get(imported(chat.visitor, export)).text)
    assert "Go on, Ada?" in page.text
    assert page.all(data_testid="question") == []


@pytest.mark.parametrize(
    ("place", "details", "problem"),
    [
        (2, {"answers": "5f0b"}, "must be true or false"),
        (1, {"question": {"kind": "user", "status": "late"}}, "must be "),
        (1, {"question": {"kind": "bot", "status": "open"}}, "must be "),
        (1, {"question": {"kind": "user", "status": "open", "actions": []}}, "unknown"),
        (1, {"question": True}, "must be an object"),
        (1, {"answers": True}, "unknown"),
        (2, {"question": {"kind": "user", "status": "answered"}}, "unknown"),
    ],
)
def test_a_question_that_is_none_is_refused(
    chat: Chat, place: int, details: dict[str, object], problem: str
) -> None:
    export = exported(chat.visitor)
    export["chats"][0]["messages"][place]["details"] = details
    refused = bring_in(chat.visitor, export)
    assert (refused.status_code, problem in refused.text) == (422, True)
