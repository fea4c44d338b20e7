"""The selector with one, two, five and forty profiles."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.site import Site
from tests.browser.steps import choose, focus_is, open_chat, open_selector, option, panel
from tests.browser.test_accessibility import findings
from tests.support.apps import AppMaker

pytestmark = pytest.mark.browser

CUT = "(option) => option.scrollWidth > option.clientWidth"
SCREENS = [(320, 568), (390, 844), (844, 390), (1280, 800), (1920, 1080)]


@pytest.mark.parametrize("name", ["simple.py", "five.py", "many.py"])
def test_the_panel_stays_on_every_screen(
    new_page: NewPage, shared_app: Callable[[str], Site], name: str
) -> None:
    page = new_page(reduced_motion="reduce")
    open_chat(page, shared_app(name))
    open_selector(page)
    for width, height in SCREENS:
        page.set_viewport_size({"width": width, "height": height})
        box = panel(page).bounding_box()
        assert box is not None
        assert min(box["x"], box["y"]) >= 0
        assert (box["x"] + box["width"] <= width, box["y"] + box["height"] <= height) == (
            True,
            True,
        )
        assert not page.evaluate(f"[...document.querySelectorAll('.option')].some({CUT})")


def test_options_do_not_overlap(desktop: Page, five: Site) -> None:
    open_chat(desktop, five)
    open_selector(desktop)
    boxes = [o.bounding_box() for o in desktop.get_by_test_id("profile-option").all()]
    edges = [(box["y"], box["y"] + box["height"]) for box in boxes if box]
    assert len(edges) == 5
    assert all(above[1] <= below[0] for above, below in pairwise(edges))


def test_one_profile_is_a_label(desktop: Page, shared_app: Callable[[str], Site]) -> None:
    open_chat(desktop, shared_app("one.py"))
    expect(desktop.get_by_role("banner")).to_contain_text("Librarian")
    expect(desktop.get_by_test_id("profile-selector")).to_have_count(0)
    expect(desktop.get_by_test_id("profile-option")).to_have_count(0)


def test_forty_profiles_scroll_inside_the_panel(desktop: Page, many: Site) -> None:
    open_chat(desktop, many)
    scroller = open_selector(desktop).locator(".scroller")
    assert scroller.evaluate("e => e.scrollHeight > 2 * e.clientHeight")
    last = option(desktop, "History talks")
    expect(last).not_to_be_in_viewport()
    last.scroll_into_view_if_needed()
    expect(last).to_be_in_viewport(ratio=1)
    assert desktop.evaluate("scrollY") == 0


def test_the_current_one_of_forty_is_in_sight(desktop: Page, many: Site) -> None:
    open_chat(desktop, many)
    choose(desktop, "Geology exams")
    open_selector(desktop)
    expect(option(desktop, "Geology exams")).to_be_in_viewport(ratio=1)


def test_searching_narrows_the_list_and_says_how_far(desktop: Page, many: Site) -> None:
    open_chat(desktop, many)
    count = open_selector(desktop).get_by_role("status")
    expect(count).to_have_text("40 profiles")
    desktop.keyboard.type("geol ex")
    expect(count).to_have_text("2 of 40 profiles")
    shown = desktop.locator("[data-testid=profile-option]:visible .option-label")
    expect(shown).to_have_text(["Geology exercises", "Geology exams"])


@pytest.mark.parametrize(("name", "focused"), [("many.py", "search"), ("five.py", "editor")])
def test_what_is_typed_at_once_goes_into_the_list(
    desktop: Page, shared_app: Callable[[str], Site], name: str, focused: str
) -> None:
    open_chat(desktop, shared_app(name))
    # In one go, as for a key that is pressed before the page has heard that the list is open.
    found = desktop.evaluate(
        """() => {
            document.getElementById("profile-button").click();
            const { type, dataset } = document.activeElement;
            return dataset.profile ?? type;
        }"""
    )
    assert found == focused


def test_searching_looks_into_descriptions_too(desktop: Page, many: Site) -> None:
    open_chat(desktop, many)
    open_selector(desktop)
    desktop.get_by_role("searchbox", name="Search profiles").fill("HELPS talks DENTISTRY")
    expect(desktop.locator("[data-testid=profile-option]:visible")).to_have_count(1)


def test_searching_and_choosing_needs_the_keyboard_only(desktop: Page, many: Site) -> None:
    open_chat(desktop, many)
    open_selector(desktop)
    desktop.keyboard.type("history")
    desktop.keyboard.press("ArrowDown")
    focus_is(desktop, "History basics")
    desktop.keyboard.press("ArrowDown")
    desktop.keyboard.press("Enter")
    expect(desktop.get_by_test_id("chat")).to_have_attribute("data-profile", "History exercises")


def test_a_search_without_a_match_says_so_and_can_be_taken_back(desktop: Page, many: Site) -> None:
    open_chat(desktop, many)
    count = open_selector(desktop).get_by_role("status")
    desktop.keyboard.type("zzz")
    expect(count).to_have_text("No profile matches. Try another word.")
    desktop.keyboard.press("Enter")
    expect(panel(desktop)).to_be_visible()
    desktop.get_by_role("searchbox").fill("")
    expect(count).to_have_text("40 profiles")


def test_the_next_opening_starts_with_all_profiles(desktop: Page, many: Site) -> None:
    open_chat(desktop, many)
    open_selector(desktop)
    desktop.keyboard.type("botany")
    panel(desktop).get_by_role("button", name="Close").click()
    expect(open_selector(desktop).get_by_role("status")).to_have_text("40 profiles")


def test_type_ahead_works_in_the_long_list_too(desktop: Page, many: Site) -> None:
    open_chat(desktop, many)
    open_selector(desktop)
    desktop.keyboard.press("ArrowDown")
    desktop.keyboard.type("fo")
    focus_is(desktop, "Forestry basics")
    expect(option(desktop, "Forestry basics")).to_be_in_viewport(ratio=1)


LINKED = """
import webapp as cl

