"""The buttons that copy a block of code, and a whole answer."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.chatty import Chatty
from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.guard import UNREACHABLE, Guard
from tests.browser.steps import answer, ask, choose, composer, ended, open_chat
from tests.browser.test_accessibility import findings

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


def has_copied(page: Page, text: str) -> None:
    """Check by pasting it what lies on the clipboard."""
    composer(page).fill("")
    composer(page).press("Control+V")
    expect(composer(page)).to_have_value(text)


def test_a_click_copies_exactly_the_code(desktop: Page, chatty: Chatty) -> None:
    desktop.context.grant_permissions(["clipboard-read", "clipboard-write"])
    show_code(desktop, chatty)
    desktop.get_by_role("button", name="Copy", exact=True).click()
    expect(desktop.get_by_role("button", name="Copied")).to_be_visible()
    expect(desktop.locator("#spoken")).to_have_text("Copied")
    assert desktop.evaluate("navigator.clipboard.readText()") == CODE


def test_by_keyboard(desktop: Page, chatty: Chatty) -> None:
    desktop.context.grant_permissions(["clipboard-read", "clipboard-write"])
    show_code(desktop, chatty)
    desktop.get_by_role("button", name="Copy", exact=True).press("Enter")
    expect(desktop.get_by_role("button", name="Copied")).to_be_focused()
    has_copied(desktop, CODE)


def test_where_there_is_no_clipboard(desktop: Page, chatty: Chatty) -> None:
    desktop.add_init_script(NO_CLIPBOARD)  # as over plain HTTP
    show_code(desktop, chatty)
    desktop.get_by_role("button", name="Copy", exact=True).click()
    expect(desktop.get_by_role("button", name="Copied")).to_be_visible()
    has_copied(desktop, CODE)


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
    expect(desktop.get_by_role("button", name="Copy", exact=True)).to_have_count(3)
    choose(desktop, "terse")
    desktop.go_back()
    expect(desktop.get_by_role("button", name="Copy", exact=True)).to_have_count(3)


def test_a_button_in_use_survives_growing_text(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    chatty.dictate("```\ncode\n```\n\nMore")
    desktop.get_by_role("button", name="Copy", exact=True).focus()
    chatty.dictate(" and more.")
    expect(answer(desktop)).to_contain_text("More and more.")
    chatty.end()
    ended(desktop)
    expect(desktop.get_by_role("button", name="Copy", exact=True)).to_be_focused()


MARKDOWN = (
    "# Title\n\n| a | b |\n|---|--:|\n| **1** | `2` |\n\n```python\n\tx = 1\n```\n\n"
    "$x_{1}$ <b>&amp;"
)


def show_markdown(page: Page, chatty: Chatty) -> Locator:
    """Open a chat with an answer of all kinds of Markdown, and return its Copy button."""
    open_chat(page, chatty.site)
    ask(page, "dictate")
    chatty.dictate(*MARKDOWN)
    chatty.end()
    ended(page)
    return page.get_by_test_id("copy-answer")


@pytest.fixture(params=[PHONE, DESKTOP], ids=["phone", "desktop"])
def page(new_page: NewPage, request: pytest.FixtureRequest) -> Page:
    """Return a page of each size in turn."""
    options: dict[str, Any] = request.param
    return new_page(**options)


def test_a_whole_answer_is_copied_as_the_app_wrote_it(page: Page, chatty: Chatty) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    show_markdown(page, chatty).click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    expect(page.locator("#spoken")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == MARKDOWN
    assert findings(page) == []
    page.reload()
    page.get_by_test_id("copy-answer").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == MARKDOWN


def test_an_answer_is_copied_where_there_is_no_clipboard(desktop: Page, chatty: Chatty) -> None:
    desktop.add_init_script(NO_CLIPBOARD)
    show_markdown(desktop, chatty).press("Enter")
    expect(desktop.get_by_role("button", name="Copied")).to_be_focused()
    has_copied(desktop, MARKDOWN)


def test_an_answer_that_was_stopped_can_be_copied(desktop: Page, chatty: Chatty) -> None:
    desktop.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    chatty.dictate("So *far*")
    expect(answer(desktop)).to_contain_text("So far")
    expect(desktop.get_by_test_id("copy-answer")).to_have_count(0)
    desktop.get_by_test_id("stop").click()
    ended(desktop, "stopped")
    desktop.get_by_test_id("copy-answer").click()
    expect(desktop.get_by_role("button", name="Copied")).to_be_visible()
    assert desktop.evaluate("navigator.clipboard.readText()") == "So *far*"


def test_what_cannot_be_fetched_is_not_copied(desktop: Page, chatty: Chatty, guard: Guard) -> None:
    guard.expect(*UNREACHABLE)
    button = show_markdown(desktop, chatty)
    desktop.context.set_offline(True)
    button.click()
    expect(desktop.get_by_role("button", name="Not copied. Try again.")).to_be_visible()
    desktop.context.set_offline(False)


def test_a_rated_answer_keeps_its_button(desktop: Page, chatty: Chatty) -> None:
    show_markdown(desktop, chatty)
    desktop.locator("[data-testid=rate][data-value=up]").click()
    expect(desktop.locator("[data-testid=rate][aria-pressed=true]")).to_have_count(1)
    expect(desktop.get_by_test_id("copy-answer")).to_have_count(1)
