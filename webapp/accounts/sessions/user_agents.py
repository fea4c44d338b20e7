"""What a browser says of itself, in a few words."""

from __future__ import annotations

from webapp.authoring.text import is_visible

UNKNOWN = "Unknown browser"
SHOWN = 60
# The first that is found counts: most browsers also name those they descend from.
BROWSERS = (
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


def device_of(user_agent: str | None) -> str:
    """Return a browser and its system, or the beginning of what it says.

    Anybody can say anything there, so it is a hint for its owner, and proves nothing.

    Example
    -------
    >>> device_of("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    'Firefox on Linux'
    """
    text = user_agent or ""
    browser, system = _first(BROWSERS, text), _first(SYSTEMS, text)
    if browser:
        return f"{browser} on {system}" if system else browser
    said = " ".join(text.split())
    if not is_visible(said):
        return UNKNOWN
    return said if len(said) <= SHOWN else f"{said[:SHOWN]}…"


def _first(names: tuple[tuple[str, str], ...], text: str) -> str | None:
    return next((name for mark, name in names if mark in text), None)
