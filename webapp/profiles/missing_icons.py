"""Logs, once each, the icons that an app file names and its folder ``public`` lacks."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

from webapp.authoring.profiles.profile import ChatProfile
from webapp.authoring.profiles.starters import Starter
from webapp.site import chat_app, this_app
from webapp.web.assets import public_file
from webapp.web.log import log_event

EXTENSION = "icons_looked_for"
# An app may make an icon for each user. A hint for its author need not cover all of them.
MOST_LOOKED_FOR = 1_000
_PUBLIC = re.compile(r"/?public/([^?]+)")


def log_missing_icons(profiles: Iterable[ChatProfile]) -> None:
    """Log each icon under ``/public`` that has no file: the page shows a letter in its place."""
    looked_for: set[str] = this_app().extensions.setdefault(EXTENSION, set())
    for profile in profiles:
        items: list[ChatProfile | Starter] = [profile, *(profile.starters or ())]
        for item in items:
            icon = (item.icon or "").strip()
            if not icon or icon in looked_for or len(looked_for) >= MOST_LOOKED_FOR:
                continue
            looked_for.add(icon)
            public = _PUBLIC.match(icon)
            if public and public_file(chat_app().public_folder, public[1]) is None:
                hint = f"put the file into {chat_app().public_folder}, or change the icon"
                log_event("icon.missing", level=logging.WARNING, icon=icon, hint=hint)
