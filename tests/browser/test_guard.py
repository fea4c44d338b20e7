"""The guard of all these tests can fail: each kind of mischief is noticed."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Page, Route

from tests.browser.guard import Guard
from tests.browser.site import Site
from tests.browser.steps import open_chat

pytestmark = pytest.mark.browser

MISCHIEF = {
    "CSP violation: script-src": "<script>window.__xss = 1</script>",
    "CSP violation: style-src": '<p style="color: red">styled</p>',
    "CSP violation: img-src": '<img src="https://tracker.invalid/a.png" alt="">',
    "CSP violation: script-src-attr": "<img src=/favicon.ico onerror=alert(1) alt=''>",
    "status of 404": '<img src="/static/missing.png" alt="">',
    "request outside": '<a href="https://elsewhere.invalid/" id="out">out</a>',
}


def test_mischief_in_a_page_is_noticed(desktop: Page, simple: Site, guard: Guard) -> None:
    def spoil(route: Route) -> None:
        answer = route.fetch()
        mischief = "".join(MISCHIEF.values())
        route.fulfill(response=answer, body=answer.text().replace("</main>", mischief + "</main>"))

    desktop.route(f"{simple}/", spoil)
    desktop.goto(str(simple))
    desktop.locator("#out").click(no_wait_after=True)
    for noticed in MISCHIEF:
        wait_for(desktop, guard, noticed)
    guard.problems.clear()


SCRIPTS = {
    "uncaught: broken": "setTimeout(() => { throw new Error('broken') })",
    "console warning: odd": "console.warn('odd')",
    "dialog: hello": "setTimeout(() => alert('hello'))",
}


def test_mischief_of_a_script_is_noticed(desktop: Page, simple: Site, guard: Guard) -> None:
    open_chat(desktop, simple)
    for noticed, script in SCRIPTS.items():
        desktop.evaluate(script)
        wait_for(desktop, guard, noticed)
        guard.problems.clear()


def wait_for(page: Page, guard: Guard, noticed: str) -> None:
    """Wait until the guard would fail this test for one problem."""
    give_up = time.monotonic() + 20
    while not any(noticed in problem for problem in guard.problems):
        assert time.monotonic() < give_up, f"never noticed: {noticed}"
        page.wait_for_timeout(10)
    with pytest.raises(AssertionError, match=noticed):
        guard.check()
