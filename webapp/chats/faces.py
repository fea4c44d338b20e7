"""Who messages are shown as: the name and the picture beside each.

Fixed when a page is asked for, so that what streams into it later needs no request any more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from flask import current_app

from webapp.accounts.login import viewer
from webapp.authoring.app_file import Callback, ChatApp
from webapp.authoring.context import Running
from webapp.authoring.errors import CallbackError
from webapp.authoring.types import ChatProfile
from webapp.engine.call import call
from webapp.profiles.icons import icon_src, initial, label
from webapp.web.events import log_failure

NAME_SHOWN = 200


class HasAuthor(Protocol):
    """A message, stored or on its way."""

    @property
    def kind(self) -> str:
        """Return ``user``, ``assistant`` or ``error``."""

    @property
    def author(self) -> str | None:
        """Return who said it, if that was said."""


@dataclass(frozen=True)
class Face:
    """A name, the address of a picture if there is one, and the letter that stands in for it."""

    name: str
    picture: str | None = None

    @property
    def initial(self) -> str:
        """Return the first letter of the name."""
        return initial(self.name)


@dataclass
class Faces:
    """The faces of one chat, for one viewer."""

    viewer: Face
    app: Face
    rename: Callback | None
    seconds: float
    _renamed: dict[str, str] = field(default_factory=dict)

    def of(self, message: HasAuthor) -> Face:
        """Return whose message it is."""
        if message.kind == "user":
            return self.viewer
        if message.kind == "error":
            return Face(self.app.name)
        if message.author is None:
            return Face(self._shown(self.app.name), self.app.picture)
        return Face(self._shown(message.author))

    def _shown(self, author: str) -> str:
        if self.rename is None:
            return author
        if author not in self._renamed:
            self._renamed[author] = self._asked(self.rename, author)
        return self._renamed[author]

    def _asked(self, rename: Callback, author: str) -> str:
        try:
            shown = call(rename, (author,), Running(), self.seconds)
            if not isinstance(shown, str) or not shown.strip():
                raise rename.wrong_answer(f"returned {shown!r:.80}; return a name")
        except CallbackError as error:
            # What was said matters more than under which name: it is shown under its own.
            log_failure("author_rename.failed", error)
            return author
        return shown[:NAME_SHOWN]


def faces_of(profile: ChatProfile | None) -> Faces:
    """Return the faces of a chat under ``profile``, for whoever asks now."""
    chat_app: ChatApp = current_app.extensions["chat_app"]
    settings = current_app.extensions["settings"]
    who = viewer()
    site = settings.site_name or "Chat Profiles"
    return Faces(
        Face(who.name if who else "You"),
        Face(label(profile), icon_src(profile)) if profile else Face(site),
        chat_app.get("author_rename"),
        settings.callback_seconds,
    )
