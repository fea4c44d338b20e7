"""The starters of a new chat: those of its profile, or those of the app."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from webapp.accounts.login import signed_in_user
from webapp.authoring.context import Running
from webapp.authoring.errors import CallbackError
from webapp.authoring.profiles.profile import ChatProfile
from webapp.authoring.profiles.starters import Starter, StarterCategory
from webapp.database.engines import release_connection
from webapp.engine.call import call
from webapp.profiles.missing_files import log_missing_icons
from webapp.profiles.offer import best_language
from webapp.site import chat_app, settings, this_app
from webapp.web.errors import request_id
from webapp.web.log import log_failure, shown_error

Item = TypeVar("Item", Starter, StarterCategory)
FAILED = "The suggestions of this app could not be loaded (reference {})."


@dataclass(frozen=True)
class StarterList:
    """The starters of a new chat, or the notice that they could not be loaded.

    With categories, the starters are in those.
    """

    starters: list[Starter] = field(default_factory=list)
    categories: list[StarterCategory] = field(default_factory=list)
    problem: str | None = None

    @property
    def are_any(self) -> bool:
        """Return whether there is something to show."""
        return bool(self.starters or self.categories)

    @property
    def commands(self) -> list[str]:
        """Return the commands of all starters, each once."""
        return list(dict.fromkeys(s.command for s in self.all if s.command))

    def has(self, message: str, command: str) -> bool:
        """Return whether a starter says this message with this command."""
        return any((s.message, s.command) == (message, command) for s in self.all)

    @property
    def all(self) -> list[Starter]:
        """Return the starters, and those of the categories."""
        return [*self.starters, *(s for category in self.categories for s in category.starters)]


def list_starters(profile: ChatProfile | None) -> StarterList:
    """Return the starters of a new chat under ``profile``.

    The categories of the app come before all others. A profile with ``starters=None`` has those of
    the app. One with ``[]`` has none.
    """
    try:
        name = profile.name if profile is not None else None
        categories = _ask_app("set_starter_categories", StarterCategory, name)
        if categories:
            return StarterList(categories=categories)
        if profile is not None and profile.starters is not None:
            return StarterList(list(profile.starters))
        return StarterList(_ask_app("set_starters", Starter))
    except CallbackError as error:
        # A chat works without starters, but a failure is not the same as none: the page says so.
        log_failure("starters.failed", error)
        told = f"{FAILED.format(request_id())} {shown_error(this_app(), request_id())}"
        return StarterList(problem=told.rstrip())


def _ask_app(decorator: str, kind: type[Item], *more: object) -> list[Item]:
    callback = chat_app().get(decorator)
    if callback is None:
        return []
    arguments = (signed_in_user(), best_language(), *more)
    release_connection()
    answer = call(callback, arguments, Running(), settings().callback_seconds)
    if answer is None:
        return []
    if not isinstance(answer, list | tuple) or not all(isinstance(item, kind) for item in answer):
        raise callback.wrong_answer(f"returned something else than a list of {kind.__name__}")
    log_missing_icons(answer)
    return list(answer)
