"""The end of a growing answer stays in sight, unless the reader looks elsewhere."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.chatty import Chatty
from tests.browser.steps import answer, ask, ended, open_chat, scroll_to, wait_until, wheel

pytestmark = pytest.mark.browser

LONG = "A paragraph of some words.\n\n" * 40
AT_END = "scrollY + innerHeight > document.documentElement.scrollHeight - 2"


def newest(page: Page) -> Locator:
    """Return the button that leads to new messages."""
    return page.get_by_role("button", name="New messages")


@pytest.fixture
def grown(desktop: Page, chatty: Chatty) -> Page:
    """Return a page with an answer that has grown beyond it and goes on."""
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    chatty.dictate(LONG)
    expect(answer(desktop).locator("p")).to_have_count(40)
    # The text is there a moment before the page follows it.
    wait_until(desktop, AT_END)
    return desktop


def test_new_text_is_followed(grown: Page, chatty: Chatty) -> None:
    chatty.dictate(LONG, "The end.")
    expect(answer(grown).get_by_text("The end.")).to_be_in_viewport()
    wait_until(grown, AT_END)
    expect(newest(grown)).to_be_hidden()


def test_who_has_scrolled_up_stays_there_and_is_told(grown: Page, chatty: Chatty) -> None:
    before = wheel(grown, -900)
    chatty.dictate("More.")
    expect(newest(grown)).to_be_visible()
    assert int(grown.evaluate("scrollY")) == before


def test_the_button_leads_to_the_end_and_goes(grown: Page, chatty: Chatty) -> None:
    scroll_to(grown, 0)
    chatty.dictate("More.")
    newest(grown).click()
    wait_until(grown, AT_END)
    expect(newest(grown)).to_be_hidden()
    chatty.dictate("And more.\n\nThe end.")
    expect(answer(grown).get_by_text("The end.")).to_be_in_viewport()


def test_scrolling_to_the_end_takes_the_button_away(grown: Page, chatty: Chatty) -> None:
    scroll_to(grown, 0)
    chatty.dictate("More.")
    expect(newest(grown)).to_be_visible()
    scroll_to(grown, "document.documentElement.scrollHeight")
    expect(newest(grown)).to_be_hidden()


def test_ones_own_message_is_always_shown(grown: Page, chatty: Chatty) -> None:
    chatty.end()
    ended(grown)
    scroll_to(grown, 0)
    ask(grown, "Good morning")
    expect(answer(grown)).to_contain_text("You said: Good morning")
    wait_until(grown, AT_END)


def test_a_chat_is_opened_at_its_end(grown: Page, chatty: Chatty) -> None:
    chatty.dictate("The end.")
    chatty.end()
    ended(grown)
    grown.reload()
    expect(answer(grown).get_by_text("The end.")).to_be_in_viewport()


def test_the_focus_is_not_lost_with_the_button(grown: Page, chatty: Chatty) -> None:
    scroll_to(grown, 0)
    chatty.dictate("More.")
    newest(grown).press("Enter")
    expect(newest(grown)).to_be_hidden()
    assert grown.evaluate("document.activeElement !== document.body")
