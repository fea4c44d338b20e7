"""Starters: a click says what they suggest, or puts it into the composer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Locator, Page, expect

from tests.browser.chatty import Chatty, ChattyMaker
from tests.browser.site import Site
from tests.browser.steps import choose, composer, ended, focus_is, messages, open_chat
from tests.support.apps import AppMaker

pytestmark = pytest.mark.browser

OF_THE_APP = """
import webapp as cl

@cl.set_chat_profiles
def profiles():
    return [cl.ChatProfile("any", ""), cl.ChatProfile("none", "", starters=[])]

@cl.set_starters
def starters():
    return [cl.Starter(label="From the app", message="Hello, app")]

@cl.on_message
def answer(message):
    cl.Message(f"You said: {message.content}").send()
"""


def starter(page: Page, label: str) -> Locator:
    """Return a starter."""
    return page.locator(f'[data-testid=starter][data-label="{label}"]')


def test_a_click_sends(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    starter(desktop, "Ask at length").click()
    ended(desktop)
    assert chatty.heard == ["First line\nSecond line"]
    focus_is(desktop, "composer-input")


def test_enter_sends(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    starter(desktop, "Say hello").press("Enter")
    expect(ended(desktop)).to_contain_text("You said: Hello there!")


def test_a_double_click_sends_once(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    starter(desktop, "Say hello").dblclick()
    ended(desktop)
    expect(messages(desktop)).to_have_count(2)
    assert chatty.heard == ["Hello there!"]


def test_a_click_with_shift_fills_the_composer(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    starter(desktop, "Ask at length").click(modifiers=["Shift"])
    expect(composer(desktop)).to_have_value("First line\nSecond line")
    focus_is(desktop, "composer-input")
    assert chatty.heard == []


def test_what_was_typed_before_can_be_brought_back(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    composer(desktop).press_sequentially("My own")
    starter(desktop, "Say hello").click(modifiers=["Shift"])
    expect(composer(desktop)).to_have_value("Hello there!")
    composer(desktop).press("Control+z")
    expect(composer(desktop)).to_have_value("My own")


def test_enter_with_shift_fills_the_composer(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    starter(desktop, "Say hello").press("Shift+Enter")
    expect(composer(desktop)).to_have_value("Hello there!")
    assert chatty.heard == []


def test_a_site_may_have_them_fill_the_composer(desktop: Page, chatty_with: ChattyMaker) -> None:
    chatty = chatty_with(starters="fill")
    open_chat(desktop, chatty.site)
    starter(desktop, "Say hello").click()
    expect(composer(desktop)).to_have_value("Hello there!")
    desktop.keyboard.type(" And more.")
    desktop.keyboard.press("Enter")
    expect(ended(desktop)).to_contain_text("You said: Hello there! And more.")


def test_they_go_with_the_first_message(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    starter(desktop, "Say hello").click()
    ended(desktop)
    expect(starter(desktop, "Say hello")).to_be_hidden()
    desktop.reload()
    expect(desktop.get_by_test_id("starter")).to_have_count(0)


def test_a_draft_stays_when_a_starter_is_sent(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    composer(desktop).fill("My own words")
    starter(desktop, "Say hello").click()
    ended(desktop)
    expect(composer(desktop)).to_have_value("My own words")


def test_those_of_the_app_and_none_at_all(
    desktop: Page, make_app: AppMaker, serve: Callable[[Flask], Site]
) -> None:
    site = serve(make_app(OF_THE_APP))
    open_chat(desktop, site)
    choose(desktop, "none")
    expect(desktop.get_by_test_id("starter")).to_have_count(0)
    choose(desktop, "any")
    starter(desktop, "From the app").click()
    expect(ended(desktop)).to_contain_text("You said: Hello, app")
