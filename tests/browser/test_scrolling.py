"""The end of a growing answer stays in sight, unless the reader looks elsewhere."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.chatty import Chatty, ChattyMaker
from tests.browser.conftest import NewPage
from tests.browser.steps import (
    answer,
    ask,
    ended,
    messages,
    open_chat,
    scroll_to,
    wait_until,
    wheel,
)

pytestmark = pytest.mark.browser

LONG = "A paragraph of some words.\n\n" * 40
AT_END = "scrollY + innerHeight > document.documentElement.scrollHeight - 2"


def newest(page: Page) -> Locator:
    """Return the button that leads to new messages."""
    return page.get_by_role("button", name="New messages")


def grow(page: Page, chatty: Chatty) -> Page:
    """Have an answer that has grown beyond the page and goes on; return the page."""
    open_chat(page, chatty.site)
    ask(page, "dictate")
    chatty.dictate("The beginning.\n\n")
    expect(answer(page).locator("p")).to_have_count(1)
    chatty.dictate(LONG)
    expect(answer(page).locator("p")).to_have_count(41)
    # The text is there a moment before the page follows it.
    wait_until(page, AT_END)
    return page


@pytest.fixture
def grown(desktop: Page, chatty: Chatty) -> Page:
    """Return a page with an answer that has grown beyond it and goes on."""
    return grow(desktop, chatty)


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


@pytest.mark.parametrize("step", [-5, -60])
def test_who_scrolls_up_slowly_is_not_pulled_back(grown: Page, chatty: Chatty, step: int) -> None:
    place = int(grown.evaluate("scrollY"))
    for word in ("one ", "two ", "three "):
        before, place = place, wheel(grown, step)
        assert place < before
        chatty.dictate(word)
        expect(answer(grown)).to_contain_text(word.strip())
    assert int(grown.evaluate("scrollY")) == place
    expect(newest(grown)).to_be_visible()


def test_a_long_answer_that_comes_at_once_is_read_from_its_beginning(
    desktop: Page, chatty_with: ChattyMaker
) -> None:
    chatty = chatty_with(streaming="inline")  # so that it does come at once on a busy machine, too
    open_chat(desktop, chatty.site)
    for paragraphs in (40, 41):
        ask(desktop, f"at-once {paragraphs}")
        expect(ended(desktop).locator("p")).to_have_count(paragraphs)
        expect(messages(desktop).get_by_text(f"at-once {paragraphs}")).to_be_in_viewport()
        expect(answer(desktop).locator("p").first).to_be_in_viewport()
    ask(desktop, "at-once 2")
    ended(desktop)
    wait_until(desktop, AT_END)


def test_the_button_is_in_sight_on_a_low_screen(new_page: NewPage, chatty: Chatty) -> None:
    low = grow(new_page(viewport={"width": 844, "height": 390}), chatty)
    scroll_to(low, 0)
    chatty.dictate("More.")
    expect(newest(low)).to_be_in_viewport(ratio=1)
    newest(low).click()
    wait_until(low, AT_END)


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
    wait_until(grown, "document.activeElement !== document.body")
