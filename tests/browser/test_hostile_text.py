"""Hostile text in a real browser: no script runs, nothing leaves, nothing is disguised."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage
from tests.browser.guard import Guard
from tests.browser.site import Site
from tests.browser.steps import log_in, messages, open_selector, started
from tests.support.corpus import samples, text_of
from webapp.pages.message_pages import PAGE_MESSAGES

pytestmark = pytest.mark.browser

TEXTS = [text_of(sample) for sample in samples("xss")]
NAME = next(i for i, text in enumerate(TEXTS) if text.startswith("<script>"))
# Fires what only fires when somebody does something, on everything that holds foreign text.
POKE = """() => {
    const kinds = ["click", "mouseover", "pointerdown", "focus", "animationstart", "error", "load"];
    for (const place of document.querySelectorAll(".prose, bdi, .icon, .starter"))
        for (const element of [place, ...place.querySelectorAll("*")])
            for (const kind of kinds) element.dispatchEvent(new Event(kind));
}"""
FOUND = r"""() => {
    const tags = new RegExp("^(script|style|iframe|object|embed|form|input|button|textarea|svg|math"
        + "|link|meta|base|template)$", "i");
    const bad = (e) => tags.test(e.localName)
        || (e.localName === "img" && !e.matches(".icon img, .starter > img"))
        || (e.href && !/^(https?|mailto):$/.test(e.protocol))
        || (e.id && !/^f[nr]-[0-9a-f]{12}-1$/.test(e.id))
        || [...e.attributes].some((a) => /^(on|hx-|data-|style$|name$|srcdoc$)/.test(a.name));
    return [...document.querySelectorAll(".prose *, .icon *, bdi *, .starter *")]
        .filter((e) => bad(e) && !e.matches(".glyph, .glyph *, pre > .copy, .formula > math"))
        .map((e) => e.outerHTML);
}"""


@pytest.fixture
def hostile(shared_app: Callable[[str], Site]) -> Site:
    """Return a site that shows every sample in every place."""
    return shared_app("hostile.py")


def is_harmless(page: Page) -> None:
    """Check that what is on the page is text; the guard has seen to requests and the CSP."""
    page.evaluate(POKE)
    assert page.evaluate(FOUND) == []
    assert page.evaluate("typeof window.__xss") == "undefined"


def enter(page: Page, site: Site) -> None:
    """Log in under a hostile name, and wait for the chat."""
    log_in(page, site, "alice", str(NAME))
    started(page)


def test_as_a_whole_page(desktop: Page, hostile: Site, guard: Guard) -> None:
    guard.expect("status of 404")  # icons that are no addresses
    enter(desktop, hostile)
    desktop.reload()
    expect(messages(desktop)).to_have_count(PAGE_MESSAGES)
    is_harmless(desktop)
    for shown in range(PAGE_MESSAGES, len(TEXTS), PAGE_MESSAGES):
        expect(messages(desktop)).to_have_count(shown)
        desktop.get_by_test_id("earlier").click()
    expect(messages(desktop)).to_have_count(len(TEXTS))
    open_selector(desktop)
    expect(desktop.get_by_test_id("profile-option")).to_have_count(len(TEXTS))
    is_harmless(desktop)


def test_as_a_swap(desktop: Page, hostile: Site, guard: Guard) -> None:
    guard.expect("status of 404")
    enter(desktop, hostile)
    desktop.evaluate("window.stillHere = true")
    open_selector(desktop)
    desktop.get_by_test_id("profile-option").nth(20).click()
    expect(desktop.get_by_test_id("chat")).to_have_attribute("data-profile", f"20 {TEXTS[20]}"[:64])
    expect(messages(desktop)).to_have_count(len(TEXTS))
    assert desktop.evaluate("window.stillHere") is True
    is_harmless(desktop)


def test_on_the_page_of_all_profiles(desktop: Page, hostile: Site, guard: Guard) -> None:
    guard.expect("status of 404")
    enter(desktop, hostile)
    desktop.goto(f"{hostile}/profiles")
    expect(desktop.locator("#main h2")).to_have_count(len(TEXTS))
    is_harmless(desktop)


def test_in_the_name_of_who_is_logged_in(desktop: Page, hostile: Site, guard: Guard) -> None:
    guard.expect("status of 404")
    enter(desktop, hostile)
    expect(desktop.locator(".who-name")).to_have_text(TEXTS[NAME])
    expect(desktop.locator(".who-role")).to_have_text(TEXTS[NAME])


def test_in_the_login_form(desktop: Page, roles: Site, guard: Guard) -> None:
    guard.expect("status of 401")
    log_in(desktop, roles, '"><script>window.__xss=1</script>', "wrong")
    expect(desktop.get_by_label("Username")).to_have_value('"><script>window.__xss=1</script>')
    is_harmless(desktop)


def test_in_the_language_of_the_browser(new_page: NewPage, simple: Site) -> None:
    page = new_page(extra_http_headers={"Accept-Language": "<script>window.__xss=1</script>"})
    page.goto(str(simple))
    started(page)
    expect(page.locator("html")).to_have_attribute("lang", "en")
    is_harmless(page)


def test_the_check_sees_what_it_is_for(desktop: Page, simple: Site, guard: Guard) -> None:
    desktop.goto(str(simple))
    started(desktop)
    for bad in ("<a href='javascript:1'>x</a>", "<b onclick=1>x</b>", "<p id=chat>x</p>", "<img>"):
        desktop.locator(".prose").first.evaluate("(e, bad) => { e.innerHTML = bad }", bad)
        assert desktop.evaluate(FOUND) != [], bad
    guard.expect("CSP violation: script-src-attr", "inline event handler")
