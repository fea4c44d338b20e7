"""Where Chromium is, and how it is started in tests."""

from __future__ import annotations

import shutil

# Chromium takes only the last of several lists, so this one begins with what Playwright switches
# off by default and our pages could notice.
DISABLED = [
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsUpgrades",
    "HttpsFirstBalancedModeAutoEnable",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
    # The popup of the address bar is two pages with a process of their own, which each window
    # loads before anybody types there. They took half of the processor time of a short test.
    "WebUIOmniboxAimPopup",
    "WebUIOmniboxPopup",
    # A process kept ready for the next site: the tests have only one.
    "SpareRendererForSitePerProcess",
]
FLAGS = [
    f"--disable-features={','.join(DISABLED)}",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # The empty page of a new window gives its process to the page that is loaded there: to start
    # one more took a seventh of the processor time of a short test.
    "--renderer-process-limit=1",
]


def find_chromium() -> str | None:
    """Return the path of Chromium, or ``None``."""
    return shutil.which("chromium") or shutil.which("chromium-browser")
