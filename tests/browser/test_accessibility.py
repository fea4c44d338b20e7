"""What axe-core finds, and what a page must have besides, in every theme and at every width."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, NewPage
from tests.browser.guard import Guard
from tests.browser.site import Site
from tests.browser.states import REFUSALS, STATES
from tests.browser.steps import open_chat, open_selector, wait_until

pytestmark = pytest.mark.browser

# All that the theme changes.
COLOURS: dict[str, Any] = {
    "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
}
# Until what slides in has arrived; what moves for ever is not waited for.
# A promise of the animations themselves has been seen never to be kept.
ARRIVED = """document.getAnimations().every((a) => a.playState !== "running"
    || a.effect.getComputedTiming().iterations === Infinity)"""
WIDTHS = (320, 390, 640, 1280, 1920)
# Cut off on purpose: text for screen readers, and what has a scroll bar of its own.
WIDER = """() => {
    const meant = ".hush, .skip, .wide-only, .who, .home-name, pre, table, svg, .formula";
    const outside = ({left, right}) => left < -0.5 || right > innerWidth + 0.5;
    return [...document.querySelectorAll("body *")]
        .filter((e) => e.checkVisibility() && !e.closest(meant))
        .filter((e) => outside(e.getBoundingClientRect()))
        .map((e) => e.outerHTML.slice(0, 90));
}"""
# What is also looked at with forced colours.
FORCED = (
    "login-refused",
    "chat",
    "rich-answer",
    "files",
    "side-panel",
    "selector-5",
    "notice",
    "streaming",
    "failed-turn",
    "steps",
    "settings",
)


def findings(page: Page, options: dict[str, Any] | None = None) -> list[str]:
    """Return what axe-core reports, one line for each element."""
    wait_until(page, ARRIVED)
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    run = "async (options) => (await axe.run(options)).violations"
    # What is as it should be need not be described.
    found = page.evaluate(run, {"resultTypes": ["violations"], **(options or {})})
    return [
        f"{rule['id']}: {node['target']} {node['any'][:1]}"
        for rule in found
        for node in rule["nodes"]
    ]


def has_a_sound_outline(page: Page) -> None:
    """Check what every page must have: one heading, one main part, a language, unique ids."""
    expect(page.locator("h1")).to_have_count(1)
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.locator("html")).to_have_attribute("lang", "en")
    assert page.title().endswith("Chat Profiles")
    ids = page.locator("[id]").evaluate_all("all => all.map((e) => e.id)")
    assert len(ids) == len(set(ids))


def nothing_is_wider_than_the_screen(page: Page) -> None:
    """Check a page at all widths; it is left at the last of them."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width
        assert page.evaluate(WIDER) == [], width


@pytest.fixture
def visit(
    new_page: NewPage, shared_app: Callable[[str], Site], guard: Guard
) -> Callable[..., Page]:
    """Return `visit(state, **options)`, which brings a new page into a state."""
    guard.expect(*REFUSALS)

    def go(name: str, **options: object) -> Page:
        page = new_page(**options)
        STATES[name].visit(page, shared_app(STATES[name].app_file))
        return page

    return go


# One visit for all of it: getting there takes longer than looking.
@pytest.mark.parametrize("state", [name for name in STATES if name != "starting"])
def test_a_state_is_sound_in_every_theme_and_fits_every_width(
    visit: Callable[..., Page], state: str
) -> None:
    page = visit(state)
    has_a_sound_outline(page)
    assert findings(page) == []
    page.emulate_media(color_scheme="dark")
    assert findings(page, COLOURS) == []
    if state in FORCED:
        page.emulate_media(color_scheme="light", forced_colors="active")
        assert findings(page) == []
    page.emulate_media(color_scheme="light", forced_colors="none", reduced_motion="reduce")
    nothing_is_wider_than_the_screen(page)


@pytest.mark.parametrize("state", ["selector-5", "user-menu", "talking", "steps"])
def test_axe_finds_nothing_on_a_phone(visit: Callable[..., Page], state: str) -> None:
    assert findings(visit(state, **PHONE)) == []


def test_the_selector_is_named_and_says_what_is_chosen(desktop: Page, simple: Site) -> None:
    open_chat(desktop, simple)
    expect(desktop.get_by_role("button", name="Chat profile: GPT-3.5")).to_be_visible()
    group = open_selector(desktop).get_by_role("radiogroup", name="Chat profile")
    expect(group.get_by_role("radio", name="GPT-3.5", checked=True)).to_be_visible()
    other = group.get_by_role("radio", name="GPT-4", checked=False)
    expect(other).to_have_accessible_description("The underlying LLM model is GPT-4.")


def test_chosen_and_focused_can_be_told_apart_with_forced_colours(
    visit: Callable[..., Page],
) -> None:
    page = visit("selector-2", forced_colors="active")
    style = "e => [getComputedStyle(e).borderTopColor, getComputedStyle(e).outlineStyle].join()"
    chosen, other = page.get_by_test_id("profile-option").all()
    expect(page.get_by_text("Current", exact=True)).to_be_visible()
    assert chosen.evaluate("e => e.blur()") is None
    plain = {chosen.evaluate(style), other.evaluate(style)}
    chosen.focus()
    page.keyboard.press("ArrowDown")
    expect(other).to_be_focused()
    assert len(plain | {other.evaluate(style)}) == 3
