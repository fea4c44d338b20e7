"""A phone: touch, a narrow screen, and thumbs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.guard import Guard
from tests.browser.site import Site
from tests.browser.states import REFUSALS, STATES
from tests.browser.steps import (
    ended,
    log_in,
    messages,
    open_chat,
    option,
    panel,
    started,
    wait_until,
)
from tests.browser.test_accessibility import ARRIVED

pytestmark = pytest.mark.browser

# Links in running text and what is put away for screen readers are no targets.
TARGETS = """() => [...document.querySelectorAll("a, button, input, textarea, summary")]
    .filter((e) => e.checkVisibility() && e.type !== "hidden" && !e.closest(".prose, .skip"))
    .map((e) => [e, (e.closest("label") ?? e).getBoundingClientRect()])
    .map(([e, box]) => [e.id, e.textContent.trim(), box.width, box.height])"""
MAIN = "#profile-button, #user-button, [data-testid=new-chat], [data-testid=profile-option]"


def too_small(page: Page, least: float) -> list[object]:
    """Return the targets that are lower or narrower than ``least`` pixels."""
    return [target for target in page.evaluate(TARGETS) if min(target[2:]) < least]


def tap_selector(page: Page) -> None:
    """Open the list of profiles with a finger: a tap becomes a click only after a moment."""
    page.locator("#profile-button").tap()
    expect(panel(page)).to_be_visible()


def test_every_description_can_be_read_before_choosing(phone: Page, five: Site) -> None:
    open_chat(phone, five)
    phone.locator("#profile-button").tap()
    descriptions = phone.get_by_test_id("profile-description")
    expect(descriptions).to_have_count(4)
    for description in descriptions.all():
        description.scroll_into_view_if_needed()
        expect(description).to_be_in_viewport(ratio=0.99)
    expect(panel(phone)).to_be_visible()
    expect(phone.get_by_test_id("chat")).to_have_attribute("data-profile", "editor")


def test_a_tap_chooses(phone: Page, simple: Site) -> None:
    open_chat(phone, simple)
    phone.locator("#profile-button").tap()
    option(phone, "GPT-4").tap()
    started(phone, "GPT-4")
    expect(messages(phone)).to_contain_text(["starting chat using the GPT-4 chat profile"])
    expect(panel(phone)).to_be_hidden()


def test_a_tap_beside_the_sheet_closes_it(phone: Page, simple: Site) -> None:
    open_chat(phone, simple)
    tap_selector(phone)
    phone.touchscreen.tap(195, 200)
    expect(panel(phone)).to_be_hidden()


def test_the_sheet_stands_on_the_lower_edge(phone: Page, simple: Site) -> None:
    open_chat(phone, simple)
    tap_selector(phone)
    wait_until(phone, ARRIVED)  # it slides in
    box = panel(phone).bounding_box()
    assert box is not None
    assert (box["x"], box["width"], box["y"] + box["height"]) == (0, 390, 844)


def test_opening_does_not_raise_the_keyboard_over_forty_profiles(phone: Page, many: Site) -> None:
    open_chat(phone, many)
    tap_selector(phone)
    expect(phone.get_by_role("searchbox")).to_be_visible()
    expect(panel(phone).locator("[aria-checked=true]")).to_be_focused()


def test_targets_are_big_enough_for_thumbs(phone: Page, roles: Site) -> None:
    log_in(phone, roles, "alice")
    started(phone)
    assert too_small(phone, 24) == []
    tap_selector(phone)
    assert too_small(phone, 24) == []
    for target in phone.locator(MAIN).all():
        box = target.bounding_box()
        assert box is not None
        assert box["height"] >= 44, target


def test_what_a_conversation_adds_is_big_enough_for_thumbs(
    phone: Page, shared_app: Callable[[str], Site]
) -> None:
    STATES["streaming"].visit(phone, shared_app("chatty.py"))
    assert too_small(phone, 24) == []
    for button in (*phone.locator(".copy").all(), phone.get_by_test_id("stop")):
        box = button.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 24


def test_a_tap_on_stop_does_not_raise_the_keyboard(
    phone: Page, shared_app: Callable[[str], Site]
) -> None:
    STATES["streaming"].visit(phone, shared_app("chatty.py"))
    phone.get_by_test_id("stop").tap()
    ended(phone, "stopped")
    expect(phone.get_by_test_id("composer-input")).not_to_be_focused()


def test_login_fields_are_big_enough_and_do_not_zoom_in(phone: Page, roles: Site) -> None:
    phone.goto(f"{roles.url}/login")
    for field in phone.locator("input:visible, button.primary").all():
        box = field.bounding_box()
        assert box is not None
        assert box["height"] >= 44
        # iOS zooms into fields with smaller letters.
        assert field.evaluate("e => parseFloat(getComputedStyle(e).fontSize)") >= 16


DRAWN = """(text) => [...document.querySelectorAll("bdi")]
    .filter((e) => e.textContent === text && e.checkVisibility())
    .filter((e) => e.getBoundingClientRect().width > 15 && e.parentElement.offsetWidth > 15)
    .filter((e) => !e.closest("[popover]")).length"""


def test_who_is_logged_in_and_as_what_is_drawn_at_any_width(desktop: Page, roles: Site) -> None:
    log_in(desktop, roles, "alice")
    started(desktop)
    for width in (320, 390, 640, 800, 1280):
        desktop.set_viewport_size({"width": width, "height": 800})
        desktop.reload()
        started(desktop)
        assert desktop.evaluate(DRAWN, "alice") == 1, width
        assert desktop.evaluate(DRAWN, "ADMIN") == 1, width


def test_who_is_logged_in_is_one_tap_away(phone: Page, roles: Site) -> None:
    log_in(phone, roles, "alice")
    started(phone)
    phone.locator("#user-button").tap()
    menu = phone.locator("#user-menu")
    expect(menu).to_be_in_viewport(ratio=1)
    expect(menu).to_contain_text("alice")
    expect(menu).to_contain_text("ADMIN")


# iOS zooms into fields with smaller letters.
SMALL_LETTERS = """() => [...document.querySelectorAll("input, textarea, select")]
    .filter((e) => e.checkVisibility() && !["hidden", "checkbox", "radio"].includes(e.type))
    .filter((e) => parseFloat(getComputedStyle(e).fontSize) < 16)
    .map((e) => e.outerHTML.slice(0, 120))"""


# All states with fields of their own.
WITH_FIELDS = [
    "login", "selector-40", "account", "read-only", "rated", "editing", "history-menu",
    "history-search", "all-chats", "chat-options", "import", "sharing",
]  # fmt: skip


@pytest.mark.parametrize("state", WITH_FIELDS)
def test_no_field_zooms_in(
    phone: Page, shared_app: Callable[[str], Site], guard: Guard, state: str
) -> None:
    guard.expect(*REFUSALS)
    STATES[state].visit(phone, shared_app(STATES[state].app_file))
    phone.locator("details").evaluate_all("all => all.forEach((e) => { e.open = true; })")
    history = phone.locator("#history")
    if history.count():
        history.evaluate("e => e.matches(':popover-open') || e.showPopover()")
    assert phone.evaluate(SMALL_LETTERS) == []
