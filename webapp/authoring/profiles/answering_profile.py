"""A chat profile that answers by itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from webapp.authoring.loading.app_file import Callback
from webapp.authoring.profiles.profile import ChatProfile


@dataclass(frozen=True, kw_only=True)
class AnsweringProfile(ChatProfile):
    """A chat profile whose messages are not answered by the app's ``@on_message``.

    Parameters
    ----------
    answering:
        Takes its place.
    """

    answering: Callback = field(compare=False)


def own_callback(profile: ChatProfile | None, decorator: str) -> Callback | None:
    """Return what a profile has in the place of the app's callback, if it has something."""
    if isinstance(profile, AnsweringProfile) and profile.answering.decorator == decorator:
        return profile.answering
    return None
