"""What must never happen on any page, whatever a test is about."""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Error, Page, Request, Route

# The icons of the documentation's examples: the only addresses outside that a page may ask for.
ICONS = frozenset({"https://picsum.photos/200", "https://picsum.photos/250"})
PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">'
    '<rect width="9" height="9" fill="#357"/><circle cx="4.5" cy="4.5" r="2" fill="#fd7"/></svg>'
)
OUTSIDE = re.compile(r"^https?://(?!127\.0\.0\.1[:/])")
# What the browser and htmx say when nobody answers.
UNREACHABLE = ("net::ERR_", "Failed to fetch")
REPORT_VIOLATIONS = """
    addEventListener("securitypolicyviolation", (event) => console.error(
        `CSP violation: ${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
"""


class Guard:
    """Notes what goes wrong on the pages of a context; a test may expect some of it."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.icons: set[str] = set()
        self._expected: list[str] = []
        self._pages: list[Page] = []

    def watch(self, context: BrowserContext) -> None:
        """Note what happens on all pages of ``context`` from now on."""
        context.add_init_script(REPORT_VIOLATIONS)
        context.route(OUTSIDE, self._answer_outside)
        context.on("request", self._note_request)
        context.on("console", self._note_console)
        context.on("weberror", lambda error: self._note_error(error.error))
        context.on("page", self._note_page)
        context.on("dialog", self._note_dialog)

    def expect(self, *texts: str) -> None:
        """Take problems that hold one of ``texts`` as part of what the test does."""
        self._expected += texts

    def check(self) -> None:
        """Fail if anything happened that was not expected."""
        for page in self._pages:
            if not page.is_closed():
                # Events that happened so far arrive before the answer; a page on its way
                # elsewhere has none.
                with suppress(Error):
                    page.evaluate("0")
        unexpected = [p for p in self.problems if not any(text in p for text in self._expected)]
        assert not unexpected, "\n".join(unexpected)

    def _note_page(self, page: Page) -> None:
        self._pages.append(page)

    def _note_dialog(self, dialog: Dialog) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _note_request(self, request: Request) -> None:
        url = urlsplit(request.url)
        if request.url in ICONS:
            self.icons.add(request.url)
        elif url.hostname != "127.0.0.1" and url.scheme not in ("data", "about"):
            self.problems.append(f"request outside: {request.url}")

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"console {message.type}: {message.text} {message.location}")

    def _note_error(self, error: Error) -> None:
        self.problems.append(f"uncaught: {error}")

    @staticmethod
    def _answer_outside(route: Route) -> None:
        if route.request.url in ICONS:
            route.fulfill(body=PICTURE, content_type="image/svg+xml")
        else:
            route.abort()
