"""Where Firefox and WebKit are."""

from __future__ import annotations

import shutil


def find_firefox() -> str | None:
    """Return the path of Firefox, or ``None``."""
    return shutil.which("firefox-esr") or shutil.which("firefox")


def find_webkit() -> str | None:
    """Return the path of WebKit's driver if there is a screen for it as well, or ``None``."""
    return shutil.which("WebKitWebDriver") if shutil.which("Xvfb") else None
