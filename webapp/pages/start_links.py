"""Links that start a chat: they name a profile, hold the text of a message, or both.

If a parameter comes twice, the first one counts. All other parameters are ignored.
"""

from __future__ import annotations

from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from webapp.authoring.profiles.profile import NAME_LIMIT, ChatProfile
from webapp.authoring.text import clean_text, is_visible
from webapp.pages.chat_page import PICK, Notice, vanished_notice
from webapp.pages.forms import PROMPT_LIMIT
from webapp.profiles.offer import (
    ProfileNotOfferedError,
    current_choice,
    find_vanished_choice,
    offered_profile,
    offered_profiles,
)

TRUNCATED = (
    f"The text of this link is longer than {PROMPT_LIMIT:,} characters. Its end is left out."
)
REFUSED = (
    "The link asks for the profile “{}”, which is not offered to you. No chat was started. "
    "Press “Start chat” to start one without it."
)


@dataclass(frozen=True)
class StartLink:
    """The profile and the text that a link asks for. A long text is truncated."""

    profile: str | None = None
    prompt: str = ""
    was_truncated: bool = False

    @property
    def notices(self) -> list[Notice]:
        """The notice that the text was truncated."""
        return [Notice(TRUNCATED)] if self.was_truncated else []


@dataclass(frozen=True)
class StartPage:
    """What the page of a new chat shows. If its link was refused, no chat starts by itself."""

    profile: ChatProfile | None
    notices: list[Notice]
    refused: bool = False


def parse_link(parameters: MultiDict[str, str]) -> StartLink:
    """Return what query parameters ask for. An empty parameter asks for nothing."""
    # With one character too many, a name is still known to be too long.
    profile = clean_text(parameters.get("profile", ""))[: NAME_LIMIT + 1]
    text = clean_text(parameters.get("prompt", ""))
    prompt = text[:PROMPT_LIMIT] if is_visible(text) else ""
    return StartLink(profile or None, prompt, len(prompt) < len(text) and bool(prompt))


def open_link(link: StartLink) -> StartPage:
    """Return the page of a new chat. The link's profile goes before that of the session."""
    if link.profile is None:
        return _open_default(link.notices)
    try:
        return StartPage(offered_profile(link.profile), link.notices)
    except ProfileNotOfferedError as error:
        pick = PICK if len(offered_profiles().profiles) > 1 else ""
        notice = Notice(REFUSED + pick, error.subject, is_error=True)
        return StartPage(_open_default([]).profile, [notice, *link.notices], refused=True)


def _open_default(notices: list[Notice]) -> StartPage:
    offer, vanished = offered_profiles(), find_vanished_choice()
    if vanished is not None:
        notices = [vanished_notice(offer, vanished), *notices]
    return StartPage(offer.default(current_choice()), notices)
