"""The guard of all these tests can fail: each kind of mischief is noticed."""

from __future__ import annotations

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


@pytest.mark.parametrize("noticed", MISCHIEF)
def test_mischief_in_a_page_is_noticed(
    desktop: Page, simple: Site, guard: Guard, noticed: str
) -> None:
    def spoil(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(
            response=answer, body=answer.text().replace("</main>", MISCHIEF[noticed] + "</main>")
        )

    desktop.route(f"{simple}/", spoil)
    open_chat(desktop, simple)
    if desktop.locator("#out").count():
        desktop.locator("#out").click(no_wait_after=True)
    desktop.wait_for_timeout(100)
    caught(guard, noticed)


@pytest.mark.parametrize(
    ("noticed", "script"),
    [
        ("uncaught: broken", "setTimeout(() => { throw new Error('broken') })"),
        ("console warning: odd", "console.warn('odd')"),
        ("dialog: hello", "setTimeout(() => alert('hello'))"),
    ],
)
def test_mischief_of_a_script_is_noticed(
    desktop: Page, simple: Site, guard: Guard, noticed: str, script: str
) -> None:
    open_chat(desktop, simple)
    desktop.evaluate(script)
    desktop.wait_for_timeout(100)
    caught(guard, noticed)


def caught(guard: Guard, noticed: str) -> None:
    """Check that the guard would fail this test, and take the problem back."""
    with pytest.raises(AssertionError, match=noticed):
        guard.check()
    guard.problems.clear()
