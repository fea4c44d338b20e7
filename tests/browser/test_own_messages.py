"""One's own message: in the page at once, before the server has answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Locator, Page, expect

from tests.browser.chatty import Chatty, ChattyMaker
from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.guard import UNREACHABLE, Guard
from tests.browser.site import Site
from tests.browser.steps import HeldRequests, ask, composer, ended, messages, notices, open_chat
from tests.browser.test_accessibility import findings
from tests.support.apps import AppMaker

pytestmark = pytest.mark.browser


@pytest.fixture(params=[PHONE, DESKTOP], ids=["phone", "desktop"])
def page(new_page: NewPage, request: pytest.FixtureRequest) -> Page:
    """Return a page of each size in turn."""
    options: dict[str, Any] = request.param
    return new_page(**options)


def hold_messages(page: Page) -> HeldRequests:
    """Let no message reach the server until the test says so."""
    return HeldRequests(page, "**/messages")


def own(page: Page) -> Locator:
    """Return the user's messages."""
    return page.locator("[data-testid=messages] [data-testid=message][data-kind=user]")


def send(page: Page, text: str) -> None:
    """Write a message and press the button, as one does on a phone."""
    composer(page).fill(text)
    page.get_by_test_id("send").click()


def test_it_is_there_before_the_server_has_answered(page: Page, chatty: Chatty) -> None:
    open_chat(page, chatty.site)
    held = hold_messages(page)
    for number, text in enumerate(("Hello", "Two\nlines"), start=1):
        send(page, text)
        expect(own(page)).to_have_count(number)
        expect(own(page).last).to_contain_text(text)
        expect(own(page).last).to_be_in_viewport()
        expect(composer(page)).to_have_value("")
        held.take().continue_()
        expect(ended(page)).to_contain_text(f"You said: {text}")
        expect(own(page)).to_have_count(number)
        expect(own(page).last).to_have_attribute("data-status", "complete")


def test_it_looks_at_once_as_it_stays(page: Page, chatty: Chatty) -> None:
    open_chat(page, chatty.site)
    held = hold_messages(page)
    send(page, "\n\n    deeper\n  less  \n\n")
    expect(own(page)).to_have_attribute("data-status", "sending")
    at_once = own(page).locator(".prose").text_content()
    held.take().continue_()
    ended(page)
    assert own(page).locator(".prose").text_content() == at_once == "    deeper\n  less  "


def test_a_suggestion_is_there_at_once_too(page: Page, chatty: Chatty) -> None:
    open_chat(page, chatty.site)
    held = hold_messages(page)
    page.locator("[data-testid=starter][data-label='Say hello']").click()
    expect(own(page)).to_have_text("Hello there!")
    held.take().continue_()
    expect(ended(page)).to_contain_text("You said: Hello there!")
    expect(messages(page)).to_have_count(2)


def test_what_is_typed_meanwhile_is_the_next_message(page: Page, chatty: Chatty) -> None:
    open_chat(page, chatty.site)
    held = hold_messages(page)
    send(page, "Hello")
    expect(own(page)).to_have_count(1)
    composer(page).fill("And then")
    held.take().continue_()
    expect(ended(page)).to_contain_text("You said: Hello")
    expect(composer(page)).to_have_value("And then")


@pytest.mark.parametrize("meanwhile", ["", "And then"])
def test_what_does_not_arrive_comes_back(
    page: Page, chatty: Chatty, guard: Guard, meanwhile: str
) -> None:
    guard.expect(*UNREACHABLE)
    open_chat(page, chatty.site)
    held = hold_messages(page)
    send(page, "Hello")
    expect(own(page)).to_have_count(1)
    composer(page).fill(meanwhile)
    held.take().abort()
    expect(notices(page)).to_contain_text(["The server could not be reached."])
    expect(own(page)).to_have_count(0)
    expect(composer(page)).to_have_value(f"Hello\n{meanwhile}".rstrip("\n"))
    page.unroute("**/messages")
    page.get_by_test_id("send").click()
    expect(ended(page)).to_contain_text("You said: Hello")


def test_what_is_refused_comes_back(page: Page, chatty: Chatty, guard: Guard) -> None:
    guard.expect("status of 422")
    open_chat(page, chatty.site)
    send(page, "\u200b")
    expect(notices(page)).to_have_attribute("data-code", "422")
    expect(own(page)).to_have_count(0)
    expect(composer(page)).to_have_value("\u200b")


