"""What this user may pick right now: the only place where a profile's name means anything."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from flask import g, request, session
from werkzeug.exceptions import Forbidden

from webapp.accounts.audit import record_refusal
from webapp.accounts.login import signed_in_user
from webapp.authoring.context import Running
from webapp.authoring.errors import CallbackError
from webapp.authoring.loading.app_file import Callback
from webapp.authoring.types import ChatProfile
from webapp.database.engines import release_connection
from webapp.engine.call import call
from webapp.profiles.last_choice import forget_name, remember, remembered_name
from webapp.profiles.missing_icons import log_missing_icons
from webapp.site import chat_app, settings
from webapp.web.htmx import PROFILES_CHANGED

CHOICE_KEY = "chat_profile"
DEFAULT_LANGUAGE = "en"
NO_LOGIN = "current_user is None because there is no @password_auth_callback"
# Language, script and region; the variants and extensions that may follow are cut off.
_TAG = re.compile(
    r"([A-Za-z]{2,3}(?:-[A-Za-z]{4})?(?:-(?:[A-Za-z]{2}|\d{3}))?)(?:-[A-Za-z0-9]{1,8})*", re.ASCII
)


@dataclass(frozen=True)
class Offer:
    """The profiles offered to one user in one request."""

    profiles: tuple[ChatProfile, ...] = ()

    def find(self, name: str | None) -> ChatProfile | None:
        """Return the offered profile called ``name``; a name from a browser is only a key here."""
        return next((p for p in self.profiles if p.name == name), None)

    @property
    def by_name(self) -> dict[str, ChatProfile]:
        """Return the profiles by their names."""
        return {profile.name: profile for profile in self.profiles}

    def default(self, chosen: str | None) -> ChatProfile | None:
        """Return the profile of a new chat: the chosen one, or ``default=True``, or the first."""
        marked = next((p for p in self.profiles if p.default), None)
        first = self.profiles[0] if self.profiles else None
        return self.find(chosen) or marked or first


class ProfileNotOffered(Forbidden):
    """A name that this user is not offered: forged, or withdrawn since the page was drawn."""

    def __init__(self, name: str) -> None:
        super().__init__("The profile “{}” is not offered to you (any more).")
        self.subject = name[:100]

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        """Let the selector on the page fetch what is offered now."""
        return [*super().get_headers(*args, **kwargs), PROFILES_CHANGED]


def offered_profile(name: str) -> ChatProfile:
    """Return the offered profile called ``name``.

    Raises
    ------
    ProfileNotOffered
        For every other name; it is logged, and the author's code never sees it.
    """
    profile = offered_profiles().find(name)
    if profile is None:
        user = signed_in_user()
        record_refusal("profile.refused", user.identifier if user else None, profile=name)
        raise ProfileNotOffered(name)
    return profile


def offered_profiles() -> Offer:
    """Return what the app offers to this user; the app is asked once per request.

    Raises
    ------
    CallbackError
        When the author's callback fails, or its list cannot be offered.
    """
    if "offer" not in g:
        g.offer = _ask()
    offer: Offer = g.offer
    return offer


def chosen_name() -> str | None:
    """Return the name a new chat takes if it is offered: of this session, else of this account.

    A choice of the session that is no longer offered gives way to the one that is remembered.
    """
    name = _chosen_here()
    if name is not None and offered_profiles().find(name):
        return name
    return remembered_name() or name


def top_bar() -> dict[str, Any]:
    """Return what the top bar of a page without a chat shows."""
    offer = offered_profiles()
    return {"offer": offer, "current": offer.default(chosen_name())}


def choose(profile: ChatProfile) -> None:
    """Keep the choice for the next chats of this session, and for the next sessions."""
    if session.get(CHOICE_KEY) != profile.name:
        session[CHOICE_KEY] = profile.name
        remember(profile.name)


def vanished_choice() -> str | None:
    """Return the name chosen in this session, or remembered, if it is no longer offered."""
    chosen = _chosen_here() or remembered_name()
    return chosen if chosen is not None and offered_profiles().find(chosen) is None else None


def forget_vanished_choice() -> None:
    """Forget what was chosen and is no longer offered, here and for the next sessions."""
    for name in (_chosen_here(), remembered_name()):
        if name is not None and offered_profiles().find(name) is None:
            _forget(name)


def best_language() -> str:
    """Return the browser's first choice of language, such as ``fr`` or ``pt-BR``."""
    for tag, quality in request.accept_languages:
        well_formed = _TAG.fullmatch(tag)
        if quality > 0 and well_formed:
            return _normal(well_formed[1])
    return DEFAULT_LANGUAGE


def _chosen_here() -> str | None:
    name = session.get(CHOICE_KEY)
    return name if isinstance(name, str) else None


def _forget(name: str) -> None:
    if session.get(CHOICE_KEY) == name:
        del session[CHOICE_KEY]
    if remembered_name() == name:
        forget_name(name)


def _ask() -> Offer:
    callback = chat_app().get("set_chat_profiles")
    if callback is None:
        return Offer()
    try:
        return Offer(_checked(callback, _answer(callback)))
    except CallbackError as error:
        if chat_app().login_on or not _misses_attribute_of_none(error):
            raise
        problem = f"{error.problem}: {NO_LOGIN}"
        raise CallbackError(error.callback, problem, error.place) from error.__cause__


def _answer(callback: Callback) -> object:
    arguments = (signed_in_user(), best_language())
    release_connection()
    seconds = settings().callback_seconds
    return call(callback, arguments, Running(), seconds)


def _misses_attribute_of_none(failure: CallbackError) -> bool:
    error = failure.__cause__
    # Python fills in both; an AttributeError that somebody raised has no name.
    return isinstance(error, AttributeError) and error.obj is None and bool(error.name)


def _checked(callback: Callback, answer: object) -> tuple[ChatProfile, ...]:
    if answer is None:
        return ()
    if not isinstance(answer, list | tuple):
        raise callback.wrong_answer(
            f"returned {type(answer).__name__}; return a list of ChatProfile"
        )
    for item in answer:
        if not isinstance(item, ChatProfile):
            raise callback.wrong_answer(f"listed a {type(item).__name__}; list ChatProfile objects")
    twice = [name for name, count in Counter(p.name for p in answer).items() if count > 1]
    if twice:
        raise callback.wrong_answer(f"listed the name {twice[0]!r} twice; names must be unique")
    log_missing_icons(answer)
    return tuple(answer)


def _normal(tag: str) -> str:
    language, *rest = tag.split("-")
    return "-".join([language.lower(), *(p.title() if len(p) == 4 else p.upper() for p in rest)])
