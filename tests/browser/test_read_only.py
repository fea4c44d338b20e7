"""A profile is withdrawn while its chat is open: what was said stays, and there is a way on."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chatty import Chatty
from tests.browser.guard import Guard
from tests.browser.steps import (
    ask,
    choose,
    composer,
    ended,
    messages,
    notices,
    open_chat,
    started,
    wait_until,
)
from tests.support.log import LogReader

pytestmark = pytest.mark.browser


def withdraw(page: Page, chatty: Chatty, guard: Guard) -> None:
    """Have a chat, withdraw its profile, and write once more."""
    guard.expect("status of 403")
    open_chat(page, chatty.site)
    ask(page, "Hello")
    ended(page)
    chatty.offer("terse")
    ask(page, "Are you still there?")


def test_the_chat_becomes_one_to_read(desktop: Page, chatty: Chatty, guard: Guard) -> None:
    withdraw(desktop, chatty, guard)
    expect(notices(desktop)).to_contain_text(["“Chatty” of this chat is no longer available"])
    expect(messages(desktop)).to_have_count(2)
    expect(composer(desktop)).to_have_count(0)
    assert chatty.heard == ["Hello"]


def test_it_stays_one_to_read_when_it_is_loaded_again(
    desktop: Page, chatty: Chatty, guard: Guard
) -> None:
    withdraw(desktop, chatty, guard)
    expect(notices(desktop)).to_have_count(1)
    desktop.reload()
    expect(notices(desktop)).to_contain_text(["no longer available"])
    expect(messages(desktop)).to_have_count(2)
    expect(composer(desktop)).to_have_count(0)


def test_the_text_is_in_the_next_chat(desktop: Page, chatty: Chatty, guard: Guard) -> None:
    withdraw(desktop, chatty, guard)
    expect(desktop.get_by_label("Your message was not sent")).to_have_value("Are you still there?")
    desktop.get_by_role("button", name="Start a new chat").click()
    started(desktop, "terse")
    expect(composer(desktop)).to_have_value("Are you still there?")
    composer(desktop).press("Enter")
    expect(ended(desktop)).to_contain_text("You said: Are you still there?")


def test_another_profile_can_be_chosen_instead(desktop: Page, chatty: Chatty, guard: Guard) -> None:
    withdraw(desktop, chatty, guard)
    expect(notices(desktop)).to_have_count(1)
    chatty.offer("terse", "third")
    desktop.reload()
    choose(desktop, "third")
    expect(composer(desktop)).to_have_value("Are you still there?")


def test_the_focus_is_not_lost(desktop: Page, chatty: Chatty, guard: Guard) -> None:
    withdraw(desktop, chatty, guard)
    expect(notices(desktop)).to_have_count(1)
    wait_until(desktop, "document.activeElement !== document.body")


def test_it_is_logged(desktop: Page, chatty: Chatty, guard: Guard, log: LogReader) -> None:
    withdraw(desktop, chatty, guard)
    expect(notices(desktop)).to_have_count(1)
    assert log.one("profile.refused")["profile"] == "chatty"


def test_without_javascript(without_javascript: Page, chatty: Chatty, guard: Guard) -> None:
    guard.expect("status of 403")
    page = without_javascript
    page.goto(chatty.site.url)
    page.get_by_role("button", name="Start chat").click()
    started(page, "chatty")
    chatty.offer("terse")
    composer(page).fill("Are you still there?")
    page.get_by_test_id("send").click()
    expect(notices(page)).to_contain_text(["no longer available"])
    expect(page.get_by_label("Your message was not sent")).to_have_value("Are you still there?")
    page.get_by_role("button", name="Start a new chat").click()
    started(page, "terse")
