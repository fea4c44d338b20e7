"""Keys that work anywhere on the page, and where the focus is when a page opens."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.chatty import Chatty
from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.site import Site
from tests.browser.steps import (
    answer,
    ask,
    composer,
    ended,
    focus_is,
    idle,
    messages,
    of_input_method,
    open_chat,
    open_selector,
    panel,
)
from tests.browser.test_accessibility import COLOURS, findings

pytestmark = pytest.mark.browser


def blur(page: Page) -> None:
    """Let nothing have the focus."""
    page.evaluate("document.activeElement.blur()")


def test_the_composer_has_the_focus_when_a_page_opens(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    focus_is(desktop, "composer-input")
    desktop.keyboard.type("Hello")
    desktop.keyboard.press("Enter")
    ended(desktop)
    desktop.reload()
    focus_is(desktop, "composer-input")


def test_the_composer_has_the_focus_behind_the_text_of_a_link(
    desktop: Page, chatty: Chatty
) -> None:
    desktop.goto(f"{chatty.site}/?prompt=Hello")
    expect(desktop.locator("#chat[data-chat-id]")).to_be_visible()
    focus_is(desktop, "composer-input")
    desktop.keyboard.type(" there")
    expect(composer(desktop)).to_have_value("Hello there")


def test_on_touch_no_keyboard_rises_when_a_page_opens(phone: Page, chatty: Chatty) -> None:
    open_chat(phone, chatty.site)
    expect(composer(phone)).not_to_be_focused()
    phone.goto(f"{chatty.site}/?prompt=Hello")
    expect(phone.locator("#chat[data-chat-id]")).to_be_visible()
    expect(composer(phone)).to_have_value("Hello")
    expect(composer(phone)).not_to_be_focused()


@pytest.mark.parametrize("keys", ["Control+k", "Meta+k", "/"])
def test_search(desktop: Page, chatty: Chatty, keys: str) -> None:
    open_chat(desktop, chatty.site)
    if keys == "/":
        blur(desktop)
    desktop.keyboard.press(keys)
    focus_is(desktop, "search-sidebar")
    expect(desktop.locator("#search-sidebar")).to_have_value("")


def test_search_unfolds_the_list(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    desktop.get_by_test_id("fold-history").click()
    expect(desktop.locator("#search-sidebar")).to_be_hidden()
    desktop.keyboard.press("Control+k")
    expect(desktop.locator("#search-sidebar")).to_be_in_viewport()
    focus_is(desktop, "search-sidebar")


def test_search_opens_the_drawer_on_a_narrow_screen(phone: Page, chatty: Chatty) -> None:
    open_chat(phone, chatty.site)
    phone.keyboard.press("Control+k")
    expect(phone.locator("#search-sidebar")).to_be_in_viewport()
    focus_is(phone, "search-sidebar")


def test_in_a_field_single_keys_are_text(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    desktop.keyboard.type("/?")
    expect(composer(desktop)).to_have_value("/?")
    expect(desktop.get_by_test_id("keys")).to_have_count(0)


def test_in_the_list_of_profiles_single_keys_do_nothing_else(desktop: Page, five: Site) -> None:
    open_chat(desktop, five)
    open_selector(desktop)
    desktop.keyboard.press("?")
    desktop.keyboard.press("/")
    expect(panel(desktop)).to_be_visible()
    expect(desktop.get_by_test_id("keys")).to_have_count(0)


@pytest.mark.parametrize("keys", ["Control+Shift+O", "Meta+Shift+O"])
def test_a_new_chat(desktop: Page, chatty: Chatty, keys: str) -> None:
    first = open_chat(desktop, chatty.site)
    ask(desktop, "Hello")
    ended(desktop)
    desktop.keyboard.press(keys)
    expect(desktop.locator(f"#chat[data-chat-id]:not([data-chat-id='{first}'])")).to_be_visible()
    expect(messages(desktop)).to_have_count(0)
    focus_is(desktop, "composer-input")


def test_escape_stops_the_answer(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    chatty.dictate("So far")
    expect(answer(desktop)).to_contain_text("So far")
    desktop.keyboard.press("Escape")
    ended(desktop, "stopped")


def test_escape_closes_what_is_open_and_stops_nothing(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    expect(answer(desktop)).to_have_attribute("data-status", "streaming")
    open_selector(desktop)
    desktop.keyboard.press("Escape")
    expect(panel(desktop)).to_be_hidden()
    expect(answer(desktop)).to_have_attribute("data-status", "streaming")
    chatty.end()
    idle(desktop)


def test_arrow_up_edits_the_last_message_and_escape_leaves_it(
    desktop: Page, chatty: Chatty
) -> None:
    open_chat(desktop, chatty.site)
    for text in ("First", "Second"):
        ask(desktop, text)
        expect(ended(desktop)).to_contain_text(text)
    desktop.keyboard.press("ArrowUp")
    focus_is(desktop, "edit-input")
    desktop.keyboard.type(" thoughts")
    expect(desktop.get_by_test_id("edit-input").last).to_have_value("Second thoughts")
    desktop.keyboard.press("Escape")
    expect(desktop.locator("[data-testid=edit-input]:visible")).to_have_count(0)
    focus_is(desktop, "composer-input")
    desktop.keyboard.type("Text")
    desktop.keyboard.press("ArrowUp")
    focus_is(desktop, "composer-input")


@pytest.mark.parametrize("opened", ["key", "button"])
@pytest.mark.parametrize("closed", ["key", "button"])
def test_the_focus_goes_back_to_where_the_edit_was_opened(
    desktop: Page, chatty: Chatty, opened: str, closed: str
) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "First")
    ended(desktop)
    # Once by the other way, which must leave no trace.
    for way in ({"key", "button"} - {opened}).pop(), opened:
        if way == "key":
            composer(desktop).press("ArrowUp")
        else:
            desktop.get_by_test_id("edit").click()
        expect(desktop.get_by_test_id("edit-input")).to_be_visible()
        if closed == "key":
            desktop.get_by_test_id("edit-input").press("Escape")
        else:
            desktop.get_by_test_id("edit").click()
        expect(desktop.get_by_test_id("edit-input")).to_be_hidden()
        focus_is(desktop, "composer-input" if way == "key" else "edit")


def test_escape_of_an_input_method_closes_nothing(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "First")
    ended(desktop)
    desktop.get_by_test_id("edit").click()
    field = desktop.get_by_test_id("edit-input")
    assert of_input_method(field, "Escape")
    expect(field).to_be_visible()
    field.press("Escape")
    expect(field).to_be_hidden()


def test_escape_from_elsewhere_leaves_the_focus_there(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "First")
    ended(desktop)
    desktop.get_by_test_id("edit").click()
    composer(desktop).press("Escape")
    expect(desktop.get_by_test_id("edit-input")).to_be_hidden()
    focus_is(desktop, "composer-input")


SEARCHES = pytest.mark.parametrize(
    ("options", "path"),
    [(DESKTOP, ""), (PHONE, ""), (DESKTOP, "/chats"), (DESKTOP, "/chats?q=first")],
    ids=["desktop", "phone", "page", "link"],
)


@SEARCHES
def test_escape_in_the_search_shows_all_chats_again(
    new_page: NewPage, chatty: Chatty, options: dict[str, Any], path: str
) -> None:
    page = new_page(**options)
    for text in ("First", "Second"):
        open_chat(page, chatty.site)
        ask(page, text)
        ended(page)
    if path:
        page.goto(f"{chatty.site}{path}")
    page.keyboard.press("Control+k")
    field, found = page.get_by_test_id("history-search"), page.get_by_test_id("history-item")
    for _ in range(2):  # the same word once more
        field.fill("first")
        expect(found).to_have_count(1)
        field.press("Escape")
        expect(field).to_have_value("")
        expect(found).to_have_count(2)
        expect(field).to_be_visible()
        expect(field).to_be_focused()


def test_escape_in_the_search_takes_the_choice_of_a_profile_back(
    desktop: Page, chatty: Chatty
) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "First")
    ended(desktop)
    desktop.get_by_test_id("history-filter").select_option("terse")
    expect(desktop.get_by_test_id("history-item")).to_have_count(0)
    desktop.get_by_test_id("history-search").press("Escape")
    expect(desktop.get_by_test_id("history-filter")).to_have_value("")
    expect(desktop.get_by_test_id("history-item")).to_have_count(1)


def test_a_second_escape_leaves_the_search_for_where_one_was(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    ask(desktop, "dictate")
    expect(answer(desktop)).to_have_attribute("data-status", "streaming")
    composer(desktop).press("Control+k")
    desktop.keyboard.type("word")
    desktop.keyboard.press("Escape")
    focus_is(desktop, "search-sidebar")
    desktop.keyboard.press("Escape")
    focus_is(desktop, "composer-input")
    expect(answer(desktop)).to_have_attribute("data-status", "streaming")
    chatty.end()
    idle(desktop)


def test_a_second_escape_closes_the_drawer(phone: Page, chatty: Chatty) -> None:
    open_chat(phone, chatty.site)
    phone.keyboard.press("Control+k")
    phone.keyboard.type("word")
    phone.keyboard.press("Escape")
    expect(phone.get_by_test_id("history")).to_be_visible()
    phone.keyboard.press("Escape")
    expect(phone.get_by_test_id("history")).to_be_hidden()


def test_arrow_up_without_a_message_does_nothing(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    desktop.keyboard.press("ArrowUp")
    focus_is(desktop, "composer-input")


@pytest.mark.parametrize("keys", ["?", "Control+/"])
def test_a_dialog_lists_the_keys(desktop: Page, chatty: Chatty, keys: str) -> None:
    open_chat(desktop, chatty.site)
    if keys == "?":
        blur(desktop)
    desktop.keyboard.press(keys)
    dialog = desktop.get_by_role("dialog", name="Keys")
    expect(dialog).to_contain_text("Search your chats")
    focus_is(desktop, "keys-close")
    assert findings(desktop) == []
    desktop.emulate_media(color_scheme="dark")
    assert findings(desktop, COLOURS) == []
    desktop.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_single_keys_can_be_switched_off(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    desktop.keyboard.press("Control+/")
    desktop.get_by_role("checkbox").uncheck()
    desktop.keyboard.press("Escape")
    for _ in range(2):
        blur(desktop)
        desktop.keyboard.press("?")
        desktop.keyboard.press("/")
        expect(desktop.get_by_role("dialog")).to_have_count(0)
        expect(desktop.locator("#search-sidebar")).not_to_be_focused()
        desktop.reload()  # it is kept


def test_enter_on_a_phone_starts_a_line_and_the_button_sends(phone: Page, chatty: Chatty) -> None:
    open_chat(phone, chatty.site)
    expect(phone.get_by_text("Enter sends")).to_be_hidden()
    composer(phone).tap()
    phone.keyboard.type("one")
    phone.keyboard.press("Enter")
    phone.keyboard.type("two")
    expect(composer(phone)).to_have_value("one\ntwo")
    phone.get_by_test_id("send").tap()
    ended(phone)
    assert chatty.heard == ["one\ntwo"]


def test_enter_sends_on_a_desktop_and_the_page_says_so(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    desktop.keyboard.type("one")
    desktop.keyboard.press("Enter")
    ended(desktop)
    expect(desktop.get_by_text("Enter sends")).to_be_visible()
    assert chatty.heard == ["one"]
