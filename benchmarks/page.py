"""Measure our page in Chromium: bytes, requests, and the time until the chat has started.

Beside it, in turn: a bare Flask + htmx page that does the same. "normal" is this machine as it is;
"slow" is a phone on a slow network: 4 x slower processor, 1.6 Mbit/s, 150 ms latency; "slowest" has
400 kbit/s and 400 ms. Every visit is the first page after login, with an empty cache. Both have the
same htmx, compressed. The author's own icon of the chosen profile is one of our requests.

Example
-------
::

    python benchmarks/page.py
    python benchmarks/page.py --rounds 9 --check
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright
from serving import bare_app, our_app

MOST_BYTES = 45_000
MOST_REQUESTS = 6
MOST_TIMES_BARE = 1.5
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
MESSAGE = '[data-testid="message"]'
# Notes when the first message stands in the page, in milliseconds since the navigation began.
WATCH = f"""
new MutationObserver((_, observer) => {{
  if (document.querySelector('{MESSAGE}')) {{
    window.startedAfter = performance.now();
    observer.disconnect();
  }}
}}).observe(document, {{childList: true, subtree: true}});
"""


@dataclass(frozen=True)
class Network:
    """How slow the browser is made."""

    slowdown: int
    bits_per_second: float
    latency_ms: float


NETWORKS = {
    "normal": None,
    "slow": Network(4, 1_600_000, 150),
    "slowest": Network(4, 400_000, 400),
}


@dataclass
class Visit:
    """What one visit took."""

    seconds: float
    sizes: list[int]
    strangers: list[str]


def main() -> int:
    """Measure, print a table, and return 1 if ``--check`` was given and a goal is missed."""
    options = _options()
    found: dict[tuple[str, str], list[Visit]] = {}
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        chromium = options.chromium or shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(
            executable_path=chromium, args=FLAGS, env={**os.environ, "HOME": name}
        )
        with our_app(folder, "chat_with_login.py") as ours, bare_app(folder) as bare:
            ports = {"ours": ours.port, "bare": bare.port}
            # The first round warms both servers up, and is not counted.
            for number in range(options.rounds + 1):
                for network in options.networks:
                    for who, port in ports.items():
                        visit = _visit(browser, port, NETWORKS[network])
                        if number:
                            found.setdefault((network, who), []).append(visit)
        browser.close()
    missed = [line for network in options.networks for line in _show(network, found)]
    print("\n".join(missed) or "Every goal is met.")
    return 1 if options.check and missed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="visits of each kind")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--chromium", help="path of Chromium, if it is not on the PATH")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    return parser.parse_args()


def _visit(browser: Browser, port: int, network: Network | None) -> Visit:
    """Log in, empty the cache, and open the first page."""
    address = f"http://127.0.0.1:{port}"
    with browser.new_context() as context:
        page = context.new_page()
        _log_in(page, context, address)
        devtools = context.new_cdp_session(page)
        sizes, hosts = _listen(devtools)
        _slow_down(devtools, network)
        page.add_init_script(WATCH)
        page.goto(f"{address}/")
        page.wait_for_selector(MESSAGE)
        milliseconds = float(page.evaluate("window.startedAfter"))
        page.wait_for_load_state("networkidle")
        strangers = [url for url in hosts if not url.startswith((address, "data:"))]
        return Visit(milliseconds / 1_000, [size for size in sizes.values() if size], strangers)


def _log_in(page: Page, context: BrowserContext, address: str) -> None:
    page.goto(f"{address}/login")
    page.fill('[name="username"]', "alice")
    page.fill('[name="password"]', "alicealice")
    page.press('[name="password"]', "Enter")
    page.wait_for_selector(MESSAGE)
    page.goto("about:blank")


def _listen(devtools: CDPSession) -> tuple[dict[str, int], list[str]]:
    """Collect the bytes on the wire of each request, heads included, and the addresses.

    What the browser has kept from a moment ago (the favicon, asked for again when the address
    changes) is no request on the wire, and has a size of 0.
    """
    sizes: dict[str, int] = {}
    urls: list[str] = []
    devtools.send("Network.enable")
    devtools.send("Network.clearBrowserCache")
    devtools.on("Network.requestWillBeSent", lambda event: urls.append(event["request"]["url"]))
    devtools.on(
        "Network.loadingFinished",
        lambda event: sizes.update({event["requestId"]: int(event["encodedDataLength"])}),
    )
    return sizes, urls


def _slow_down(devtools: CDPSession, network: Network | None) -> None:
    if network is None:
        return
    bytes_per_second = network.bits_per_second / 8
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": network.slowdown})
    devtools.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": network.latency_ms,
            "downloadThroughput": bytes_per_second,
            "uploadThroughput": bytes_per_second,
        },
    )


def _show(network: str, found: dict[tuple[str, str], list[Visit]]) -> list[str]:
    """Print the two lines of a network, and return the goals that were missed."""
    ours, bare = found[network, "ours"], found[network, "bare"]
    if network == next(iter(found))[0]:
        print(
            f"{'network':8} {'who':5}{'seconds':>9}{'from':>8}{'to':>8}{'bytes':>9}{'requests':>9}"
        )
    for who, visits in (("ours", ours), ("bare", bare)):
        times = [visit.seconds for visit in visits]
        print(
            f"{network:8} {who:5}{statistics.median(times):9.3f}{min(times):8.3f}{max(times):8.3f}"
            f"{_bytes(visits):9,.0f}{_requests(visits):9.0f}"
        )
    ratio = _seconds(ours) / _seconds(bare)
    print(f"{network:8} ours takes {ratio:.2f} x as long as the bare page")
    goals = {
        f"{network}: {ratio:.2f} x the bare page": ratio <= MOST_TIMES_BARE,
        f"{network}: {_bytes(ours):,.0f} bytes": _bytes(ours) <= MOST_BYTES,
        f"{network}: {_requests(ours):.0f} requests": _requests(ours) <= MOST_REQUESTS,
        f"{network}: requests to third parties": not any(visit.strangers for visit in ours),
    }
    return [f"Missed: {goal}" for goal, met in goals.items() if not met]


def _seconds(visits: list[Visit]) -> float:
    return statistics.median(visit.seconds for visit in visits)


def _bytes(visits: list[Visit]) -> float:
    return statistics.median(sum(visit.sizes) for visit in visits)


def _requests(visits: list[Visit]) -> float:
    return statistics.median(len(visit.sizes) for visit in visits)


if __name__ == "__main__":
    sys.exit(main())
