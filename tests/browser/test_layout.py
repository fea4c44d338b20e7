"""Every width, zoom, direction of writing, and no motion for those who want none."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.chatty import Chatty
from tests.browser.conftest import NewPage
from tests.browser.guard import Guard
from tests.browser.site import Site
from tests.browser.states import STATES
from tests.browser.steps import (
    HeldRequests,
    answer,
    ask,
    choose,
    composer,
    ended,
    messages,
    open_chat,
    open_selector,
    option,
    started,
    wait_until,
)

pytestmark = pytest.mark.browser

MOVING = """() => document.getAnimations()
    .filter((a) => a.effect.getComputedTiming().duration > 1)
    .map((a) => a.animationName ?? a.transitionProperty)"""


def box(element: Locator) -> dict[str, Any]:
    """Return where an element is: x, y, width and height."""
    found = element.bounding_box()
    assert found is not None
    return dict(found)


def overlap(one: Locator, other: Locator) -> bool:
    """Say whether two elements share more than an edge."""
    a, b = box(one), box(other)
    return bool(
        a["x"] < b["x"] + b["width"] - 0.5
        and b["x"] < a["x"] + a["width"] - 0.5
        and a["y"] < b["y"] + b["height"] - 0.5
        and b["y"] < a["y"] + a["height"] - 0.5
    )


def test_long_names_do_not_push_the_bar_apart(desktop: Page, five: Site) -> None:
    open_chat(desktop, five)
    choose(desktop, "long")
    for width in (320, 390, 800, 1280):
        desktop.set_viewport_size({"width": width, "height": 800})
        desktop.reload()
        started(desktop, "long")
        bar = (".home", "#profile-button", ".bar-end")
        parts = [desktop.locator(part) for part in bar]
        assert not any(overlap(a, b) for a, b in pairwise(parts)), width
        assert box(desktop.locator("#profile-button"))["width"] >= 88, width
        assert box(desktop.get_by_role("banner"))["height"] <= 72, width


def test_at_200_percent_every_message_can_be_seen(
    new_page: NewPage, shared_app: Callable[[str], Site]
) -> None:
    page = new_page(viewport={"width": 640, "height": 400}, device_scale_factor=2)
    open_chat(page, shared_app("wordy.py"))
    for part in messages(page).first.locator(".prose > *").all()[:6]:
        part.scroll_into_view_if_needed()
        seen = part.evaluate(
            """(e) => {
                const {left, top, height} = e.getBoundingClientRect();
                const y = top + Math.min(height / 2, 60);
                return e.contains(document.elementFromPoint(left + 30, y));
            }"""
        )
        assert seen, part.inner_text()


def test_the_last_line_of_a_long_answer_is_not_under_the_composer(
    desktop: Page, shared_app: Callable[[str], Site]
) -> None:
    open_chat(desktop, shared_app("wordy.py"))
    desktop.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    assert not overlap(messages(desktop).last, desktop.get_by_test_id("composer"))
    expect(messages(desktop).last).to_be_in_viewport()
    expect(desktop.get_by_test_id("composer-input")).to_be_in_viewport()


def test_code_scrolls_by_itself_and_by_keyboard(
    phone: Page, shared_app: Callable[[str], Site]
) -> None:
    open_chat(phone, shared_app("wordy.py"))
    code = messages(phone).locator("pre > code")
    assert code.evaluate("e => e.scrollWidth > e.clientWidth")
    expect(code).to_have_attribute("tabindex", "0")


def test_text_from_right_to_left(desktop: Page, shared_app: Callable[[str], Site]) -> None:
    open_chat(desktop, shared_app("rtl.py"))
    prose = messages(desktop).locator(".prose")
    assert prose.evaluate("e => getComputedStyle(e).direction") == "rtl"
    open_selector(desktop)
    current = desktop.locator("[aria-checked=true]")
    assert not overlap(current.locator(".option-label"), current.locator(".current"))
    directions = desktop.get_by_test_id("profile-description").evaluate_all(
        "all => all.map((e) => getComputedStyle(e).direction)"
    )
    assert directions == ["rtl", "rtl", "ltr"]


def test_a_name_from_right_to_left_does_not_turn_its_neighbours(
    desktop: Page, shared_app: Callable[[str], Site]
) -> None:
    open_chat(desktop, shared_app("rtl.py"))
    head = messages(desktop).locator("header")
    assert box(head.locator("bdi"))["x"] < box(head.locator("time"))["x"]


def test_nothing_moves_for_those_who_want_no_motion(new_page: NewPage, five: Site) -> None:
    page = new_page(reduced_motion="reduce")
    HeldRequests(page, "**/chats")
    page.goto(str(five))
    expect(page.get_by_text("Starting chat…")).to_be_visible()
    assert page.evaluate(MOVING) == []
    open_selector(page)
    assert page.evaluate(MOVING) == []


def test_a_growing_answer_moves_for_those_who_do_not_mind(
    new_page: NewPage, shared_app: Callable[[str], Site]
) -> None:
    for motion, moving in (("reduce", []), ("no-preference", ["pulse"])):
        page = new_page(reduced_motion=motion)
        STATES["streaming"].visit(page, shared_app("chatty.py"))
        wait_until(page, f"JSON.stringify(({MOVING})()) === '{json.dumps(moving)}'")


def test_what_the_user_writes_from_right_to_left(
    desktop: Page, shared_app: Callable[[str], Site]
) -> None:
    open_chat(desktop, shared_app("chatty.py"))
    composer(desktop).fill("كيف حالك؟")
    assert composer(desktop).evaluate("e => getComputedStyle(e).direction") == "rtl"
    composer(desktop).press("Enter")
    ended(desktop)
    prose = messages(desktop).first.locator(".prose")
    assert prose.evaluate("e => getComputedStyle(e).direction") == "rtl"


def test_code_that_was_streamed_scrolls_by_itself_and_by_keyboard(
    phone: Page, shared_app: Callable[[str], Site]
) -> None:
    STATES["talking"].visit(phone, shared_app("chatty.py"))
    code = answer(phone).locator("pre > code").first
    assert code.evaluate("e => e.scrollWidth > e.clientWidth")
    expect(code).to_have_attribute("tabindex", "0")


def test_paragraphs_in_lists_and_quotes_are_apart(desktop: Page, chatty: Chatty) -> None:
    open_chat(desktop, chatty.site)
    for count, text in ((2, "1. One\n\n   Two\n\n2. Three"), (4, "> One\n>\n> Two")):
        ask(desktop, "dictate")
        chatty.dictate(text)
        chatty.end()
        expect(messages(desktop)).to_have_count(count)
        gap = ended(desktop).evaluate(
            """(answer) => {
                const [one, two] = answer.querySelectorAll(".prose p");
                return two.getBoundingClientRect().top - one.getBoundingClientRect().bottom;
            }"""
        )
        assert gap >= 4, text


def test_the_button_to_copy_stays_where_it_is_when_its_code_scrolls(
    phone: Page, shared_app: Callable[[str], Site]
) -> None:
    STATES["talking"].visit(phone, shared_app("chatty.py"))
    code = answer(phone).locator("pre").first
    button = code.get_by_role("button", name="Copy")
    before = box(button)
    code.locator("code").evaluate("e => { e.scrollLeft = 200; }")
    assert box(button) == before


def test_waiting_and_opening_move_for_everybody_else(desktop: Page, five: Site) -> None:
    HeldRequests(desktop, "**/chats")
    desktop.goto(str(five))
    expect(desktop.get_by_text("Starting chat…")).to_be_visible()
    assert "turn" in desktop.evaluate(MOVING)


def test_print_shows_the_conversation_and_nothing_around_it(desktop: Page, simple: Site) -> None:
    open_chat(desktop, simple)
    desktop.emulate_media(media="print")
    expect(messages(desktop)).to_be_visible()
    for around in (desktop.get_by_role("banner"), desktop.get_by_test_id("composer")):
        expect(around).to_be_hidden()


def test_an_icon_that_does_not_come_leaves_the_initial(
    desktop: Page, simple: Site, guard: Guard
) -> None:
    guard.expect("net::ERR_FAILED")
    desktop.context.route("https://picsum.photos/**", lambda route: route.abort())
    open_chat(desktop, simple)
    open_selector(desktop)
    icon = option(desktop, "GPT-4").locator(".icon")
    expect(icon.locator("img")).to_have_count(0)
    expect(icon).to_have_text("G")
