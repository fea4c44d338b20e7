"""Measure what our pages send over the wire, and how long they take on a slow line, in Chromium.

Bytes are those of heads and bodies that the browser receives, for each thing that people do, with
the number of requests. The slow line has 1.6 Mbit/s and 150 ms of latency. A time counts from the
request until the text stands in the page. Beside it, in turn: a bare Flask + htmx page that does
the same.

Example
-------
::

    python benchmarks/wire.py
    python benchmarks/wire.py --rounds 9 --check
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chromium import start_chromium
from playwright.sync_api import BrowserContext, CDPSession, Page, sync_playwright
from serving import bare_app, our_app

GOALS = {"warm page": 8_000, "switch": 3_000, "first message": 3_000, "second message": 3_000}
MOST_TIMES_BARE = 1.2
BYTES_PER_SECOND = 1_600_000 / 8
LATENCY_MS = 150
QUIET_MS = 300
# Notes when htmx sends a request, and when a text stands in the page.
WATCH = """
addEventListener("htmx:before:request", () => { window.sentAt = performance.now(); }, true);
window.shows = (text) => new Promise((done) => {
  const look = () => document.querySelector("main, #chat")?.textContent.includes(text);
  const observer = new MutationObserver(() => {
    if (!look()) return;
    observer.disconnect();
    done(performance.now());
  });
  observer.observe(document, { childList: true, subtree: true, characterData: true });
});
"""

Step = Callable[[Page], None]


class Ours:
    """What people do on our page."""

    def choose(self, page: Page, profile: str) -> None:
        """Switch to a profile."""
        page.click("#profile-button")
        page.click(f'[data-profile="{profile}"][role="radio"]')

    def say(self, page: Page, text: str) -> None:
        """Send a message."""
        page.fill("#composer-input", text)
        page.press("#composer-input", "Enter")


class Bare(Ours):
    """The same on the bare page."""

    def choose(self, page: Page, profile: str) -> None:
        """Switch to a profile."""
        page.select_option('[name="profile"]', profile)

    def say(self, page: Page, text: str) -> None:
        """Send a message."""
        page.fill('[name="content"]', text)
        page.press('[name="content"]', "Enter")


class Wire:
    """The bytes and the number of requests that a page needs from now on."""

    def __init__(self, devtools: CDPSession) -> None:
        self._sizes: list[int] = []
        devtools.send("Network.enable")
        devtools.on("Network.loadingFinished", self._note)

    def _note(self, event: dict[str, Any]) -> None:
        # What the browser has kept is no request on the wire, and has a size of 0.
        if event["encodedDataLength"]:
            self._sizes.append(int(event["encodedDataLength"]))

    def take(self) -> tuple[int, int]:
        """Return what came since the last look: bytes, and requests."""
        sizes, self._sizes = self._sizes, []
        return sum(sizes), len(sizes)


def main() -> int:
    """Measure, print tables, and return 1 if ``--check`` was given and a goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="visits of each kind")
    parser.add_argument("--chromium", help="path of Chromium, if it is not on the PATH")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    options = parser.parse_args()
    times: dict[tuple[str, str], list[float]] = {}
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        browser = start_chromium(playwright, options.chromium, folder)
        with our_app(folder, "cost.py") as ours, bare_app(folder) as bare:
            ports: dict[str, tuple[Ours, int]] = {
                "ours": (Ours(), ours.port),
                "bare": (Bare(), bare.port),
            }
            with browser.new_context() as context:
                sizes = _weigh(context, *ports["ours"])
            for _ in range(options.rounds):
                for who, (page, port) in ports.items():
                    with browser.new_context() as context:
                        for what, seconds in _time(context, page, port).items():
                            times.setdefault((what, who), []).append(seconds)
        browser.close()
    missed = _show_sizes(sizes) + _show_times(times)
    print("\n".join(missed) or "Every goal is met.")
    return 1 if options.check and missed else 0


