"""Icons of profiles: a URL, a file under ``/public``, or the first letter of the name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Protocol
from urllib.parse import quote, urlsplit

from flask import request

from webapp.authoring.profiles.profile import NAME_LIMIT, ChatProfile
from webapp.web.headers import PAGE_ICON_ORIGINS, allow_icons_from, page_icon_origins

# Origins go into a header, so only the characters of a host are allowed.
_HOST = re.compile(r"[A-Za-z0-9.-]+(?::\d{1,5})?", re.ASCII)
_PUBLIC = re.compile(r"/?public/(.+)")


class HasIcon(Protocol):
    """A profile or a starter."""

    @property
    def icon(self) -> str | None:
        """Return a URL, a path under ``/public``, or nothing."""


def icon_src(item: HasIcon) -> str | None:
    """Return the address of an icon, and let this page load it. ``None`` means no icon."""
    icon = (item.icon or "").strip()
    public = public_url(request.script_root, icon)
    if public is not None:
        return public
    origin = find_origin(icon)
    return icon if origin is not None and allow_icons_from(origin) else None


def public_url(root: str, path: str) -> str | None:
    """Return the address of a file under ``/public`` of the site at ``root``, if it is one."""
    public = _PUBLIC.fullmatch(path)
    if public is None or "://" in path:
        return None
    return f"{root}/public/{quote(public[1], safe='/?=&')}"


def find_origin(address: str) -> str | None:
    """Return the origin of an address of the web, such as ``https://example.org``."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.netloc):
        return None
    return f"{parts.scheme}://{parts.netloc}"


def page_headers(profiles: Iterable[ChatProfile]) -> dict[str, str]:
    """Let this page load the icons of these profiles, and return the headers its requests send.

    Profiles that are not shown yet count too: the policy of a page cannot change after it is sent.
    """
    for profile in profiles:
        items: list[HasIcon] = [profile, *(profile.starters or ())]
        for item in items:
            icon_src(item)
    return {PAGE_ICON_ORIGINS: " ".join(page_icon_origins())}


def label(profile: ChatProfile) -> str:
    """Return the name of a profile on the page. It is as long as any name, or an export of its
    chats could not be imported."""
    return (profile.display_name or profile.name)[:NAME_LIMIT]


def initial(item: ChatProfile | str) -> str:
    """Return the first letter of a profile or a name, with the marks that belong to it."""
    text = item if isinstance(item, str) else label(item)
    start = next((i for i, c in enumerate(text) if c.isalnum()), 0)
    end = start + 1
    while end < len(text) and unicodedata.combining(text[end]):
        end += 1
    return text[start:end].upper()
