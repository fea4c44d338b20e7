"""The button that copies a block of code."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chatty import Chatty
from tests.browser.steps import answer, ask, choose, composer, ended, open_chat

pytestmark = pytest.mark.browser

CODE = 'if True:\n\tprint("<b>é</b>")\n\n  # end'
NO_CLIPBOARD = "Object.defineProperty(Navigator.prototype, 'clipboard', {get: () => undefined});"


def show_code(page: Page, chatty: Chatty) -> None:
    """Open a chat with an answer that has a block of code in it."""
    open_chat(page, chatty.site)
    ask(page, "dictate")
    chatty.dictate(f"Look:\n\n```python\n{CODE}\n```\n\nAnd ", "more.")
    chatty.end()
    ended(page)


def pasted(page: Page) -> str:
    """Return what lies on the clipboard."""
    composer(page).fill("")
    composer(page).press("Control+V")
    return composer(page).input_value()


def test_a_click_copies_exactly_the_code(desktop: Page, chatty: Chatty) -> None:
    desktop.context.grant_permissions(["clipboard-read", "clipboard-write"])
    show_code(desktop, chatty)
    desktop.get_by_role("button", name="Copy").click()
    expect(desktop.get_by_role("button", name="Copied")).to_be_visible()
    expect(desktop.locator("#spoken")).to_have_text("Copied")
    assert desktop.evaluate("navigator.clipboard.readText()") == CODE + "\n"


def test_by_keyboard(desktop: Page, chatty: Chatty) -> None:
    desktop.context.grant_permissions(["clipboard-read", "clipboard-write"])
    show_code(desktop, chatty)
    desktop.get_by_role("button", name="Copy").press("Enter")
    expect(desktop.get_by_role("button", name="Copied")).to_be_focused()
    assert pasted(desktop) == CODE + "\n"


def test_where_there_is_no_clipboard(desktop: Page, chatty: Chatty) -> None:
    desktop.add_init_script(NO_CLIPBOARD)  # as over plain HTTP
    show_code(desktop, chatty)
    desktop.get_by_role("button", name="Copy").click()
    expect(desktop.get_by_role("button", name="Copied")).to_be_visible()
    assert pasted(desktop).rstrip("\n") == CODE


def test_there_is_one_button_for_each_block(desktop: Page, chatty: Chatty) -> None:
    show_code(desktop, chatty)
    ask(desktop, "dictate")
    chatty.dictate("```\nfirst\n```\n\n", "```\nsecond")
    expect(answer(desktop).locator("pre")).to_have_count(2)
    chatty.dictate("\n```\n")
    chatty.end()
    ended(desktop)
    for block in desktop.locator(".message pre").all():
        expect(block.get_by_role("button")).to_have_count(1)
    desktop.reload()
    expect(desktop.get_by_role("button", name="Copy")).to_have_count(3)
    choose(desktop, "terse")
    desktop.go_back()
    expect(desktop.get_by_role("button", name="Copy")).to_have_count(3)


def test_a_button_in_use_survives_growing_text(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    chatty.dictate("```\ncode\n```\n\nMore")
    desktop.get_by_role("button", name="Copy").focus()
    chatty.dictate(" and more.")
    expect(answer(desktop)).to_contain_text("More and more.")
    chatty.end()
    ended(desktop)
    expect(desktop.get_by_role("button", name="Copy")).to_be_focused()
