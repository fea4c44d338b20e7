"""The addresses a redirect may have: those of this site."""

from __future__ import annotations

import re
from urllib.parse import quote

# One slash that no second one follows, and only characters that browsers neither drop nor convert:
# no backslash, control character, space or quote, escaped or not.
_LOCAL = re.compile(
    r"/(?:[A-Za-z0-9_~.-][A-Za-z0-9_~./%:@!$&*+,;=-]*)?(?:\?[A-Za-z0-9_~./%:@!$&*+,;=?-]*)?",
    re.ASCII,
)
_HIDDEN = re.compile(r"%(?:[01][0-9a-f]|2f|5c|7f|25)", re.IGNORECASE)
# Servers accept hardly longer request lines.
LIMIT = 8_000
_AS_IT_IS = "~./%:@!$&*+,;=?-"


def local_path(target: str | None, default: str = "/") -> str:
    """Return ``target`` if it is a plain path of this site, or else ``default``.

    Example
    -------
    >>> local_path("/chats/1?a=b"), local_path("//evil.example")
    ('/chats/1?a=b', '/')
    """
    if not target or len(target) > LIMIT:
        return default
    path, _, _ = target.partition("?")
    suspicious = not _LOCAL.fullmatch(target) or _HIDDEN.search(path) or "//" in path
    return default if suspicious else target


def plain_address(path: str, query: bytes) -> str:
    """Return a path with its query, escaped so that `local_path` lets it pass.

    Example
    -------
    >>> plain_address("/", b"prompt=what's+new")
    '/?prompt=what%27s+new'
    """
    return f"{path}?{quote(query, safe=_AS_IT_IS)}" if query else path
