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
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from chromium import start_chromium
from playwright.sync_api import Browser, CDPSession, Page, sync_playwright
from serving import bare_app, our_app

MOST_BYTES = 45_000
MOST_REQUESTS = 6
MOST_TIMES_BARE = 1.5
MESSAGE = '[data-testid="message"]'
# Notes when the first message stands in the page, in milliseconds since the navigation began.
LOOK_AGAIN_MS = 700
QUIET_MS = 200
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


@dataclass(frozen=True)
class Weight:
    """What one visit brought over the wire: bytes of each request, and addresses elsewhere."""

    sizes: list[int]
    strangers: list[str]


Times = dict[tuple[str, str], list[float]]


def main() -> int:
    """Measure, print a table, and return 1 if ``--check`` was given and a goal is missed."""
    options = _options()
    times: Times = {}
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        browser = start_chromium(playwright, options.chromium, folder)
        with our_app(folder, "cost.py") as ours, bare_app(folder) as bare:
            ports = {"ours": ours.port, "bare": bare.port}
            # These visits also warm both servers up.
            weights = {who: _weighed(browser, port) for who, port in ports.items()}
            for _ in range(options.rounds):
                for network in options.networks:
                    for who, port in ports.items():
                        seconds = _timed(browser, port, NETWORKS[network])
                        times.setdefault((network, who), []).append(seconds)
        browser.close()
    missed = _show_weights(weights)
    missed += [line for network in options.networks for line in _show_times(network, times)]
    print("\n".join(missed) or "Every goal is met.")
    return 1 if options.check and missed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="visits of each kind")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--chromium", help="path of Chromium, if it is not on the PATH")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    return parser.parse_args()


def _timed(browser: Browser, port: int, network: Network | None) -> float:
    """Sign in, empty the cache, and return how many seconds the first page took."""
    with browser.new_context() as context:
        page = context.new_page()
        _log_in(page, f"http://127.0.0.1:{port}")
        devtools = context.new_cdp_session(page)
        devtools.send("Network.clearBrowserCache")
        _slow_down(devtools, network)
        page.add_init_script(WATCH)
        # To wait for an element is to run a script over and over, and to listen to the network is
        # to be told of every request: on this machine both take longer than the page.
        page.goto(f"http://127.0.0.1:{port}/", wait_until="commit")
        return _started_after(page) / 1_000


def _weighed(browser: Browser, port: int) -> Weight:
    """Sign in, empty the cache, and return what the first page brought over the wire."""
    address = f"http://127.0.0.1:{port}"
    with browser.new_context() as context:
        page = context.new_page()
        _log_in(page, address)
        sizes, urls = _listen(context.new_cdp_session(page))
        page.goto(f"{address}/")
        page.wait_for_selector(MESSAGE)
        page.wait_for_load_state("networkidle")
        strangers = [url for url in urls if not url.startswith((address, "data:"))]
        return Weight([size for size in sizes.values() if size], strangers)


def _log_in(page: Page, address: str) -> None:
    page.goto(f"{address}/login")
    page.fill('[name="username"]', "alice")
    page.fill('[name="password"]', "alicealice")
    page.press('[name="password"]', "Enter")
    page.wait_for_selector(MESSAGE)
    # Whatever this page is still busy with must not be counted for the next one.
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(QUIET_MS)


def _started_after(page: Page) -> float:
    while True:
        page.wait_for_timeout(LOOK_AGAIN_MS)
        milliseconds = page.evaluate("window.startedAfter")
        if milliseconds is not None:
            return float(milliseconds)


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
    devtools.send("Network.enable")
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


def _show_weights(weights: dict[str, Weight]) -> list[str]:
    """Print what came over the wire, and return the goals that were missed."""
    for who, weight in weights.items():
        print(f"{who}: {sum(weight.sizes):,} bytes in {len(weight.sizes)} requests")
    ours = weights["ours"]
    goals = {
        f"{sum(ours.sizes):,} bytes": sum(ours.sizes) <= MOST_BYTES,
        f"{len(ours.sizes)} requests": len(ours.sizes) <= MOST_REQUESTS,
        f"requests to {ours.strangers}": not ours.strangers,
    }
    return [f"Missed: {goal}" for goal, met in goals.items() if not met]


def _show_times(network: str, times: Times) -> list[str]:
    """Print the times on a network, and return the goal if it was missed."""
    if network == next(iter(times))[0]:
        print(f"{'network':8} {'who':5}{'seconds':>9}{'from':>8}{'to':>8}")
    for who in ("ours", "bare"):
        each = times[network, who]
        print(f"{network:8} {who:5}{statistics.median(each):9.3f}{min(each):8.3f}{max(each):8.3f}")
    ratio = statistics.median(times[network, "ours"]) / statistics.median(times[network, "bare"])
    print(f"{network:8} ours takes {ratio:.2f} x as long as the bare page")
    return [] if ratio <= MOST_TIMES_BARE else [f"Missed: {network}: {ratio:.2f} x the bare page"]


if __name__ == "__main__":
    sys.exit(main())