def _weigh(context: BrowserContext, ours: Ours, port: int) -> dict[str, tuple[int, int]]:
    page = _signed_in(context, port)
    devtools = context.new_cdp_session(page)
    wire = Wire(devtools)
    devtools.send("Network.clearBrowserCache")
    steps: dict[str, Step] = {
        "cold page": lambda page: _open(page, port),
        "warm page": lambda page: _open(page, port),
        # It also fetches the picture of the profile, which the app's author has made.
        "first switch": lambda page: ours.choose(page, "Thorough"),
        "switch back": lambda page: ours.choose(page, "Quick"),
        "switch": lambda page: ours.choose(page, "Thorough"),
        "first message": lambda page: ours.say(page, "Plan a weekend in Rome"),
        "second message": lambda page: ours.say(page, "And one in Paris"),
    }
    sizes = {}
    wire.take()
    for what, do in steps.items():
        do(page)
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(QUIET_MS)
        sizes[what] = wire.take()
    return sizes


def _time(context: BrowserContext, who: Ours, port: int) -> dict[str, float]:
    page = _signed_in(context, port)
    page.add_init_script(WATCH)
    _open(page, port)
    devtools = context.new_cdp_session(page)
    devtools.send("Network.enable")
    line = {"downloadThroughput": BYTES_PER_SECOND, "uploadThroughput": BYTES_PER_SECOND}
    devtools.send(
        "Network.emulateNetworkConditions", {"offline": False, "latency": LATENCY_MS, **line}
    )
    return {
        "switch": _seconds(page, "You talk to Thorough", lambda page: who.choose(page, "Thorough")),
        "first message": _seconds(page, "echo: One", lambda page: who.say(page, "One")),
        "second message": _seconds(page, "echo: Two", lambda page: who.say(page, "Two")),
    }


def _seconds(page: Page, text: str, do: Step) -> float:
    page.evaluate("(text) => { window.shown = window.shows(text); }", text)
    do(page)
    shown_at = page.evaluate("() => window.shown.then((at) => at - window.sentAt)")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(QUIET_MS)
    return float(shown_at) / 1_000


def _signed_in(context: BrowserContext, port: int) -> Page:
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}/login")
    page.fill('[name="username"]', "alice")
    page.fill('[name="password"]', "alicealice")
    page.press('[name="password"]', "Enter")
    page.wait_for_selector('[data-testid="message"]')
    page.wait_for_load_state("networkidle")
    return page


def _open(page: Page, port: int) -> None:
    page.goto(f"http://127.0.0.1:{port}/")
    page.wait_for_selector('[data-testid="message"]')
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(QUIET_MS)


def _show_sizes(sizes: dict[str, tuple[int, int]]) -> list[str]:
    """Print what came over the wire, and return the goals that were missed."""
    print(f"{'':16}{'bytes':>8}{'requests':>10}{'goal':>8}")
    for what, (size, requests) in sizes.items():
        print(f"{what:16}{size:8,}{requests:10}{GOALS.get(what, 0) or '':>8}")
    return [
        f"Missed: {what}: {sizes[what][0]:,} bytes in {sizes[what][1]} requests"
        for what, most in GOALS.items()
        if sizes[what][0] > most
    ]


def _show_times(times: dict[tuple[str, str], list[float]]) -> list[str]:
    """Print the times on the slow line, and return the goals that were missed."""
    missed = []
    print(f"\n{'slow line':16}{'ours':>8}{'bare':>8}{'ratio':>8}")
    for what in dict.fromkeys(what for what, _ in times):
        ours, bare = (statistics.median(times[what, who]) for who in ("ours", "bare"))
        print(f"{what:16}{ours:8.3f}{bare:8.3f}{ours / bare:8.2f}")
        if ours / bare > MOST_TIMES_BARE:
            missed.append(f"Missed: {what}: {ours / bare:.2f} x the bare page on the slow line")
    return missed


if __name__ == "__main__":
    sys.exit(main())
