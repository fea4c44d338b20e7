"""Icons that an app file names and that are not in its folder ``public``: told in the log, once."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

from flask import current_app

from webapp.authoring.types import ChatProfile, Starter
from webapp.site import chat_app
from webapp.web.assets import public_file
from webapp.web.log import log_event

EXTENSION = "icons_looked_for"
# An app may make up an icon for each user; a hint for its author need not follow that for ever.
MOST_LOOKED_FOR = 1_000
_PUBLIC = re.compile(r"/?public/([^?]+)")


def log_missing_icons(profiles: Iterable[ChatProfile]) -> None:
    """Log each icon under ``/public`` that has no file: the page shows a letter in its place."""
    looked_for: set[str] = current_app.extensions.setdefault(EXTENSION, set())
    for icon in _icons(profiles):
        if icon not in looked_for and len(looked_for) < MOST_LOOKED_FOR:
            looked_for.add(icon)
            _log_if_missing(icon)


def _icons(profiles: Iterable[ChatProfile]) -> Iterable[str]:
    for profile in profiles:
        items: list[ChatProfile | Starter] = [profile, *(profile.starters or ())]
        for item in items:
            if item.icon:
                yield item.icon.strip()


def _log_if_missing(icon: str) -> None:
    public = _PUBLIC.match(icon)
    if public and public_file(chat_app().public_folder, public[1]) is None:
        hint = f"put the file into {chat_app().public_folder}, or change the icon"
        log_event("icon.missing", level=logging.WARNING, icon=icon, hint=hint)
