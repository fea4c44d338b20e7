"""Times in the time zone of the browser, without a moment of another one."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.chatty import Chatty
from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.site import Site
from tests.browser.steps import answer, ask, ended, log_in, open_chat, started

pytestmark = pytest.mark.browser

# Always at another hour and on another quarter of it than UTC, where the site is.
ZONE = "Pacific/Chatham"
# What every time was when it came into the page, and what it is now.
NOTE_TIMES = """() => {
    window.noted = [];
    const note = (root) => {
        for (const time of root.querySelectorAll?.("time") ?? []) noted.push(time.textContent);
    };
    new MutationObserver((changes) => {
        for (const { addedNodes } of changes) addedNodes.forEach(note);
    }).observe(document, { childList: true, subtree: true });
}"""


@pytest.fixture(params=[PHONE, DESKTOP], ids=["phone", "desktop"])
def page(new_page: NewPage, request: pytest.FixtureRequest) -> Page:
    """Return a page of each size in turn, far from the site."""
    options: dict[str, Any] = request.param
    return new_page(**options, timezone_id=ZONE)


def shown_as(time: Locator) -> str:
    """Return what a time of today should read in the zone of the browser."""
    moment = datetime.fromisoformat(str(time.get_attribute("datetime")))
    return f"{moment.astimezone(ZoneInfo(ZONE)):%H:%M}"


def test_a_message_never_shows_the_time_of_another_zone(page: Page, chatty: Chatty) -> None:
    open_chat(page, chatty.site)
    page.evaluate(NOTE_TIMES)
    ask(page, "Hello")
    time = ended(page).locator("time")
    expect(time).to_have_text(shown_as(time))
    noted = page.evaluate("noted")
    assert noted
    assert set(noted) <= {shown_as(each) for each in page.locator("time").all()}
    assert re.search(r" \d\d:\d\d:\d\d \S+$", str(time.get_attribute("title")))
    page.reload()
    expect(page.locator(".message time").last).to_have_text(shown_as(time))


def test_a_streamed_message_has_the_time_of_the_browser(page: Page, chatty: Chatty) -> None:
    open_chat(page, chatty.site)
    ask(page, "several")
    chatty.end()
    ended(page)
    for time in page.locator(".message time").all():
        expect(time).to_have_text(shown_as(time))


def test_the_first_page_of_all_is_corrected(page: Page, new_page: NewPage, chatty: Chatty) -> None:
    open_chat(page, chatty.site)
    ask(page, "Hello")
    ended(page)
    page.context.clear_cookies(name="zone")
    page.reload()
    time = page.locator(".message time").last
    expect(time).to_have_text(shown_as(time))


def test_account_and_shared_pages_have_the_same_zone(page: Page, roles: Site) -> None:
    log_in(page, roles, "alice")
    started(page)
    ask(page, "Hello")
    expect(answer(page)).to_have_attribute("data-status", "complete")
    chat = page.url
    page.goto(f"{roles}/account")
    time = page.locator("[data-testid=session] time").first
    expect(time).to_have_text(shown_as(time))
    page.goto(f"{chat}/share")
    page.get_by_test_id("share").click()
    address = page.get_by_test_id("share-link").input_value()
    time = page.locator("#sharing time")
    expect(time).to_have_text(shown_as(time))
    page.goto(address)
    time = page.locator(".message time").first
    expect(time).to_have_text(shown_as(time))


def test_the_zone_is_told_once_and_again_when_it_changes(new_page: NewPage, chatty: Chatty) -> None:
    page = new_page(timezone_id=ZONE)
    open_chat(page, chatty.site)
    [cookie] = [each for each in page.context.cookies() if each["name"] == "zone"]
    assert (cookie["value"], cookie["path"], cookie["sameSite"]) == (ZONE, "/", "Lax")
    assert cookie["expires"] > datetime.now(UTC).timestamp()
    page.context.add_cookies(
        [{"name": "zone", "value": "America/New_York", "url": f"{chatty.site}/"}]
    )
    page.reload()  # as after a journey
    [cookie] = [each for each in page.context.cookies() if each["name"] == "zone"]
    assert cookie["value"] == ZONE
