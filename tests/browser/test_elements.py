"""What messages show beside their text, in a browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PHONE, NewPage
from tests.browser.site import Site
from tests.browser.steps import (
    answer,
    ask,
    composer,
    ended,
    open_chat,
    scripts_loaded,
    wait_until,
)
from tests.browser.test_accessibility import findings
from tests.browser.test_layout import box
from tests.support.apps import AppMaker

pytestmark = pytest.mark.browser

Serve = Callable[[Flask], Site]


@pytest.fixture
def site(make_app: AppMaker, serve: Serve) -> Site:
    """Serve the app that shows each kind of element."""
    return serve(make_app("elements.py", sharing="yes"))


def show(page: Page, site: Site, what: str) -> None:
    open_chat(page, site)
    ask(page, what)
    ended(page)
    scripts_loaded(page)


def side_panel(page: Page) -> Locator:
    return page.get_by_test_id("side-panel")


def has_focus(page: Page, selector: str) -> None:
    wait_until(page, f"document.activeElement?.matches({selector!r})")


def test_a_picture_has_its_room_before_it_comes(desktop: Page, site: Site) -> None:
    page = desktop
    page.route("**/files/**", lambda _route: None)  # so that none ever comes
    show(page, site, "pictures")
    expect(page.locator(".picture img")).to_have_count(2)
    # The style of elements comes with the first of them.
    wait_until(page, "document.querySelectorAll('.picture img')[1].clientWidth <= 160")
    large, small = page.locator(".picture img").all()
    for width in (1280, 390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        shown, other = box(large), box(small)
        assert shown["width"] == pytest.approx(3 * shown["height"], abs=2)
        assert shown["width"] <= 600
        assert other["width"] == pytest.approx(other["height"], abs=1)
        assert other["width"] <= 160


def test_a_picture_is_enlarged_and_leads_back(desktop: Page, site: Site) -> None:
    show(desktop, site, "pictures")
    link = desktop.locator("[data-zoom]").first
    link.focus()
    desktop.keyboard.press("Enter")
    dialog = desktop.get_by_role("dialog", name="A wide gradient")
    expect(dialog).to_be_visible()
    assert findings(desktop) == []
    desktop.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(link).to_be_focused()
    desktop.locator("[data-zoom]").last.click()
    expect(desktop.get_by_role("dialog", name="A square")).to_be_visible()
    desktop.mouse.click(5, 5)
    expect(desktop.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("what", ["pictures", "files", "texts", "beside", "sidebar"])
def test_elements_are_sound(desktop: Page, site: Site, what: str) -> None:
    show(desktop, site, what)
    for width in (1280, 320):
        desktop.set_viewport_size({"width": width, "height": 800})
        assert findings(desktop) == []
        assert desktop.evaluate("document.documentElement.scrollWidth") <= width


def test_a_name_opens_the_panel_and_escape_closes_it(desktop: Page, site: Site) -> None:
    show(desktop, site, "beside")
    link = desktop.get_by_test_id("element-link").first
    assert link.get_attribute("data-name") == "the notes"
    link.click()
    expect(side_panel(desktop)).to_be_visible()
    expect(side_panel(desktop).get_by_role("heading", name="the notes")).to_be_visible()
    expect(side_panel(desktop).get_by_test_id("element")).to_have_attribute("data-kind", "text")
    has_focus(desktop, "[data-close-panel]")
    # It stands beside the chat, which goes on.
    beside, chat = box(side_panel(desktop)), box(desktop.locator("#chat"))
    assert chat["x"] + chat["width"] <= beside["x"] + 1
    assert findings(desktop) == []
    desktop.keyboard.press("Escape")
    expect(side_panel(desktop)).to_be_hidden()
    expect(link).to_be_focused()


def test_on_a_phone_the_panel_is_a_sheet(new_page: NewPage, site: Site) -> None:
    page = new_page(**PHONE)
    show(page, site, "beside")
    page.get_by_test_id("element-link").first.click()
    expect(side_panel(page)).to_be_visible()
    assert side_panel(page).evaluate("(panel) => panel.matches(':modal')")
    assert findings(page) == []
    page.get_by_role("button", name="Close").click()
    expect(side_panel(page)).to_be_hidden()


def test_the_app_opens_changes_and_closes_the_panel(desktop: Page, site: Site) -> None:
    show(desktop, site, "sidebar")
    expect(side_panel(desktop)).to_contain_text("Water boils")
    expect(composer(desktop)).to_be_focused()
    desktop.reload()
    expect(side_panel(desktop)).to_contain_text("Water boils")
    ask(desktop, "change")
    expect(side_panel(desktop)).to_contain_text("Other notes")
    ended(desktop)
    ask(desktop, "close")
    ended(desktop)
    expect(side_panel(desktop)).to_be_hidden()
    desktop.get_by_test_id("element-link").first.click()
    expect(side_panel(desktop)).to_contain_text("Water boils")


def test_a_panel_that_was_closed_stays_closed(desktop: Page, site: Site) -> None:
    show(desktop, site, "sidebar")
    side_panel(desktop).get_by_role("button", name="Close").click()
    asked: list[str] = []
    desktop.on("request", lambda request: asked.append(request.url))
    desktop.reload()
    scripts_loaded(desktop)
    expect(side_panel(desktop)).to_be_hidden()
    assert [url for url in asked if "in=panel" in url] == []


def test_the_panel_of_a_chat_goes_with_it(desktop: Page, site: Site) -> None:
    show(desktop, site, "sidebar")
    expect(side_panel(desktop)).to_be_visible()
    desktop.get_by_role("button", name="New chat").or_(
        desktop.get_by_role("link", name="New chat")
    ).first.click()
    expect(side_panel(desktop)).to_be_hidden()


def test_a_text_is_copied_as_it_was_written(new_page: NewPage, site: Site) -> None:
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    show(page, site, "texts")
    text = page.get_by_role("region", name="About water")
    text.get_by_role("button", name="Copy", exact=True).click()
    expect(text.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("## Water")


def test_without_script_all_of_it_can_be_reached(without_javascript: Page, site: Site) -> None:
    page = without_javascript
    page.goto(str(site))
    page.get_by_role("button", name="Start chat").click()
    composer(page).fill("beside")
    page.get_by_role("button", name="Send").click()
    expect(answer(page)).to_have_attribute("data-status", "complete")
    page.get_by_test_id("element-link").first.click()
    expect(page.get_by_role("heading", name="the notes")).to_be_visible()
    expect(page.get_by_role("heading", name="Water")).to_be_visible()
    page.get_by_role("link", name="Back to the chat").click()
    expect(page.get_by_test_id("composer-input")).to_be_visible()


def test_other_pages_load_nothing_of_it(desktop: Page, site: Site) -> None:
    asked: list[str] = []
    desktop.on("request", lambda request: asked.append(request.url))
    show(desktop, site, "hello")
    assert [url for url in asked if "elements" in url] == []
    ask(desktop, "pictures")
    ended(desktop)
    scripts_loaded(desktop)
    expect(desktop.locator("dialog.zoom")).to_be_attached()
    assert len({url for url in asked if "/static/elements" in url}) == 2
