"""Coming back to a chat: it goes on by itself, and its beginning is there for who scrolls up."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.browser.guard import Guard
from tests.browser.site import Site
from tests.browser.steps import (
    answer,
    ask,
    composer,
    ended,
    messages,
    open_chat,
    scroll_to,
    started,
    wait_until,
    wheel,
)
from tests.support.apps import AppMaker
from tests.support.rows import fill

pytestmark = pytest.mark.browser

PLACE = """(text) => [...document.querySelectorAll(".message")]
    .find((message) => message.textContent.includes(text)).getBoundingClientRect().top"""


@pytest.fixture
def site(make_app: AppMaker, serve: Callable[[Flask], Site]) -> Iterator[Site]:
    """Return a site whose chats are resumed."""
    yield serve(make_app("resumes.py"))
    sys.modules["resumes"].GO_ON.set()


def left_chat(page: Page, site: Site) -> str:
    """Write in a chat and leave it for another one; return its address."""
    open_chat(page, site)
    ask(page, "Hello")
    ended(page)
    address = page.url
    page.get_by_test_id("new-chat").click()
    page.wait_for_url(lambda url: url != address)
    started(page)
    return address


def long_chat(page: Page, site: Site, count: int) -> str:
    """Open a chat of so many numbered messages, as somebody who comes back to it."""
    open_chat(page, site)
    address = page.url
    fill(site.app, address.rpartition("/")[2], count)
    page.goto("about:blank")
    page.goto(address)
    return address


def place_of(page: Page, text: str) -> float:
    """Return how far below the top of the window a message is."""
    return float(page.evaluate(PLACE, text))


def test_opening_a_chat_resumes_it(desktop: Page, site: Site) -> None:
    desktop.goto(left_chat(desktop, site))
    expect(ended(desktop)).to_contain_text("Welcome back after 2 messages.")
    desktop.reload()
    expect(messages(desktop)).to_have_count(3)


def test_what_is_typed_meanwhile_is_kept_and_sent_afterwards(desktop: Page, site: Site) -> None:
    sys.modules["resumes"].GO_ON.clear()
    desktop.goto(left_chat(desktop, site))
    expect(answer(desktop)).to_contain_text("Welcome back")
    ask(desktop, "And now?")
    expect(desktop.locator("#spoken")).to_contain_text("Send when the answer is finished")
    expect(composer(desktop)).to_have_value("And now?")
    sys.modules["resumes"].GO_ON.set()
    ended(desktop)
    composer(desktop).press("Enter")
    expect(ended(desktop)).to_contain_text("You wrote And now?")


@pytest.mark.parametrize("seconds", [0.0, 1.5])
def test_an_answer_can_be_had_again_when_resuming_says_nothing(
    desktop: Page, make_app: AppMaker, serve: Callable[[Flask], Site], seconds: float
) -> None:
    site = serve(
        make_app(f"""
            import time
            import webapp as cl

            @cl.on_chat_resume
            def resume(chat):
                time.sleep({seconds})

            @cl.on_message
            def answer(message):
                cl.Message("Hi").send()
        """)
    )
    with desktop.expect_response("**/resume"):
        desktop.goto(left_chat(desktop, site))
    ended(desktop)
    again = desktop.get_by_test_id("regenerate")
    expect(again).to_be_visible()
    again.click()
    expect(messages(desktop)).to_have_count(2)


def test_two_tabs_resume_a_chat_once(desktop: Page, site: Site) -> None:
    address = left_chat(desktop, site)
    other = desktop.context.new_page()
    other.goto(address)
    desktop.goto(address)
    for page in (desktop, other):
        expect(messages(page).filter(has_text="Welcome back")).to_have_count(1)
    expect(messages(desktop)).to_have_count(3)


def test_without_script_the_next_message_resumes(without_javascript: Page, site: Site) -> None:
    page = without_javascript
    page.goto(site.url)
    page.get_by_role("button", name="Start chat").click()
    started(page)
    composer(page).fill("Hello")
    page.get_by_test_id("send").click()
    address = page.url
    page.get_by_test_id("new-chat").click()
    page.goto(address)
    composer(page).fill("Again")
    page.get_by_test_id("send").click()
    expect(messages(page)).to_contain_text(
        ["Hello", "You wrote Hello", "Again", "Welcome back", "You wrote Again"]
    )


def test_scrolling_up_loads_earlier_messages_and_moves_nothing(desktop: Page, site: Site) -> None:
    long_chat(desktop, site, 130)
    expect(messages(desktop)).to_have_count(50)
    wait_until(desktop, "scrollY > 3000")
    scroll_to(desktop, 1400)
    before = place_of(desktop, "Number 99")
    moved = 1400 - wheel(desktop, -300)
    expect(messages(desktop)).to_have_count(100)
    # The wheel moved the page by 300, and the messages in front of it by as much as they are high.
    wait_until(desktop, "scrollY > 3000")
    assert place_of(desktop, "Number 99") == pytest.approx(before + 300, abs=2), moved


def test_every_message_is_reached_and_none_twice(desktop: Page, site: Site) -> None:
    long_chat(desktop, site, 130)
    for count in (100, 130):
        desktop.get_by_test_id("earlier").click()
        expect(messages(desktop)).to_have_count(count)
    expect(desktop.get_by_test_id("earlier")).to_have_count(0)
    expect(messages(desktop)).to_contain_text([f"Number {n}" for n in range(1, 131)])


def test_earlier_messages_are_neither_read_aloud_nor_new(desktop: Page, site: Site) -> None:
    long_chat(desktop, site, 130)
    scroll_to(desktop, 1400)
    wheel(desktop, -300)
    expect(messages(desktop)).to_have_count(100)
    expect(desktop.locator("#spoken")).to_be_empty()
    expect(desktop.get_by_role("button", name="New messages")).to_be_hidden()


def test_who_asks_for_earlier_ones_at_the_top_keeps_the_place(desktop: Page, site: Site) -> None:
    long_chat(desktop, site, 130)
    scroll_to(desktop, 0)
    before = place_of(desktop, "Number 81")
    desktop.get_by_test_id("earlier").click()
    expect(messages(desktop)).to_have_count(100)
    wait_until(desktop, "scrollY > 3000")  # htmx scrolls a moment after it has filled the page
    assert place_of(desktop, "Number 81") == pytest.approx(before, abs=3)


def test_nothing_loads_by_itself_at_the_top(desktop: Page, site: Site) -> None:
    long_chat(desktop, site, 300)
    scroll_to(desktop, 0)
    desktop.get_by_test_id("earlier").click()
    expect(messages(desktop)).to_have_count(100)
    desktop.wait_for_load_state("networkidle")
    expect(messages(desktop)).to_have_count(100)


def test_the_keyboard_stays_at_the_link(desktop: Page, site: Site) -> None:
    long_chat(desktop, site, 130)
    desktop.get_by_test_id("earlier").focus()
    desktop.keyboard.press("Enter")
    expect(messages(desktop)).to_have_count(100)
    expect(desktop.locator("#earlier:focus")).to_have_count(1)


def test_earlier_messages_are_a_page_without_script(without_javascript: Page, site: Site) -> None:
    page = without_javascript
    page.goto(site.url)
    page.get_by_role("button", name="Start chat").click()
    started(page)
    fill(site.app, page.url.rpartition("/")[2], 130)
    page.reload()
    for first in (31, 1):
        page.get_by_test_id("earlier").click()
        expect(messages(page).first).to_contain_text(f"Number {first}")
    page.get_by_test_id("latest").click()
    expect(messages(page).last).to_contain_text("Number 130")
    expect(composer(page)).to_be_visible()


def test_nothing_is_wrong_when_the_server_is_away(desktop: Page, site: Site, guard: Guard) -> None:
    long_chat(desktop, site, 130)
    guard.expect("net::ERR_", "Failed to fetch", "htmx:error")
    desktop.context.set_offline(True)
    scroll_to(desktop, 0)
    desktop.get_by_test_id("earlier").click()
    expect(desktop.get_by_test_id("notice")).to_be_visible()
    desktop.context.set_offline(False)
    desktop.get_by_test_id("earlier").click()
    expect(messages(desktop)).to_have_count(100)
