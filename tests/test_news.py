"""What a page that was idle is told of its chat when somebody looks at it again."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import Element, parse
from tests.support.people import HTMX
from tests.support.rows import column, fill, run_sql
from webapp.pages.message_pages import NEWS_MESSAGES, PAGE_MESSAGES


@pytest.fixture
def talker(make_app: AppMaker) -> Flask:
    """Return an app that answers what it is told."""
    return make_app("talker.py")


def asks(chat: Chat) -> Element:
    """Return what the page of a chat asks for news with."""
    return chat.page().one(id="turn")


def test_nothing_new_is_no_content(talker: Flask) -> None:
    chat = Chat(talker)
    for _ in range(2):
        answer = chat.visitor.get(asks(chat)["hx-get"], headers=HTMX)
        assert (answer.status_code, answer.data) == (204, b"")
        chat.say("Good morning")


def test_a_chat_that_went_on_comes_whole(talker: Flask) -> None:
    chat = Chat(talker).say("Good morning")
    before = asks(chat)
    chat.say("Good evening")
    answer = chat.visitor.get(before["hx-get"], headers=HTMX)
    assert answer.status_code == 200
    there = parse(answer.text).one(id=before["hx-target"].removeprefix("#"))
    assert "Good evening" in there.text
    assert parse(answer.text).one(id="turn")["hx-get"] == asks(chat)["hx-get"]


def test_only_what_stands_from_the_first_message_of_the_page_is_sent(talker: Flask) -> None:
    chat = Chat(talker).say("echo morning")
    known = asks(chat)["hx-get"]
    newest = column(talker, "messages.sequence")[-1]
    chat.say("echo evening")
    answer = chat.visitor.get(f"{known}&first={newest + 1}", headers=HTMX)
    assert answer.headers["HX-Retarget"] == "#messages"
    shown = parse(answer.text)
    said = [
        message.with_class("prose")[0].text.strip() for message in shown.all(data_testid="message")
    ]
    assert said == ["echo evening", "evening"]
    assert shown.one(id="turn")["hx-get"] == asks(chat)["hx-get"]


def test_a_page_that_is_far_behind_gets_the_chat(talker: Flask) -> None:
    chat = Chat(talker).say("Good morning")
    fill(talker, chat.address.rpartition("/")[2], NEWS_MESSAGES, after=10)
    answer = chat.visitor.get(f"{chat.address}/news?after=&under=&first=1", headers=HTMX)
    assert "HX-Retarget" not in answer.headers
    assert len(parse(answer.text).all(data_testid="message")) == PAGE_MESSAGES


@pytest.mark.parametrize("first", ["0", "-1", "a", "9" * 20, "%D9%A3", ""])
def test_a_first_message_that_cannot_be_is_refused(talker: Flask, first: str) -> None:
    chat = Chat(talker).say("Good morning")
    answer = chat.visitor.get(f"{chat.address}/news?first={first}", headers=HTMX)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "after", ["", "?after=", "?after=nonsense", "?after=%00", "?after=a&after=b"]
)
def test_a_name_that_is_no_turn_gets_the_chat(talker: Flask, after: str) -> None:
    chat = Chat(talker).say("Good morning")
    answer = chat.visitor.get(f"{chat.address}/news{after}", headers=HTMX)
    assert answer.status_code == 200
    assert "Good morning" in answer.text


def test_somebody_elses_chat_is_not_found(talker: Flask) -> None:
    theirs, own = Chat(talker).say("A secret"), Chat(talker)
    answer = own.visitor.get(f"{theirs.address}/news", headers=HTMX)
    assert answer.status_code == 404
    assert "A secret" not in answer.text


def test_without_htmx_it_leads_to_the_chat(talker: Flask) -> None:
    chat = Chat(talker)
    answer = chat.visitor.get(f"{chat.address}/news")
    assert (answer.status_code, answer.location) == (303, chat.address)


def test_a_chat_to_read_asks_for_nothing(talker: Flask) -> None:
    chat = Chat(talker).say("Good morning")
    run_sql(talker, "UPDATE chats SET profile = 'Gone'")
    assert asks(chat).get("hx-get") is None
