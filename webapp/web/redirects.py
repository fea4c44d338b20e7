"""Where a redirect may go: to this site, and nowhere else (R25)."""

from __future__ import annotations

import re
from urllib.parse import quote

# One slash and then no other slash, and only characters that browsers neither drop nor read as
# something else: no backslash, control, space or quote anywhere, escaped or not.
_LOCAL = re.compile(
    r"/(?:[A-Za-z0-9_~.-][A-Za-z0-9_~./%:@!$&*+,;=-]*)?(?:\?[A-Za-z0-9_~./%:@!$&*+,;=?-]*)?",
    re.ASCII,
)
_HIDDEN = re.compile(r"%(?:[01][0-9a-f]|2f|5c|7f|25)", re.IGNORECASE)
# What servers take as a request's line is hardly more.
LIMIT = 8_000
_AS_IT_IS = "~./%:@!$&*+,;=?-"


def local_path(target: str | None, default: str = "/") -> str:
    """Return ``target`` when it is a plain path of this site, else ``default``.

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
    """Return a path with its query, in which whatever `local_path` may not let pass is escaped.

    Example
    -------
    >>> plain_address("/", b"prompt=what's+new")
    '/?prompt=what%27s+new'
    """
    return f"{path}?{quote(query, safe=_AS_IT_IS)}" if query else path
