"""Short names for browsers, from what they say of themselves."""

from __future__ import annotations

from webapp.authoring.text import is_visible

UNKNOWN = "Unknown browser"
SHOWN = 60
# The first match counts, because most browsers also name the ones they descend from.
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
    """Return a name for a browser and its system, or else the beginning of what it says.

    A client can send any text, so the name is a hint for the user and proves nothing.

    Example
    -------
    >>> device_of("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    'Firefox on Linux'
    """
    text = user_agent or ""
    browser, system = _find_name(BROWSERS, text), _find_name(SYSTEMS, text)
    if browser:
        return f"{browser} on {system}" if system else browser
    said = " ".join(text.split())
    if not is_visible(said):
        return UNKNOWN
    return said if len(said) <= SHOWN else f"{said[:SHOWN]}…"


def _find_name(names: tuple[tuple[str, str], ...], text: str) -> str | None:
    return next((name for mark, name in names if mark in text), None)
