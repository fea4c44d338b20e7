"""Logs, once each, the pictures and files that an app names and that its pages cannot show."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from flask import Flask

from webapp.authoring.actions.icons import ACTION_GLYPHS
from webapp.authoring.loading.app_file import ChatApp
from webapp.authoring.profiles.profile import ChatProfile
from webapp.authoring.profiles.starters import Starter, StarterCategory
from webapp.profiles.icons import find_origin
from webapp.site import this_app
from webapp.web.assets import public_file
from webapp.web.log import log_event

EXTENSION = "missing_files"
# An app may make an icon for each user. A hint for its author need not cover all of them.
MOST_LOOKED_FOR = 1_000
_PUBLIC = re.compile(r"/?public/([^?]+)")
_ADDRESS = 'an icon is a URL, or a file in the folder public, as "/public/name.svg"'
_NAME = (
    'the icon of a button, a command or an option is a name such as "check"; docs/authoring.md '
    "lists the names that show a picture"
)

HasIcon = ChatProfile | Starter | StarterCategory


@dataclass
class MissingFiles:
    """What an app has named, and where it is looked for: its folder ``public``."""

    folder: Path | None
    looked_for: set[str] = field(default_factory=set)

    def tell_icon(self, item: HasIcon) -> None:
        """Log an icon that is not there. The page shows a letter, or nothing, in its place."""
        icon = (item.icon or "").strip()
        if not self._is_new(icon):
            return
        name = item.name if isinstance(item, ChatProfile) else item.label
        owner = f"{type(item).__name__} {name!r:.60}"
        if _PUBLIC.match(icon):
            self._look_for("icon.missing", owner, icon, "change the icon")
        elif find_origin(icon) is None:
            _log("icon.missing", of=owner, icon=icon, hint=_ADDRESS)

    def tell_file(self, owner: str, address: str) -> None:
        """Log a file under ``/public`` that is not there."""
        if self._is_new(address) and _PUBLIC.match(address):
            self._look_for("file.missing", owner, address, "change the address")

    def find_glyph(self, icon: str | None) -> str | None:
        """Return the picture that a name stands for, and log a name that stands for none."""
        found = ACTION_GLYPHS.get(icon or "")
        if found is None and icon and self._is_new(f"name {icon}"):
            _log("icon.missing", icon=icon, hint=_NAME)
        return found

    def _is_new(self, name: str) -> bool:
        if not name or name in self.looked_for or len(self.looked_for) >= MOST_LOOKED_FOR:
            return False
        self.looked_for.add(name)
        return True

    def _look_for(self, event: str, owner: str, address: str, otherwise: str) -> None:
        public = _PUBLIC.match(address)
        if public is None or public_file(self.folder, public[1]) is not None:
            return
        path = str(self.folder / public[1]) if self.folder is not None else "nowhere"
        what = "icon" if event == "icon.missing" else "file"
        hint = f"put the file into {self.folder}, or {otherwise}"
        _log(event, of=owner, **{what: address}, looked_at=path, hint=hint)


def _log(event: str, **values: str) -> None:
    log_event(event, level=logging.WARNING, **values)


def set_up_missing_files(app: Flask, chat_app: ChatApp) -> MissingFiles:
    """Keep in ``app`` what was looked for."""
    found = MissingFiles(chat_app.public_folder)
    app.extensions[EXTENSION] = found
    return found


def missing_files() -> MissingFiles:
    """Return what was looked for in this app."""
    found: MissingFiles = this_app().extensions[EXTENSION]
    return found


def log_missing_icons(items: Iterable[HasIcon]) -> None:
    """Log each icon of these, and of the starters in them, that is not there."""
    missing = missing_files()
    for item in items:
        missing.tell_icon(item)
        if not isinstance(item, Starter):
            for starter in item.starters or ():
                missing.tell_icon(starter)
        if isinstance(item, ChatProfile) and item.stylesheet:
            missing.tell_file(f"ChatProfile {item.name!r:.60} ui.custom_css", item.stylesheet)
