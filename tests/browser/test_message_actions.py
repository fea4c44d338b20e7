"""What can be done with a message: rate it, comment on it, edit it, have it answered again."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.chatty import Chatty, ChattyMaker
from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.guard import UNREACHABLE, Guard
from tests.browser.steps import (
    HeldRequests,
    answer,
    ask,
    composer,
    ended,
    focus_is,
    idle,
    messages,
    notices,
    open_chat,
    scroll_to,
)
from tests.browser.test_accessibility import findings
from tests.browser.test_layout import box
from tests.support.rows import column, count

pytestmark = pytest.mark.browser
SCREENS = pytest.mark.parametrize("options", [PHONE, DESKTOP], ids=["phone", "desktop"])


def thumb(page: Page, value: str) -> Locator:
    """Return a thumb under the last answer."""
    return page.locator(f"[data-testid=rate][data-value={value}]").last


def given(page: Page, value: str, *, pressed: bool = True) -> None:
    """Wait until a thumb under the last answer is given, or is not."""
    expect(thumb(page, value)).to_have_attribute("aria-pressed", str(pressed).lower())


def again(page: Page) -> Locator:
    """Return the button for another answer, where one can be seen."""
    return page.locator("[data-testid=regenerate]:visible")


def editor(page: Page) -> Locator:
    """Return what opens the field for another text of the last message, if it can be seen."""
    return page.locator("[data-testid=edit]:visible").last


def edit(page: Page, text: str) -> None:
    """Put another text in the place of the last message."""
    editor(page).click()
    page.locator("[data-testid=edit-input]:visible").fill(text)
    page.locator("[data-testid=save]:visible").click()


def texts(page: Page) -> list[str]:
    """Return what is said in the chat."""
    return [text.strip() for text in messages(page).locator(".prose").all_inner_texts()]


def talked(page: Page, chatty: Chatty, *asked: str) -> None:
    """Ask something in a new chat, and wait for each answer."""
    open_chat(page, chatty.site)
    for text in asked:
        ask(page, text)
        ended(page)
        expect(messages(page).filter(has_text=text).first).to_be_visible()


def test_a_thumb_is_given_changed_and_taken_back(desktop: Page, chatty: Chatty) -> None:
    talked(desktop, chatty, "Good morning")
    thumb(desktop, "up").click()
    given(desktop, "up")
    expect(thumb(desktop, "up")).to_have_text("Good answer")
    expect(desktop.locator(".thanks").last).to_have_text("Thank you.")
    expect(thumb(desktop, "up")).to_be_focused()
    thumb(desktop, "down").click()
    given(desktop, "down")
    given(desktop, "up", pressed=False)
    assert column(chatty.site.app, "feedback.value") == [-1]
    thumb(desktop, "down").click()
    given(desktop, "down", pressed=False)
    expect(desktop.locator(".thanks:visible > :visible")).to_have_count(0)
    assert count(chatty.site.app, "feedback") == 0


def test_a_rating_is_there_when_the_page_is_loaded_anew(desktop: Page, chatty: Chatty) -> None:
    talked(desktop, chatty, "One", "Two")
    desktop.locator("[data-testid=rate][data-value=down]").first.click()
    expect(desktop.locator("[aria-pressed=true]")).to_have_count(1)
    desktop.reload()
    expect(desktop.locator("[data-testid=rate][aria-pressed=true]")).to_have_count(1)
    given(desktop, "down", pressed=False)


def test_a_comment_is_sent_and_stays_in_its_field(desktop: Page, chatty: Chatty) -> None:
    talked(desktop, chatty, "Good morning")
    expect(desktop.locator("[data-testid=comment]:visible")).to_have_count(0)
    thumb(desktop, "down").click()
    desktop.get_by_test_id("comment").click()
    field = desktop.get_by_label("What was good or wrong?")
    field.fill("Too short.\nReally.")
    desktop.get_by_test_id("send-comment").click()
    expect(desktop.locator(".thanks").last).to_contain_text("Thank you.")
    expect(field).to_have_value("Too short.\nReally.")
    idle(desktop)
    assert column(chatty.site.app, "feedback.comment") == ["Too short.\nReally."]
    desktop.reload()
    desktop.get_by_test_id("comment").click()
    expect(field).to_have_value("Too short.\nReally.")


def test_rating_an_earlier_answer_is_no_news(desktop: Page, chatty: Chatty) -> None:
    talked(desktop, chatty, "at-once 30", "at-once 30")
    scroll_to(desktop, 100)
    up = desktop.locator("[data-testid=rate][data-value=up]").first
    up.evaluate("e => e.click()")
    expect(up).to_have_attribute("aria-pressed", "true")
    expect(desktop.get_by_role("button", name="New messages")).to_be_hidden()


def test_a_comment_too_long_is_refused_and_kept(
    desktop: Page, chatty: Chatty, guard: Guard
) -> None:
    guard.expect("status of 413")
    talked(desktop, chatty, "Good morning")
    thumb(desktop, "down").click()
    desktop.get_by_test_id("comment").click()
    field = desktop.get_by_label("What was good or wrong?")
    field.evaluate("e => { e.removeAttribute('maxlength'); e.value = 'x'.repeat(4001) }")
    desktop.get_by_test_id("send-comment").click()
    expect(notices(desktop)).to_contain_text("4,000")
    expect(field).to_have_value("x" * 4001)


def test_what_streams_can_be_rated_when_it_has_ended(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    chatty.dictate("Some words")
    expect(answer(desktop)).to_contain_text("Some words")
    expect(desktop.locator("[data-testid=rate]:visible")).to_have_count(0)
    chatty.end()
    ended(desktop)
    thumb(desktop, "up").click()
    given(desktop, "up")
    assert column(chatty.site.app, "feedback.value") == [1]


def test_an_answer_is_heard_without_its_buttons(desktop: Page, chatty: Chatty) -> None:
    talked(desktop, chatty, "Good morning")
    expect(desktop.locator("#spoken")).to_have_text("Chatty: You said: Good morning")


@pytest.mark.parametrize("streaming", ["auto", "poll"])
def test_another_text_takes_the_place_of_the_last(
    desktop: Page, chatty_with: ChattyMaker, streaming: str
) -> None:
    chatty = chatty_with(streaming=streaming)
    talked(desktop, chatty, "One", "Two")
    edit(desktop, "Three")
    expect(messages(desktop)).to_have_count(4)
    ended(desktop)
    expect(answer(desktop)).to_contain_text("You said: Three")
    assert texts(desktop) == ["One", "You said: One", "Three", "You said: Three"]
    edit(desktop, "Four")
    expect(answer(desktop)).to_contain_text("You said: Four")
    expect(editor(desktop)).to_have_count(1)


def test_an_earlier_message_is_edited_and_its_versions_are_an_arrow_away(
    desktop: Page, chatty: Chatty
) -> None:
    open_chat(desktop, chatty.site)
    for text in ("first", "second"):
        ask(desktop, text)
        ended(desktop)
    expect(messages(desktop)).to_have_count(4)
    desktop.reload()
    messages(desktop).first.hover()
    desktop.get_by_test_id("edit").first.click()
    field = desktop.locator("#messages > .said").first.get_by_test_id("edit-input")
    field.fill("first, changed")
    field.press("Tab")
    desktop.keyboard.press("Enter")
    expect(desktop.get_by_text("2 of 2", exact=True)).to_be_visible()
    ended(desktop)
    expect(messages(desktop)).to_have_count(2)

    desktop.get_by_test_id("variant-previous").focus()
    desktop.keyboard.press("Enter")
    expect(messages(desktop)).to_have_count(4)
    expect(desktop.get_by_text("1 of 2", exact=True)).to_be_visible()
    assert findings(desktop) == []
    desktop.get_by_test_id("variant-next").click()
    expect(desktop.get_by_text("2 of 2", exact=True)).to_be_visible()
    expect(composer(desktop)).to_be_visible()


@pytest.mark.parametrize("streaming", ["auto", "poll"])
def test_a_new_answer_streams_into_the_place_of_the_old_one(
    desktop: Page, chatty_with: ChattyMaker, streaming: str
) -> None:
    chatty = chatty_with(streaming=streaming)
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    chatty.dictate("The first answer.")
    chatty.end()
    ended(desktop)
    again(desktop).click()
    expect(answer(desktop)).to_have_attribute("data-status", "streaming")
    expect(answer(desktop)).not_to_contain_text("first")
    expect(again(desktop)).to_have_count(0)
    expect(editor(desktop)).to_have_count(0)
    chatty.dictate("The second ")
    expect(answer(desktop)).to_contain_text("The second")
    chatty.dictate("one.")
    chatty.end()
    expect(ended(desktop)).to_contain_text("The second one.")
    expect(messages(desktop)).to_have_count(2)
    expect(again(desktop)).to_have_count(1)
    thumb(desktop, "up").click()
    given(desktop, "up")
    assert chatty.heard == ["dictate", "dictate"]


def test_an_edited_message_streams_and_can_be_stopped(desktop: Page, chatty: Chatty) -> None:
    talked(desktop, chatty, "One")
    edit(desktop, "endless")
    expect(answer(desktop)).to_contain_text("word word")
    desktop.get_by_test_id("stop").click()
    ended(desktop, "stopped")
    expect(again(desktop)).to_have_count(0)
    expect(desktop.get_by_test_id("retry")).to_be_visible()
    edit(desktop, "Two")
    expect(ended(desktop)).to_contain_text("You said: Two")
    expect(messages(desktop)).to_have_count(2)


def test_with_the_next_message_the_buttons_move_on(desktop: Page, chatty: Chatty) -> None:
    talked(desktop, chatty, "One")
    expect(editor(desktop)).to_have_count(1)
    ask(desktop, "dictate")
    expect(editor(desktop)).to_have_count(0)
    chatty.dictate("Words")
    chatty.end()
    ended(desktop)
    expect(editor(desktop)).to_have_count(1)
    expect(again(desktop)).to_have_count(1)
    edit(desktop, "Two")
    expect(ended(desktop)).to_contain_text("You said: Two")
    assert texts(desktop) == ["One", "You said: One", "Two", "You said: Two"]


def test_what_was_typed_stays_while_another_message_is_edited(
    desktop: Page, chatty: Chatty
) -> None:
    talked(desktop, chatty, "One")
    composer(desktop).fill("not sent yet")
    edit(desktop, "Two")
    expect(ended(desktop)).to_contain_text("You said: Two")
    expect(composer(desktop)).to_have_value("not sent yet")


def test_an_edit_that_is_refused_stays_in_its_field(desktop: Page, chatty: Chatty) -> None:
    talked(desktop, chatty, "One")
    edit(desktop, "ö" * 140_000)
    expect(desktop.locator(".edit").get_by_text("Shorten it")).to_be_visible()
    expect(desktop.get_by_test_id("edit-input")).to_have_value("ö" * 140_000)
    assert chatty.heard == ["One"]


def test_an_empty_edit_stays_in_its_field(desktop: Page, chatty: Chatty, guard: Guard) -> None:
    guard.expect("status of 422")
    talked(desktop, chatty, "One")
    edit(desktop, "\u200b")
    expect(notices(desktop)).to_contain_text("The message is empty.")
    expect(desktop.get_by_test_id("edit-input")).to_be_visible()
    expect(desktop.get_by_test_id("edit-input")).to_have_value("\u200b")
    desktop.keyboard.press("Escape")
    assert texts(desktop) == ["One", "You said: One"]
    assert chatty.heard == ["One"]


@pytest.mark.parametrize("arrives", [True, False])
def test_an_edit_is_in_its_place_before_the_server_has_answered(
    desktop: Page, chatty: Chatty, guard: Guard, arrives: bool
) -> None:
    talked(desktop, chatty, "One")
    held = HeldRequests(desktop, "**/edit")
    edit(desktop, "Two")
    expect(messages(desktop).first).to_contain_text("Two")
    expect(answer(desktop)).to_be_hidden()
    expect(desktop.get_by_test_id("edit-input")).to_be_hidden()
    route = held.take()
    if arrives:
        route.continue_()
        expect(ended(desktop)).to_contain_text("You said: Two")
        assert texts(desktop) == ["Two", "You said: Two"]
    else:
        guard.expect(*UNREACHABLE)
        route.abort()
        expect(notices(desktop)).to_be_visible()
        expect(desktop.get_by_test_id("edit-input")).to_be_visible()
        expect(desktop.get_by_test_id("edit-input")).to_have_value("Two")
        desktop.keyboard.press("Escape")
        assert texts(desktop) == ["One", "You said: One"]


def test_all_of_it_works_with_the_keyboard(desktop: Page, chatty: Chatty) -> None:
    talked(desktop, chatty, "One")
    editor(desktop).focus()
    desktop.keyboard.press("Enter")
    desktop.keyboard.press("Tab")
    desktop.keyboard.press("ControlOrMeta+a")
    desktop.keyboard.type("Two")
    desktop.keyboard.press("Tab")
    desktop.keyboard.press("Enter")
    expect(ended(desktop)).to_contain_text("You said: Two")
    thumb(desktop, "up").focus()
    desktop.keyboard.press("Space")
    given(desktop, "up")
    steps = [("Tab", "rate"), ("Tab", "comment")]
    steps += [("Shift+Tab", "rate"), ("Shift+Tab", "rate"), ("Shift+Tab", "regenerate")]
    for key, place in steps:
        desktop.keyboard.press(key)
        focus_is(desktop, place)
    desktop.keyboard.press("Enter")
    given(desktop, "up", pressed=False)
    assert chatty.heard == ["One", "Two", "Two"]


def test_an_editor_is_closed_by_the_button_that_opened_it(desktop: Page, chatty: Chatty) -> None:
    talked(desktop, chatty, "One")
    editor(desktop).click()
    expect(editor(desktop)).to_have_text("EditCancel")
    expect(editor(desktop).get_by_text("Cancel")).to_be_visible()
    editor(desktop).click()
    expect(desktop.get_by_test_id("edit-input")).to_be_hidden()


def test_it_works_without_javascript(without_javascript: Page, chatty: Chatty) -> None:
    page = without_javascript
    page.goto(chatty.site.url)
    page.get_by_role("button", name="Start chat").click()
    composer(page).fill("One")
    page.get_by_test_id("send").click()
    thumb(page, "down").click()
    given(page, "down")
    page.get_by_test_id("comment").click()
    page.get_by_label("What was good or wrong?").fill("Too short.")
    page.get_by_test_id("send-comment").click()
    page.get_by_test_id("comment").click()
    expect(page.get_by_label("What was good or wrong?")).to_have_value("Too short.")
    edit(page, "Two")
    expect(answer(page)).to_contain_text("You said: Two")
    again(page).click()
    expect(answer(page)).to_contain_text("You said: Two")
    assert chatty.heard == ["One", "Two", "Two"]
    assert column(chatty.site.app, "feedback.comment") == ["Too short."]


@pytest.mark.parametrize("options", [{}, PHONE], ids=["desktop", "phone"])
def test_it_is_accessible_and_large_enough(
    new_page: NewPage, chatty: Chatty, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    talked(page, chatty, "One")
    thumb(page, "up").click()
    given(page, "up")
    page.get_by_test_id("comment").click()
    editor(page).click()
    assert findings(page) == []
    page.emulate_media(color_scheme="dark")
    assert findings(page) == []
    for control in page.locator(".act:visible").all():
        size = box(control)
        assert min(size["width"], size["height"]) >= 24
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@SCREENS
def test_no_button_moves_when_a_rating_is_given_and_a_comment_opens(
    new_page: NewPage, chatty: Chatty, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    talked(page, chatty, "One")
    others = "[data-testid=copy-answer], [data-testid=regenerate], [data-testid=rate]"

    def places() -> list[float]:
        return [box(button)["x"] for button in page.locator(others).all()]

    before = places()
    assert len(before) == 4
    assert before == sorted(before), "the keyboard goes as the eye does"
    thumb(page, "down").click()
    given(page, "down")
    assert places() == before
    top = box(again(page))["y"] - box(thumb(page, "up"))["y"]
    page.get_by_test_id("comment").click()
    expect(page.get_by_test_id("send-comment")).to_be_visible()
    assert places() == before
    page.get_by_test_id("send-comment").click()
    expect(page.get_by_text("Thank you.").last).to_be_visible()
    assert places() == before
    assert box(again(page))["y"] - box(thumb(page, "up"))["y"] == top
    page.reload()
    page.locator(".said").last.click()
    assert places() == before


@SCREENS
def test_the_gaps_between_the_buttons_are_even(
    new_page: NewPage, chatty: Chatty, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    talked(page, chatty, "One")
    thumb(page, "up").click()
    given(page, "up")
    expect(page.get_by_test_id("comment")).to_be_visible()
    signs = [box(sign) for sign in page.locator(".answers:last-of-type .act .glyph").all()]
    assert len(signs) == 5
    gaps = {
        round(after["x"] - before["x"] - before["width"], 1)
        for before, after in itertools.pairwise(signs)
    }
    assert len(gaps) == 1, gaps
    text = page.locator(".answers:last-of-type .prose").last
    assert abs(signs[0]["x"] - box(text)["x"]) < 1
