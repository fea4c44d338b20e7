"""The starters of a new chat: those of its profile, or those of the app."""

from __future__ import annotations

from dataclasses import dataclass, field

from webapp.accounts.login import signed_in_user
from webapp.authoring.context import Running
from webapp.authoring.errors import CallbackError
from webapp.authoring.types import ChatProfile, Starter
from webapp.database.engines import release_connection
from webapp.engine.call import call
from webapp.profiles.offer import best_language
from webapp.site import chat_app, settings, this_app
from webapp.web.errors import request_id
from webapp.web.log import log_failure, shown_error

FAILED = "The suggestions of this app could not be loaded (reference {})."


@dataclass(frozen=True)
class StarterList:
    """The starters of a new chat, or the notice that they could not be loaded."""

    starters: list[Starter] = field(default_factory=list)
    problem: str | None = None


def list_starters(profile: ChatProfile | None) -> StarterList:
    """Return the starters of a new chat under ``profile``.

    A profile with ``starters=None`` has those of the app. One with ``[]`` has none.
    """
    if profile is not None and profile.starters is not None:
        return StarterList(list(profile.starters))
    callback = chat_app().get("set_starters")
    if callback is None:
        return StarterList()
    arguments = (signed_in_user(), best_language())
    release_connection()
    try:
        answer = call(callback, arguments, Running(), settings().callback_seconds)
        if answer is None:
            return StarterList()
        if not isinstance(answer, list | tuple) or not all(isinstance(s, Starter) for s in answer):
            raise callback.wrong_answer("returned something else than a list of Starter")
        return StarterList(list(answer))
    except CallbackError as error:
        # A chat works without starters, but a failure is not the same as none: the page says so.
        log_failure("starters.failed", error)
        told = f"{FAILED.format(request_id())} {shown_error(this_app(), request_id())}"
        return StarterList(problem=told.rstrip())
