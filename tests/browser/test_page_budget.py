"""The weight of the first page after login: a size, so it can be asserted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.site import Site
from tests.browser.steps import ask, choose, idle, log_in, started
from tests.support.apps import AppMaker
from tests.support.rows import run_sql
from tests.support.uploads import uploads_app

pytestmark = pytest.mark.browser

# Two profiles with icons of the site's own: the one that is shown is a request, too.
WITH_ICONS = str(Path(__file__).parents[2] / "benchmarks" / "site" / "cost.py")
ECHO = """
    import webapp as cl

    @cl.on_message
    def answer(message):
        cl.Message("You said: " + message.content).send()
"""
BYTES = 45_000
REQUESTS = 6


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """Return a page that nobody listens in on: interception would switch its cache off."""
    with chromium.new_context() as context:
        yield context.new_page()


@contextmanager
def counted(page: Page) -> Iterator[dict[str, float]]:
    """Yield the bytes on the wire for each request that needed any, by address."""
    addresses: dict[str, str] = {}
    sizes: dict[str, float] = {}

    def sent(event: dict[str, Any]) -> None:
        addresses[event["requestId"]] = f"{event['request']['method']} {event['request']['url']}"

    def finished(event: dict[str, Any]) -> None:
        if event["encodedDataLength"]:  # the favicon is asked for again, from memory
            sizes[f"{addresses[event['requestId']]} {len(sizes)}"] = event["encodedDataLength"]

    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.requestWillBeSent", sent)
    session.on("Network.loadingFinished", finished)
    yield sizes
    session.detach()


@pytest.mark.parametrize("app_file", ["roles.py", WITH_ICONS], ids=["initials", "icons"])
def test_the_first_page_after_login_is_light(
    page: Page, shared_app: Callable[[str], Site], app_file: str
) -> None:
    site = shared_app(app_file)
    run_sql(site.app, "DELETE FROM chats")  # of other tests, in the history
    log_in(page, site, "alice")
    started(page)
    page.context.new_cdp_session(page).send("Network.clearBrowserCache")
    with counted(page) as sizes:
        page.goto(str(site))
        started(page)
        page.wait_for_load_state("networkidle")
        assert len(sizes) <= REQUESTS, sizes
        assert 10_000 < sum(sizes.values()) <= BYTES, sizes


def test_switching_needs_one_request(page: Page, roles: Site) -> None:
    log_in(page, roles, "alice")
    started(page)
    with counted(page) as sizes:
        choose(page, "public")
        page.wait_for_timeout(200)  # until a request of what was swapped in would be sent
        assert len(sizes) == 1, sizes
        assert sum(sizes.values()) <= 12_000, sizes


def test_the_first_page_of_an_app_that_takes_files_is_light(
    page: Page, make_app: AppMaker, serve: Callable[..., Site]
) -> None:
    with counted(page) as sizes:
        page.goto(str(serve(make_app(uploads_app("max_files=3")))))
        started(page)
        page.wait_for_load_state("networkidle")
        expect(page.get_by_test_id("attach")).to_be_attached()
        assert 10_000 < sum(sizes.values()) <= BYTES, sizes


def test_a_message_needs_one_request(
    page: Page, make_app: AppMaker, serve: Callable[..., Site]
) -> None:
    page.goto(str(serve(make_app(ECHO))))
    started(page)
    for text in ("The first puts the chat into the history", "The second"):
        with counted(page) as sizes:
            ask(page, text)
            expect(page.locator("[data-kind=user]").last).to_contain_text(text)
            idle(page)
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(200)  # until a request of what was swapped in would be sent
            assert len(sizes) == 1, sizes
    expect(page.get_by_test_id("history-item").first).to_contain_text("The first puts")
