"""A browser for all of these tests, live servers, and pages that fail a test by misbehaving."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.chatty import Chatty, ChattyMaker
from tests.browser.guard import Guard
from tests.browser.site import Site, live
from tests.browser.steps import SECONDS
from tests.support.apps import AppMaker
from tests.support.chromium import FLAGS, find_chromium
from tests.support.rows import run_sql

DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
# Names of other hosts are not even looked up.
NOWHERE_ELSE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


# How many times slower than it is the processor should seem to the pages, to find what a test or
# the product does too soon: CHAT_PROFILES_CPU_THROTTLE=6 make test ARGS=tests/browser
CPU_THROTTLE = float(os.environ.get("CHAT_PROFILES_CPU_THROTTLE", "1"))


def slow_down(page: Page) -> None:
    """Let a page have as slow a processor as was asked for."""
    if CPU_THROTTLE > 1:
        session = page.context.new_cdp_session(page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": CPU_THROTTLE})


class NewPage(Protocol):
    """Opens a page in a fresh, guarded context."""

    def __call__(self, **options: Any) -> Page: ...


# Not for the whole session: while Playwright is up, asyncio.run is refused in this thread.
@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Start Debian's Chromium, or skip."""
    path = find_chromium()
    if path is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    expect.set_options(timeout=SECONDS * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=[*FLAGS, NOWHERE_ELSE],
            # Playwright switches off what "back" shows in a browser of today.
            ignore_default_args=["--disable-back-forward-cache"],
        )
        yield browser
        browser.close()


@pytest.fixture
def guard() -> Guard:
    """Return what watches the pages of this test."""
    return Guard()


# It asks for `make_app`, so that a server has ended before its app's connections are closed.
@pytest.fixture
def serve(make_app: AppMaker) -> Iterator[Callable[[Flask], Site]]:
    """Return `serve(app)`, which serves an app until the end of the test."""
    with ExitStack() as servers:
        yield lambda app: servers.enter_context(live(app))


# And it asks for `serve`, so that pages are closed while their server still answers: a request on
# its way would fail otherwise, and the guard would take that for misbehaviour.
@pytest.fixture
def new_page(chromium: Browser, guard: Guard, serve: Callable[[Flask], Site]) -> Iterator[NewPage]:
    """Return `new_page(**options)`; at the end all pages must have behaved."""
    with ExitStack() as contexts:

        def open_page(**options: Any) -> Page:
            context = chromium.new_context(**(DESKTOP | options))
            contexts.callback(context.close)
            context.set_default_timeout(SECONDS * 1000)
            context.on("page", slow_down)
            guard.watch(context)
            return context.new_page()

        yield open_page
        guard.check()


@pytest.fixture
def desktop(new_page: NewPage) -> Page:
    """Return a page of 1280 x 800 pixels, with keyboard and mouse."""
    return new_page()


@pytest.fixture
def phone(new_page: NewPage) -> Page:
    """Return a page of 390 x 844 pixels, with touch."""
    return new_page(**PHONE)


@pytest.fixture
def without_javascript(new_page: NewPage) -> Page:
    """Return a page on which no script runs."""
    return new_page(java_script_enabled=False)


@pytest.fixture(scope="package")
def shared_app(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Site]]:
    """Return `shared_app(file)`: a site that several tests use, each with a session of its own."""
    with ExitStack() as stack:
        sites: dict[str, Site] = {}

        def site(name: str) -> Site:
            if name not in sites:
                folder = tmp_path_factory.mktemp("shared")
                file = folder / "chat.sqlite3"
                file.write_bytes(sqlite_template.read_bytes())
                maker = stack.enter_context(AppMaker.in_folder(folder, f"sqlite:///{file}"))
                sites[name] = stack.enter_context(live(maker(name, sharing="yes")))
            return sites[name]

        yield site


@pytest.fixture
def simple(shared_app: Callable[[str], Site]) -> Site:
    """Return a site with two profiles and no login."""
    return shared_app("simple.py")


@pytest.fixture
def roles(shared_app: Callable[[str], Site]) -> Site:
    """Return a site with login: Alice has three profiles, Bob two, Charlie none."""
    site = shared_app("roles.py")
    # What somebody chose last in another test.
    run_sql(site.app, "DELETE FROM preferences")
    return site


@pytest.fixture
def many(shared_app: Callable[[str], Site]) -> Site:
    """Return a site with forty profiles and no login."""
    return shared_app("many.py")


@pytest.fixture
def five(shared_app: Callable[[str], Site]) -> Site:
    """Return a site with five very different profiles and no login."""
    return shared_app("five.py")


@pytest.fixture
def chatty_with(make_app: AppMaker, serve: Callable[[Flask], Site]) -> ChattyMaker:
    """Return `chatty_with(**settings)`, which serves an app whose answers the test dictates."""
    return partial(Chatty, make_app, serve)


@pytest.fixture
def chatty(chatty_with: ChattyMaker) -> Chatty:
    """Return a site of its own whose answers the test dictates."""
    return chatty_with()
