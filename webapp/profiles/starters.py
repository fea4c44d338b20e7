"""What a new chat suggests to begin with: the profile's own starters, or those of the app."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from webapp.accounts.login import signed_in_user
from webapp.authoring.context import Running
from webapp.authoring.errors import CallbackError
from webapp.authoring.loading.app_file import Callback
from webapp.authoring.types import ChatProfile, Starter
from webapp.database.engines import release_connection
from webapp.engine.call import call
from webapp.profiles.offer import best_language
from webapp.site import chat_app, settings
from webapp.web.errors import request_id
from webapp.web.log import log_failure

FAILED = "The suggestions of this app could not be loaded (reference {})."


@dataclass(frozen=True)
class Suggested:
    """Starters, or what went wrong with them."""

    starters: list[Starter] = field(default_factory=list)
    problem: str | None = None


def starters_of(profile: ChatProfile | None) -> Suggested:
    """Return the starters of a new chat under ``profile``.

    ``starters=None`` of a profile means those of the app, ``[]`` none at all.
    """
    if profile is not None and profile.starters is not None:
        return Suggested(list(profile.starters))
    callback = chat_app().get("set_starters")
    return Suggested() if callback is None else _asked(callback)


def _asked(callback: Callback) -> Suggested:
    arguments = (signed_in_user(), best_language())
    seconds = settings().callback_seconds
    release_connection()
    try:
        return Suggested(_checked(callback, call(callback, arguments, Running(), seconds)))
    except CallbackError as error:
        # A chat works without suggestions; that they failed is said, never taken for "none".
        log_failure("starters.failed", error)
        return Suggested(problem=FAILED.format(request_id()))


def _checked(callback: Callback, answer: Any) -> list[Starter]:
    if answer is None:
        return []
    if not isinstance(answer, list | tuple) or not all(isinstance(s, Starter) for s in answer):
        raise callback.wrong_answer("returned something else than a list of Starter")
    return list(answer)
