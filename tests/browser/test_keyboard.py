"""Everything by keyboard alone, and the focus always somewhere sensible."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.guard import UNREACHABLE, Guard
from tests.browser.site import Site
from tests.browser.steps import focus_is, log_in, open_chat, panel, started

pytestmark = pytest.mark.browser

RING = """() => {
    const field = document.activeElement.closest(".composer-box, .finder-field");
    const style = getComputedStyle(field ?? document.activeElement);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
}"""


def press(page: Page, *keys: str) -> None:
    """Press keys, one after the other."""
    for key in keys:
        page.keyboard.press(key)


def open_by_keyboard(page: Page, site: Site) -> None:
    """Start a chat and open the list of profiles: the focus is on the current one by then."""
    open_chat(page, site)
    page.locator("#profile-button").focus()
    page.keyboard.press("Enter")
    expect(page.locator("[aria-checked=true]")).to_be_focused()


def test_log_in(desktop: Page, roles: Site) -> None:
    desktop.goto(f"{roles.url}/login")
    focus_is(desktop, "username")
    desktop.keyboard.type("alice")
    press(desktop, "Tab")
    focus_is(desktop, "password")
    desktop.keyboard.type("alicealice")
    desktop.keyboard.press("Enter")
    started(desktop, "team")


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_the_selector_opens_at_the_current_profile(desktop: Page, five: Site, key: str) -> None:
    open_chat(desktop, five)
    desktop.locator("#profile-button").focus()
    press(desktop, key)
    focus_is(desktop, "editor")
    assert desktop.evaluate(RING)


def test_arrows_move_and_wrap_without_choosing(desktop: Page, five: Site) -> None:
    open_by_keyboard(desktop, five)
    for name in ("coder", "plain", "long", "writer"):
        press(desktop, "ArrowDown")
        focus_is(desktop, name)
    press(desktop, "ArrowUp")
    focus_is(desktop, "long")
    checked = desktop.locator("[aria-checked=true]")
    expect(checked).to_have_attribute("data-profile", "editor")


def test_home_and_end(desktop: Page, five: Site) -> None:
    open_by_keyboard(desktop, five)
    press(desktop, "End")
    focus_is(desktop, "long")
    press(desktop, "Home")
    focus_is(desktop, "writer")


def test_typing_goes_to_the_profile_that_starts_so(desktop: Page, five: Site) -> None:
    open_by_keyboard(desktop, five)
    desktop.evaluate("void (Date.now = () => 1000)")
    press(desktop, "p")
    focus_is(desktop, "plain")
    desktop.evaluate("void (Date.now = () => 1750)")  # a pause starts a new word
    press(desktop, "w", "r")
    focus_is(desktop, "writer")


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_choosing_starts_a_chat_and_goes_to_the_message_field(
    desktop: Page, five: Site, key: str
) -> None:
    open_by_keyboard(desktop, five)
    press(desktop, "ArrowDown", key)
    started(desktop, "coder")
    expect(panel(desktop)).to_be_hidden()
    focus_is(desktop, "composer-input")
    assert desktop.evaluate(RING)


def test_escape_closes_and_gives_the_focus_back(desktop: Page, five: Site) -> None:
    open_by_keyboard(desktop, five)
    press(desktop, "ArrowDown", "Escape")
    focus_is(desktop, "profile-button")
    expect(panel(desktop)).to_be_hidden()
    assert desktop.evaluate(RING)


def named(page: Page) -> str:
    """Return what has the focus."""
    name = "(e => e.id || e.dataset.testid || e.className)(document.activeElement)"
    return str(page.evaluate(name))


def test_tab_goes_through_the_page_and_every_stop_is_seen(desktop: Page, roles: Site) -> None:
    log_in(desktop, roles, "alice")
    started(desktop)
    desktop.locator(".skip").focus()
    bar = ["home", "fold-history", "profile-button", "new-chat", "user-button"]
    for stop in [*bar, "search-sidebar"]:
        desktop.keyboard.press("Tab")
        assert (named(desktop), desktop.evaluate(RING)) == (stop, True)
    # The history has as many stops as it has chats; the skip link leads past all of them.
    while desktop.evaluate("document.activeElement.closest('nav') !== null"):
        assert desktop.evaluate(RING)
        desktop.keyboard.press("Tab")
    assert (named(desktop), desktop.evaluate(RING)) == ("composer-input", True)
    press(desktop, "Tab")
    desktop.wait_for_function("document.activeElement === document.body")


def test_tab_leaves_the_open_list_both_ways(desktop: Page, five: Site) -> None:
    open_by_keyboard(desktop, five)
    press(desktop, "Tab")
    focus_is(desktop, "new-chat")
    press(desktop, "Shift+Tab")
    focus_is(desktop, "editor")
    press(desktop, "Shift+Tab")
    expect(panel(desktop).get_by_role("button", name="Close")).to_be_focused()
    press(desktop, "Shift+Tab")
    focus_is(desktop, "profile-button")


def test_the_skip_link_leads_past_the_bar(desktop: Page, simple: Site) -> None:
    open_chat(desktop, simple)
    desktop.locator(".skip").focus()
    press(desktop, "Enter")
    focus_is(desktop, "main")
    press(desktop, "Tab")
    focus_is(desktop, "composer-input")


def test_the_user_menu_signs_out(desktop: Page, roles: Site) -> None:
    log_in(desktop, roles, "alice")
    started(desktop)
    desktop.locator("#user-button").focus()
    press(desktop, "Enter", "Tab")
    focus_is(desktop, "account")
    press(desktop, "Tab")
    focus_is(desktop, "logout")
    desktop.keyboard.press("Enter")
    expect(desktop.get_by_test_id("login-form")).to_be_visible()


def test_dismissing_a_notice_keeps_the_focus_on_the_page(
    desktop: Page, five: Site, guard: Guard
) -> None:
    guard.expect(*UNREACHABLE)
    open_chat(desktop, five)
    desktop.context.set_offline(True)
    desktop.get_by_test_id("new-chat").click()
    desktop.get_by_role("button", name="Dismiss").press("Enter")
    expect(desktop.get_by_test_id("notice")).to_have_count(0)
    focus_is(desktop, "main")
