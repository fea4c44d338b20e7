"""The browser of the benchmarks that look at pages."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from playwright.sync_api import Browser, Playwright

# It asks nobody else for anything, and keeps nothing.
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


def start_chromium(playwright: Playwright, path: str | None, home: Path) -> Browser:
    """Start the Chromium at ``path``, or the one on the PATH, with ``home`` as its home folder."""
    found = path or shutil.which("chromium") or shutil.which("chromium-browser")
    return playwright.chromium.launch(
        executable_path=found, args=FLAGS, env={**os.environ, "HOME": str(home)}
    )
