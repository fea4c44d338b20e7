"""Looking at what was there before a message was edited or answered again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import Element, parse
from tests.support.people import Visitor
from tests.test_editing import APP, edit, new_key, question, regenerate

PREVIOUS, NEXT = "variant-previous", "variant-next"


@pytest.fixture
def app(either_url: str, tmp_path: Path) -> Iterator[Flask]:
    """Return an app with login that numbers its answers."""
    with AppMaker.in_folder(tmp_path, either_url) as make:
        yield make(APP)


@pytest.fixture
def chat(app: Flask) -> Chat:
    """Return a chat of Alice's with two questions and their answers."""
    return Chat.of(Visitor(app).logged_in("alice"), "one").say("first").say("second")


def texts(page: Element, kind: str = "user") -> list[str]:
    shown = page.all(data_testid="message", data_kind=kind)
    return [message.with_class("prose")[0].text.strip() for message in shown]


def places(page: Element) -> list[str]:
    """Return which versions are shown, such as 2 of 3."""
    spans = [span for group in page.with_class("version") for span in group.all("span")]
    return [span.text for span in spans if " of " in span.text]


def follow(chat: Chat, page: Element, way: str, number: int = 0) -> Element:
    """Return the page to which an arrow leads."""
    answer = chat.visitor.get(str(page.all(data_testid=way)[number]["href"]).partition("#")[0])
    assert answer.status_code == 200
    return parse(answer.text)


def test_a_chat_without_other_versions_has_no_arrows(chat: Chat) -> None:
    assert places(chat.page()) == []
    assert chat.page().all(data_testid=PREVIOUS) == []


def test_each_version_of_a_message_is_an_arrow_away(chat: Chat) -> None:
    edit(chat, "second, changed")
    edit(chat, "second, once more")
    now = chat.page()
    assert (texts(now), places(now)) == (["first", "second, once more"], ["3 of 3"])
    assert now.all(data_testid=NEXT) == []
    before = follow(chat, now, PREVIOUS)
    assert (texts(before), places(before)) == (["first", "second, changed"], ["2 of 3"])
    assert "Answer 3 to second, changed" in texts(before, "assistant")
    first = follow(chat, before, PREVIOUS)
    assert (texts(first), places(first)) == (["first", "second"], ["1 of 3"])
    assert first.all(data_testid=PREVIOUS) == []
    assert texts(follow(chat, first, NEXT)) == ["first", "second, changed"]
    back = follow(chat, follow(chat, first, NEXT), NEXT)
    assert back.all(id="composer-input") != []
    assert texts(back) == texts(now)


def test_each_version_of_an_answer_is_an_arrow_away(chat: Chat) -> None:
    regenerate(chat)
    regenerate(chat)
    now = chat.page()
    assert places(now) == ["3 of 3"]
    before = follow(chat, now, PREVIOUS)
    assert texts(before, "assistant")[-1] == "Answer 3 to second"
    assert places(before) == ["2 of 3"]
    assert texts(follow(chat, before, PREVIOUS), "assistant")[-1] == "Answer 2 to second"


def test_what_followed_an_edited_message_is_there_with_its_own_versions(chat: Chat) -> None:
    regenerate(chat)  # of the second message
    edit(chat, "second, changed")
    chat.say("third")
    edit(chat, "first, changed", message=question(chat, 0))
    now = chat.page()
    assert (texts(now), places(now)) == (["first, changed"], ["2 of 2"])
    branch = follow(chat, now, PREVIOUS)
    assert texts(branch) == ["first", "second, changed", "third"]
    assert places(branch) == ["1 of 2", "2 of 2"]
    # The way back from the second message leads into this branch, and not to the chat of today.
    twig = follow(chat, branch, PREVIOUS)
    assert (texts(twig), places(twig)) == (["first", "second"], ["1 of 2", "1 of 2", "2 of 2"])
    assert texts(follow(chat, twig, NEXT, 1)) == ["first", "second, changed", "third"]
    leaf = follow(chat, twig, PREVIOUS)
    assert texts(leaf, "assistant")[-1] == "Answer 2 to second"


def test_a_version_is_read_only_and_of_its_owner(chat: Chat) -> None:
    edit(chat, "changed")
    address = str(chat.page().one(data_testid=PREVIOUS)["href"]).partition("#")[0]
    page = parse(chat.visitor.get(address).text)
    assert page.all("form", id="composer") == page.all(data_testid="edit") == []
    assert page.all(data_testid="rate-up") == []
    assert page.one(data_testid="latest")["href"] == chat.address
    assert Visitor(chat.visitor.app).logged_in("bob").get(address).status_code == 404
    for wrong in (new_key(), "x"):
        assert chat.visitor.get(f"{chat.address}/versions/{wrong}").status_code == 404
    other = Chat.of(chat.visitor, "one").say("elsewhere")
    assert chat.visitor.get(address.replace(chat.address, other.address)).status_code == 404
    assert chat.visitor.get(f"{address}?before=0").status_code == 400


def test_a_long_version_has_pages(chat: Chat) -> None:
    for number in range(3):
        chat.say(f"more {number}")
    edit(chat, "changed", message=question(chat, 1))
    address = str(chat.page().one(data_testid=PREVIOUS)["href"]).partition("#")[0]
    sequences = parse(chat.visitor.get(f"{address}?before=4").text)
    assert texts(sequences) == ["first"]
