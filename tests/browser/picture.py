"""Make the picture of the README from the real page of examples/roles.py.

python -m tests.browser.picture

It needs Chromium and pngquant (Debian: apt-get install chromium pngquant).
"""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, ViewportSize, sync_playwright

from tests.browser.site import Site, live
from tests.browser.steps import composer, ended, log_in, open_selector, option, started
from tests.support.apps import AppMaker
from tests.support.chromium import FLAGS, find_chromium
from webapp.accounts import directory
from webapp.config.settings import Settings
from webapp.database.schema import upgrade

ROOT = Path(__file__).resolve().parents[2]
PICTURE = ROOT / "docs" / "images" / "chat.png"
SIZE: ViewportSize = {"width": 1280, "height": 820}
PASSWORD = "violet tractor parade"
# The newest comes last: a profile, and what is said under it.
CHATS = (
    ("Writer", "Cover letter for the library"),
    ("Operator", "Why does the build end with exit code 137?"),
    ("Assistant", "A weekend in Rome"),
    ("Writer", "Invoice reminder, friendly but firm"),
    ("Operator", "The disk of web-2 is full"),
    ("Assistant", "What can an answer look like?"),
)


def fill_the_page(page: Page, site: Site) -> None:
    """Sign in, say something in several chats, and open the list of profiles over the last one."""
    log_in(page, site, "ada", PASSWORD)
    started(page)
    for profile, text in CHATS:
        open_selector(page)
        option(page, profile).click()
        started(page, profile)
        composer(page).fill(text)
        composer(page).press("Enter")
        ended(page)
    page.get_by_test_id("message").last.scroll_into_view_if_needed()
    open_selector(page)
    option(page, "Writer").hover()
    page.wait_for_timeout(350)  # until what slides in has arrived


def main() -> None:
    """Write the picture."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        url = f"sqlite:///{folder / 'chat.sqlite3'}"
        upgrade(Settings(database_url=url))
        maker = stack.enter_context(AppMaker.in_folder(folder, url))
        app = maker(ROOT / "examples" / "roles.py")
        with app.app_context():
            directory.add("ada", PASSWORD, display_name="Ada Lovelace", details={"role": "ADMIN"})
        site = stack.enter_context(live(app))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        fill_the_page(page, site)
        page.screenshot(path=PICTURE)
        browser.close()
    # To a third of its size: what is on the page has few colours.
    subprocess.run(["pngquant", "--force", "--ext", ".png", "64", str(PICTURE)], check=True)


if __name__ == "__main__":
    main()
