"""Who messages are shown as: the name and the picture beside each.

Fixed when a page is asked for, so that what streams into it later needs no request any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from webapp.accounts.login import viewer
from webapp.authoring.chat_message import DIVIDER, ERROR, USER, ChatMessage
from webapp.authoring.context import Running
from webapp.authoring.errors import CallbackError
from webapp.authoring.loading.app_file import Callback
from webapp.authoring.types import ChatProfile
from webapp.engine.call import call
from webapp.profiles.icons import icon_src, initial, label
from webapp.site import chat_app, settings
from webapp.web.log import log_failure

NAME_SHOWN = 200


@dataclass(frozen=True)
class Face:
    """A name, the address of a picture if there is one, and the letter that stands in for it."""

    name: str
    picture: str | None = None

    @property
    def initial(self) -> str:
        """Return the first letter of the name."""
        return initial(self.name)


@dataclass(kw_only=True)
class Faces:
    """The faces of one chat, for one viewer."""

    viewer: Face
    # Of the app itself, where there is no profile; and of each profile, by its name.
    site: Face
    profiles: dict[str, Face]
    rename: Callback | None
    seconds: float
    _renamed: dict[str, str] = field(default_factory=dict)

    def of(self, message: ChatMessage) -> Face:
        """Return whose message it is."""
        if message.kind == USER:
            return self.viewer
        profile = self.of_profile(message.profile)
        if message.kind == DIVIDER:
            return profile
        if message.kind == ERROR:
            return Face(profile.name)
        if message.author is None:
            return Face(self._shown(profile.name), profile.picture)
        return Face(self._shown(message.author))

    def of_profile(self, name: str | None) -> Face:
        """Return the face of a profile; of one that nobody knows any more, its name."""
        return self.site if name is None else self.profiles.get(name) or Face(name)

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


def faces_of(profiles: Iterable[ChatProfile]) -> Faces:
    """Return the faces of a chat, for whoever asks now.

    Parameters
    ----------
    profiles:
        Those under which something was said in it, or may be said while it is watched, as they are
        to be shown. The page may load their icons.
    """
    who = viewer()
    return Faces(
        viewer=Face(who.name if who else "You"),
        site=Face(settings().site_name or "Chat Profiles"),
        profiles={profile.name: Face(label(profile), icon_src(profile)) for profile in profiles},
        rename=chat_app().get("author_rename"),
        seconds=settings().callback_seconds,
    )
