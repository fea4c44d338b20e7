"""Chats of thousands of messages: the newest are there at once, the others a page at a time."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import Element, parse
from tests.support.people import HTMX, Visitor
from tests.support.rows import every_row, fill, run_sql, statements
from webapp.pages.message_pages import PAGE_MESSAGES

ECHO = """
    import asyncio
    import webapp as cl

    @cl.on_message
    async def answer(message):
        if message.content in ("many", "wait"):
            for number in range(70):
                await cl.Message(f"part {number}").send()
        if message.content == "wait":
            await asyncio.sleep(30)
        await cl.Message(f"You wrote {message.content}").send()
"""


def long_chat(app: Flask, count: int) -> Chat:
    """Return a chat of so many messages."""
    chat = Chat(app)
    fill(app, chat.address.rpartition("/")[2], count)
    return chat


def numbers(page: Element) -> list[int]:
    """Return which of the numbered messages are on a page, in their order."""
    shown = page.all(data_testid="message")
    return [int(re.findall(r"Number (\d+)", message.text)[0]) for message in shown]


def link(page: Element) -> str | None:
    """Return where the link to earlier messages leads, if there is one."""
    found = page.all(data_testid="earlier")
    return found[0]["href"] if found else None


@pytest.fixture
def app(make_app: AppMaker) -> Flask:
    """Return an app that answers."""
    return make_app(ECHO)


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["pages", "fragments"])
def test_a_chat_of_five_thousand_messages_is_read_page_by_page(
    make_app: AppMaker, either_url: str, headers: dict[str, str]
) -> None:
    make_app.database_url = either_url
    chat = long_chat(make_app(ECHO), 5_000)
    page = chat.page()
    assert numbers(page) == list(range(4_951, 5_001))
    read = numbers(page)
    while address := link(page):
        page = parse(chat.visitor.get(address, headers=headers).text)
        assert len(numbers(page)) == PAGE_MESSAGES
        read = numbers(page) + read
    assert read == list(range(1, 5_001))


def test_a_chat_of_one_page_has_no_earlier_messages(app: Flask) -> None:
    page = long_chat(app, PAGE_MESSAGES).page()
    assert numbers(page) == list(range(1, PAGE_MESSAGES + 1))
    assert link(page) is None


def test_opening_a_chat_costs_the_same_however_long_it_is(app: Flask) -> None:
    short, long = Chat(app), Chat(app)
    fill(app, short.address.rpartition("/")[2], 2)
    fill(app, long.address.rpartition("/")[2], 2_000)
    counts = []
    for address in (short.address, long.address, f"{long.address}?before=1500"):
        visitor = short.visitor if address == short.address else long.visitor
        with statements(app) as run:
            assert visitor.get(address).status_code == 200
        counts.append(len(run))
    assert len(set(counts)) == 1, counts


def test_what_was_replaced_is_left_out_and_not_counted(app: Flask) -> None:
    chat = long_chat(app, 200)
    run_sql(app, "UPDATE messages SET replaced_by = chat_id WHERE sequence BETWEEN 100 AND 180")
    page = chat.page()
    assert numbers(page) == [*range(70, 100), *range(181, 201)]
    assert numbers(parse(chat.visitor.get(str(link(page))).text)) == list(range(20, 70))


def test_a_page_of_earlier_messages_leads_back_and_takes_no_message(app: Flask) -> None:
    chat = long_chat(app, 120)
    page = parse(chat.visitor.get(f"{chat.address}?before=71").text)
    assert numbers(page) == list(range(21, 71))
    assert page.one(data_testid="latest")["href"] == chat.address
    assert not page.all(data_testid="composer")


def test_the_newest_messages_follow_what_is_said_now(app: Flask) -> None:
    chat = long_chat(app, 120).say("more")
    shown = chat.page().all(data_testid="message")
    assert len(shown) == PAGE_MESSAGES
    assert "You wrote more" in shown[-1].text


def test_no_id_is_there_twice_where_a_page_ends_within_an_answer(app: Flask) -> None:
    chat = Chat(app).say("many").say("and then")
    newest = chat.visitor.get(chat.address).text
    earlier = chat.visitor.get(str(link(parse(newest))), headers=HTMX).text
    ids = re.findall(r' id="((?:turn-|message-|tail-)[^"]*)"', newest + earlier)
    assert len(ids) > 70
    assert len(ids) == len(set(ids))


def test_an_answer_that_is_being_written_is_there_as_a_whole(app: Flask) -> None:
    chat = Chat(app)
    chat.begin("wait")
    chat.until(lambda: len(chat.messages()) >= 70)
    page = chat.page()
    assert "part 0" in chat.messages()[0]
    assert link(page) is None
    chat.stop()


WRONG = ["0", "-1", "1.5", "", " 5", "+5", "05", "٣", "2147483648", "9" * 30, "5;", "5&before=6"]


@pytest.mark.parametrize("before", WRONG)
def test_a_number_that_no_message_has_is_refused(app: Flask, before: str) -> None:
    chat = long_chat(app, 3)
    assert chat.visitor.get(f"{chat.address}?before={before}").status_code == 400


def test_nothing_comes_before_the_first_message(app: Flask) -> None:
    chat = long_chat(app, 3)
    page = parse(chat.visitor.get(f"{chat.address}?before=1").text)
    assert numbers(page) == []
    assert "There are no earlier messages." in page.text


def test_earlier_messages_of_others_are_not_found(alice: Visitor, bob: Visitor) -> None:
    address = alice.start_chat()
    assert alice.get(f"{address}?before=5").status_code == 200
    assert bob.get(f"{address}?before=5").status_code == 404


def test_earlier_messages_need_a_login(alice: Visitor, anonymous: Visitor) -> None:
    answer = anonymous.get(f"{alice.start_chat()}?before=5")
    assert answer.status_code == 303
    assert "/login" in str(answer.location)


def test_reading_changes_nothing(app: Flask) -> None:
    chat = long_chat(app, 120)
    before = every_row(app)
    chat.visitor.get(f"{chat.address}?before=71")
    chat.visitor.get(f"{chat.address}?before=71", headers=HTMX)
    assert every_row(app) == before
