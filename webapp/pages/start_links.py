"""Links that name a profile, hold the beginning of a message, or both.

Of a parameter that comes twice the first counts, and others than these two count for nothing (R31).
"""

from __future__ import annotations

from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from webapp.authoring.text import clean_text, is_visible
from webapp.authoring.types import NAME_LIMIT, ChatProfile
from webapp.pages.chat_page import PICK, Notice, vanished_notice
from webapp.pages.forms import PROMPT_LIMIT
from webapp.profiles.offer import (
    ProfileNotOfferedError,
    current_choice,
    find_vanished_choice,
    offered_profile,
    offered_profiles,
)

CUT = f"The text of this link was longer than {PROMPT_LIMIT:,} characters; the end was left out."
REFUSED = (
    "The link asks for the profile “{}”, which is not offered to you. Nothing was started: "
    "press “Start chat” to go on without it."
)


@dataclass(frozen=True)
class Link:
    """What a link asks for; ``prompt`` is cut where it is too long."""

    profile: str | None = None
    prompt: str = ""
    was_cut: bool = False

    @property
    def notices(self) -> list[Notice]:
        """Return what is to be said about the text."""
        return [Notice(CUT)] if self.was_cut else []


@dataclass(frozen=True)
class Opening:
    """What the page of a new chat opens with; a refused one does not start by itself."""

    profile: ChatProfile | None
    notices: list[Notice]
    refused: bool = False


def link_in(parameters: MultiDict[str, str]) -> Link:
    """Return what the parameters of an address ask for; an empty one asks for nothing."""
    # One character more than a name may have is enough to know that nobody is offered it.
    profile = clean_text(parameters.get("profile", ""))[: NAME_LIMIT + 1]
    text = clean_text(parameters.get("prompt", ""))
    prompt = text[:PROMPT_LIMIT] if is_visible(text) else ""
    return Link(profile or None, prompt, len(prompt) < len(text) and bool(prompt))


def opening_of(link: Link) -> Opening:
    """Return what a new chat opens with: the link's profile before that of the session."""
    if link.profile is None:
        return _usual(link.notices)
    try:
        return Opening(offered_profile(link.profile), link.notices)
    except ProfileNotOfferedError as error:
        way_on = PICK if len(offered_profiles().profiles) > 1 else ""
        notice = Notice(REFUSED + way_on, error.subject, is_error=True)
        return Opening(_usual([]).profile, [notice, *link.notices], refused=True)


def _usual(notices: list[Notice]) -> Opening:
    offer, vanished = offered_profiles(), find_vanished_choice()
    told = [] if vanished is None else [vanished_notice(offer, vanished)]
    return Opening(offer.default(current_choice()), [*told, *notices])
