"""The participants of a chat: the name and the picture beside each message.

They are fixed when a page is requested, so what streams into the page later needs no request.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import quote, urlencode

from flask import has_request_context, request

from webapp.accounts.login import viewer
from webapp.authoring.chat_message import DIVIDER, ERROR, USER, ChatMessage, ElementData
from webapp.authoring.context import Running
from webapp.authoring.errors import CallbackError
from webapp.authoring.loading.app_file import Callback
from webapp.authoring.profiles.profile import ChatProfile
from webapp.branding.looks import Looks, looks
from webapp.clock import Clock, viewer_clock
from webapp.engine.call import call
from webapp.pages.element_links import ElementLinks
from webapp.profiles.icons import find_origin, icon_src, initial, label, public_url
from webapp.profiles.missing_files import MissingFiles, missing_files
from webapp.site import chat_app, settings
from webapp.web.assets import asset_below
from webapp.web.headers import allow_icons_from, fragment_origins
from webapp.web.log import log_failure

NAME_SHOWN = 200
# Of the hash of a content, in the address of a file.
VERSION_LENGTH = 16


@dataclass(frozen=True)
class Participant:
    """A name, the address of a picture if there is one, and the letter that stands in for it."""

    name: str
    picture: str | None = None

    @cached_property
    def initial(self) -> str:
        """Return the first letter of the name."""
        return initial(self.name)


@dataclass(kw_only=True)
class Participants:
    """The participants of one chat, for one viewer, and the clock of that viewer."""

    clock: Clock
    viewer: Participant
    # The app itself, where there is no profile. Then each profile, by its name.
    site: Participant
    profiles: dict[str, Participant]
    rename: Callback | None
    seconds: float
    looks: Looks = field(default_factory=Looks)
    # The path of the site, and what shows that the reader of a link may see the files of its chat.
    root: str = ""
    share: str | None = None
    # Where pictures of other sites may come from. `None` on a page, whose policy is yet to be sent.
    origins: frozenset[str] | None = frozenset()
    # What tells the author of the app of a file that is not there.
    missing: MissingFiles | None = None
    _renamed: dict[str, str] = field(default_factory=dict)
    _authors: dict[tuple[str, str | None, str | None], Participant] = field(default_factory=dict)

    def author_of(self, message: ChatMessage) -> Participant:
        """Return who is shown as the author of a message."""
        if message.kind == USER:
            return self.viewer
        key = (message.kind, message.profile, message.author)
        if key not in self._authors:
            self._authors[key] = self._find_author(message)
        return self._authors[key]

    def step_name(self, message: ChatMessage, name: str) -> str:
        """Return what a step is called on the page. Without a name, it is called as its app."""
        return self._rename_author(name) if name else self.author_of(message).name

    def file_url(self, element: ElementData, file_id: object = None) -> str:
        """Return the address of the file of an element.

        Parameters
        ----------
        file_id:
            Of another file of the element, such as its picture for dark pages.
        """
        # A name of dots alone would be taken for a folder.
        name = element.name.replace("/", "_").replace("\\", "_")
        name = name if name.strip(". ") else element.kind
        path = f"{self.root}/files/{file_id or element.id}/{quote(name, safe='')}"
        if file_id is None and element.file is not None:
            # It names the content, so a browser need not ask again.
            return path + self._query(v=element.file.sha256[:VERSION_LENGTH])
        return path + self._query()

    def element_url(self, element: ElementData, **query: str) -> str:
        """Return the address of the page of an element, or of a page of a table."""
        return f"{self.root}/elements/{element.id}{self._query(**query)}"

    def frame_url(self, element: ElementData) -> str:
        """Return the address of the frame that draws an element."""
        return f"{self.root}/elements/{element.id}/frame{self._query()}"

    def static_url(self, name: str) -> str:
        """Return the address of a style sheet or script that only some elements need."""
        return asset_below(self.root, name)

    def source(self, element: ElementData) -> str | None:
        """Return the address from which a page may load an element, or ``None``."""
        if element.file is not None:
            return self.file_url(element)
        address = (element.url or "").strip()
        public = public_url(self.root, address)
        if public is not None:
            if self.missing is not None:
                self.missing.tell_file(f"{element.kind} {element.name!r:.60}", address)
            return public
        origin = find_origin(address)
        if origin is None:
            return None
        if self.origins is None and has_request_context():
            return address if allow_icons_from(origin) else None
        return address if origin in (self.origins or ()) else None

    def list_origins(self, messages: Iterable[ChatMessage]) -> None:
        """Let this page load what messages show from elsewhere, now and beside the chat later.

        Call it before the page says in its head what it may load.
        """
        for message in messages:
            for element in message.elements:
                if element.url is not None:
                    self.source(element)

    def links_of(self, message: ChatMessage) -> ElementLinks:
        """Return what links the names of the elements of a message that are shown elsewhere."""
        return ElementLinks(
            (element, self.element_url(element, message=str(message.id)))
            for element in message.elements
            if element.display != "inline"
        )

    def _query(self, **query: str) -> str:
        found = {**query, "share": self.share} if self.share else query
        return f"?{urlencode(found)}" if found else ""

    def _find_author(self, message: ChatMessage) -> Participant:
        profile = self.site
        if message.profile is not None:
            profile = self.profiles.get(message.profile) or Participant(message.profile)
        if message.kind == DIVIDER:
            return profile
        if message.kind == ERROR:
            return Participant(profile.name)
        if message.author is None:
            name = self._rename_author(profile.name)
            return Participant(name, profile.picture or self._find_avatar(name, profile.name))
        name = self._rename_author(message.author)
        return Participant(name, self._find_avatar(name, message.author))

    def _find_avatar(self, *names: str) -> str | None:
        path = self.looks.find_avatar(*names)
        return None if path is None else f"{self.root}{path}"

    def _rename_author(self, author: str) -> str:
        if self.rename is None:
            return author
        if author not in self._renamed:
            try:
                name = call(self.rename, (author,), Running(), self.seconds)
                if not isinstance(name, str) or not name.strip():
                    raise self.rename.wrong_answer(f"returned {name!r:.80}; return a name")
            except CallbackError as error:
                # The message matters more than the name beside it, so the author keeps its own.
                log_failure("author_rename.failed", error)
                name = author
            self._renamed[author] = name[:NAME_SHOWN] if name is not author else author
        return self._renamed[author]


def build_participants(
    profiles: Iterable[ChatProfile], *, is_imported: bool = False
) -> Participants:
    """Return the participants of a chat, for the viewer of this request.

    Parameters
    ----------
    profiles:
        The profiles of its messages, and those that the chat may switch to while the page is open.
        The page may load their icons.
    is_imported:
        Whether its messages may come from anywhere, and so may the addresses in them.
    """
    user = viewer()
    return Participants(
        clock=viewer_clock(),
        viewer=Participant(user.name if user else "You"),
        site=Participant(settings().site_name or "Chat Profiles"),
        profiles={
            profile.name: Participant(label(profile), icon_src(profile)) for profile in profiles
        },
        rename=chat_app().get("author_rename"),
        looks=looks(),
        root=request.script_root,
        origins=frozenset() if is_imported else fragment_origins(),
        missing=None if is_imported else missing_files(),
        seconds=settings().callback_seconds,
    )
