"""Stopping an answer, and having it tried again."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chatty import Chatty, ChattyMaker
from tests.browser.steps import answer, ask, composer, ended, focus_is, messages, open_chat

pytestmark = pytest.mark.browser


def begin(page: Page, chatty: Chatty) -> None:
    """Open a chat and have an answer begun."""
    open_chat(page, chatty.site)
    ask(page, "dictate")
    chatty.dictate("So far.")
    expect(answer(page)).to_contain_text("So far.")


def test_send_becomes_stop_while_an_answer_is_written(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    expect(desktop.get_by_test_id("stop")).to_have_count(0)
    ask(desktop, "dictate")
    expect(desktop.get_by_role("button", name="Stop")).to_be_visible()
    expect(desktop.get_by_role("button", name="Send")).to_have_count(0)
    stop = desktop.get_by_test_id("stop").bounding_box()
    chatty.end()
    expect(desktop.get_by_role("button", name="Send")).to_be_visible()
    assert desktop.get_by_test_id("send").bounding_box() == stop
    expect(desktop.get_by_test_id("stop")).to_have_count(0)


def test_what_was_written_stays_and_says_so(desktop: Page, chatty: Chatty) -> None:
    begin(desktop, chatty)
    desktop.get_by_test_id("stop").click()
    expect(ended(desktop, "stopped").locator(".prose")).to_have_text("So far.")
    expect(answer(desktop)).to_contain_text("Stopped")
    expect(desktop.get_by_test_id("send")).to_be_visible()
    desktop.reload()
    expect(answer(desktop)).to_contain_text("Stopped")
    expect(answer(desktop).locator(".prose")).to_have_text("So far.")


def test_stop_before_the_first_word(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    desktop.get_by_test_id("stop").click()
    expect(ended(desktop, "stopped")).to_contain_text("Stopped before an answer came.")


def test_stop_by_keyboard(desktop: Page, chatty: Chatty) -> None:
    begin(desktop, chatty)
    expect(composer(desktop)).to_be_focused()
    desktop.keyboard.press("Tab")
    focus_is(desktop, "stop")
    desktop.keyboard.press("Enter")
    ended(desktop, "stopped")
    focus_is(desktop, "composer-input")


def test_after_a_click_on_stop_one_can_type_at_once(desktop: Page, chatty: Chatty) -> None:
    begin(desktop, chatty)
    desktop.get_by_test_id("stop").click()
    focus_is(desktop, "composer-input")
    ended(desktop, "stopped")
    desktop.keyboard.type("Something else")
    desktop.keyboard.press("Enter")
    expect(ended(desktop)).to_contain_text("You said: Something else")


def test_try_again_runs_it_again(desktop: Page, chatty: Chatty) -> None:
    begin(desktop, chatty)
    desktop.get_by_test_id("stop").click()
    ended(desktop, "stopped")
    desktop.get_by_role("button", name="Try again").click()
    chatty.dictate("All of it.")
    chatty.end()
    expect(ended(desktop).locator(".prose")).to_have_text("All of it.")
    assert chatty.heard == ["dictate", "dictate"]
    expect(desktop.locator("[data-kind=user]")).to_have_count(1)
    expect(desktop.get_by_test_id("retry")).to_have_count(0)


def test_try_again_after_a_failure(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "fail")
    ended(desktop, "failed")
    desktop.get_by_test_id("retry").click()
    expect(desktop.locator("[data-kind=error]")).to_have_count(2)
    assert chatty.heard == ["fail", "fail"]


def test_stop_in_another_tab_ends_it_here_too(desktop: Page, chatty: Chatty) -> None:
    begin(desktop, chatty)
    other = desktop.context.new_page()
    other.goto(desktop.url)
    expect(answer(other)).to_contain_text("So far.")
    other.get_by_test_id("stop").click()
    for page in (other, desktop):
        expect(ended(page, "stopped").locator(".prose")).to_have_text("So far.")
    expect(messages(desktop)).to_have_count(2)


def test_stop_is_as_good_when_the_page_polls(desktop: Page, chatty_with: ChattyMaker) -> None:
    chatty = chatty_with(streaming="poll")
    begin(desktop, chatty)
    desktop.get_by_test_id("stop").click()
    expect(ended(desktop, "stopped").locator(".prose")).to_have_text("So far.")
    expect(desktop.get_by_test_id("send")).to_be_visible()