@cl.set_chat_profiles
def profiles():
    about = "See [the *card*](/healthz?a=1&b=2) or https://example.org/x"
    return [cl.ChatProfile(name=f"P{n}", markdown_description=about) for n in range(9)]
"""


@pytest.fixture
def linked(make_app: AppMaker, serve: Callable[[Flask], Site]) -> Site:
    """Return a site whose profiles have links in their descriptions."""
    return serve(make_app(LINKED))


@pytest.mark.parametrize("options", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_link_in_a_description_is_followed_before_choosing(
    new_page: NewPage, linked: Site, options: dict[str, Any]
) -> None:
    page = new_page(**options)
    chat = open_chat(page, linked)
    links = open_selector(page).get_by_role("link", name="the card")
    expect(links).to_have_count(9)
    assert findings(page) == []
    with page.context.expect_page() as opened:
        links.first.click()
    expect(opened.value).to_have_url(f"{linked}/healthz?a=1&b=2")
    assert opened.value.evaluate("window.opener") is None
    expect(panel(page)).to_be_visible()
    expect(page.get_by_test_id("chat")).to_have_attribute("data-chat-id", chat)


def test_a_link_comes_after_its_option_for_the_tab_key(desktop: Page, five: Site) -> None:
    open_chat(desktop, five)
    link = open_selector(desktop).get_by_role("link", name="More about it")
    expect(link).to_have_attribute("tabindex", "-1")
    desktop.keyboard.press("End")
    focus_is(desktop, "long")
    desktop.keyboard.press("Tab")
    expect(link).to_be_focused()


def test_a_link_goes_with_an_option_that_is_not_found(desktop: Page, linked: Site) -> None:
    open_chat(desktop, linked)
    links = open_selector(desktop).get_by_role("link", name="the card")
    expect(links).to_have_count(9)
    desktop.get_by_role("searchbox").fill("P3")
    expect(links).to_have_count(1)