def test_html_in_it_is_text(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    held = hold_messages(desktop)
    text = "<img src=x onerror=alert(1)><b>bold</b>"
    ask(desktop, text)
    expect(own(desktop)).to_have_text(text)
    expect(own(desktop).locator("b, img")).to_have_count(0)
    held.take().continue_()
    ended(desktop)


def test_a_message_that_is_on_its_way_survives_a_reload(
    desktop: Page, chatty: Chatty, guard: Guard
) -> None:
    guard.expect(*UNREACHABLE)
    open_chat(desktop, chatty.site)
    ask(desktop, "First")
    ended(desktop)
    hold_messages(desktop)
    ask(desktop, "Not lost")
    expect(own(desktop)).to_have_count(2)
    desktop.reload()
    expect(own(desktop)).to_have_count(1)
    expect(composer(desktop)).to_have_value("Not lost")


def test_code_and_links_in_it_are_shown_as_such(page: Page, chatty: Chatty) -> None:
    open_chat(page, chatty.site)
    send(page, "Please fix:\n```python\nx = 1\n```\nas https://a.example/b says, *now*")
    ended(page)
    expect(own(page).locator("pre code")).to_have_text("x = 1\n")
    link = own(page).get_by_role("link", name="https://a.example/b")
    expect(link).to_have_attribute("href", "https://a.example/b")
    expect(own(page)).to_contain_text("says, *now*")
    expect(own(page).get_by_role("button", name="Copy")).to_have_count(1)
    assert findings(page) == []


def test_a_long_one_is_folded(page: Page, chatty: Chatty) -> None:
    open_chat(page, chatty.site)
    send(page, "\n".join(f"Line {number}" for number in range(200)))
    ended(page)
    text = own(page).locator(".prose")
    folded = text.bounding_box()
    assert folded is not None
    assert folded["height"] < 400
    assert findings(page) == []
    own(page).get_by_text("Show all").click()
    shown = text.bounding_box()
    assert shown is not None
    assert shown["height"] > 2_000
    own(page).get_by_text("Show less").click()
    again = text.bounding_box()
    assert again is not None
    assert again["height"] == folded["height"]


def test_a_short_one_is_not_folded(page: Page, chatty: Chatty) -> None:
    open_chat(page, chatty.site)
    send(page, "Short")
    ended(page)
    expect(own(page).locator("details.unfold")).to_have_count(0)


def test_the_limit_is_shown_near_it_and_holds(new_page: NewPage, chatty_with: ChattyMaker) -> None:
    chatty = chatty_with(message_bytes=2_048)
    for options in (PHONE, DESKTOP):
        page = new_page(**options)
        open_chat(page, chatty.site)
        composer(page).fill("a" * 1_800)
        expect(page.get_by_text("This message has")).to_have_count(0)
        composer(page).fill("ä" * 1_000)
        expect(page.get_by_text("This message has 2 of 2 kB.")).to_be_visible()
        composer(page).fill("ä" * 1_025)
        expect(page.get_by_text("This message has 3 of 2 kB. Shorten it")).to_be_visible()
        page.get_by_test_id("send").click()
        expect(own(page)).to_have_count(0)
        composer(page).fill("ä" * 1_024)
        page.get_by_test_id("send").click()
        ended(page)
        expect(page.get_by_text("This message has")).to_have_count(0)
    assert chatty.heard == ["ä" * 1_024] * 2


SPEAKS = """
    import asyncio
    import chat_profiles as cl

    @cl.on_message
    async def answer(message):
        await cl.Message("Before").send()
        spoken = cl.Message("", type="user_message")
        for word in ("one ", "two ", "**three**"):
            await spoken.stream_token(word)
            await asyncio.sleep(0.1)
        await spoken.send()
        await cl.Message("After").send()
"""


@pytest.mark.parametrize("streaming", ["auto", "poll"])
def test_what_the_app_sends_for_the_user_looks_as_if_typed(
    page: Page, make_app: AppMaker, serve: Callable[[Flask], Site], streaming: str
) -> None:
    open_chat(page, serve(make_app(SPEAKS, streaming=streaming)))
    send(page, "Hello")
    expect(ended(page).last).to_contain_text("After")
    for _ in ("live", "reloaded"):
        typed, spoken = own(page).nth(0), own(page).nth(1)
        expect(spoken).to_contain_text("one two **three**")
        expect(spoken).to_have_attribute("data-author", str(typed.get_attribute("data-author")))
        # On the same side, with the same name for screen readers, and nothing to edit.
        assert right_edge(typed) == right_edge(spoken)
        assert [it.locator("header bdi").inner_text() for it in (typed, spoken)] == ["You", "You"]
        expect(page.get_by_test_id("edit")).to_have_count(1)
        page.reload()


def right_edge(message: Locator) -> float:
    box = message.locator(".prose").bounding_box()
    assert box is not None
    return box["x"] + box["width"]
