"""Photograph the states of the page, for people to look at.

python -m tests.browser.screenshots FOLDER [STATE ...]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.guard import Guard
from tests.browser.site import Site, live
from tests.browser.states import STATES
from tests.support.apps import AppMaker
from tests.support.chromium import FLAGS, find_chromium
from webapp.config.settings import Settings
from webapp.database.schema import upgrade

SIZES: dict[str, dict[str, Any]] = {
    "1280": DESKTOP,
    "390": PHONE,
    "768": {"viewport": {"width": 768, "height": 1024}},
    "1920": {"viewport": {"width": 1920, "height": 1080}},
}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@contextmanager
def site_of(app_file: str) -> Iterator[Site]:
    """Serve an app file of tests/apps on a database of its own."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'chat.sqlite3'}"
        upgrade(Settings(database_url=url))
        with AppMaker.in_folder(folder, url) as maker, live(maker(app_file, sharing="yes")) as site:
            yield site


def photograph(browser: Browser, site: Site, state: str, folder: Path) -> None:
    """Write a picture of a state for each size and theme."""
    for size, options in SIZES.items():
        for theme in THEMES:
            with browser.new_context(**options, color_scheme=theme) as context:
                Guard().watch(context)
                page = context.new_page()
                STATES[state].visit(page, site)
                page.wait_for_timeout(350)  # until what slides in has arrived
                page.screenshot(path=folder / f"{state}-{size}-{theme}.png")


def main(folder: Path, states: list[str]) -> None:
    """Photograph ``states`` into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, ExitStack() as stack:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        sites: dict[str, Site] = {}
        for state in states:
            app_file = STATES[state].app_file
            if app_file not in sites:
                sites[app_file] = stack.enter_context(site_of(app_file))
            photograph(browser, sites[app_file], state, folder)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or list(STATES))
