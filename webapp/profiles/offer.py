"""The profiles that this user is offered now.

A name from a browser is a key here, and nothing else anywhere.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from flask import g, request, session

from webapp.accounts.audit import record_refusal
from webapp.accounts.login import signed_in_user
from webapp.authoring.context import Running
from webapp.authoring.errors import CallbackError
from webapp.authoring.loading.app_file import Callback
from webapp.authoring.profiles.profile import ChatProfile
from webapp.database.engines import release_connection
from webapp.engine.call import call
from webapp.files.upload_rules import find_upload_rules
from webapp.profiles.last_choice import find_last_choice, forget_name
from webapp.profiles.missing_files import log_missing_icons
from webapp.profiles.unused_overrides import log_unused_overrides
from webapp.site import chat_app, settings
from webapp.web.htmx import PROFILES_CHANGED
from webapp.web.refusals import Refusal

CHOICE_KEY = "chat_profile"
DEFAULT_LANGUAGE = "en"
NO_LOGIN = "current_user is None because there is no @password_auth_callback"
# Language, script and region. Variants and extensions that follow are dropped.
_TAG = re.compile(
    r"([A-Za-z]{2,3}(?:-[A-Za-z]{4})?(?:-(?:[A-Za-z]{2}|\d{3}))?)(?:-[A-Za-z0-9]{1,8})*", re.ASCII
)


@dataclass(frozen=True)
class Offer:
    """The profiles offered to one user in one request."""

    profiles: tuple[ChatProfile, ...] = ()

    def find(self, name: str | None) -> ChatProfile | None:
        """Return the offered profile called ``name``, or ``None``."""
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


class ProfileNotOfferedError(Refusal):
    """The name of a profile that this user is not offered: forged, or withdrawn since."""

    code = 403
    title = "Profile not available"
    message = "The profile “{}” is not offered to you."
    advice = "Choose another profile, or ask the administrator."

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        """Let the selector on the page fetch what is offered now."""
        return [*super().get_headers(*args, **kwargs), PROFILES_CHANGED]


def offered_profile(name: str) -> ChatProfile:
    """Return the offered profile called ``name``.

    Raises
    ------
    ProfileNotOfferedError
        For every other name. The refusal is logged, and the author's code never sees the name.
    """
    profile = offered_profiles().find(name)
    if profile is None:
        user = signed_in_user()
        record_refusal("profile.refused", user.identifier if user else None, profile=name)
        raise ProfileNotOfferedError(subject=name[:100])
    return profile


def offered_profiles() -> Offer:
    """Return the profiles that the app offers to this user. The app is asked once per request.

    Raises
    ------
    CallbackError
        When the author's callback fails, or its list cannot be offered.
    """
    if "offer" not in g:
        g.offer = _ask_app()
    offer: Offer = g.offer
    return offer


def narrow_offer(names: Container[str]) -> None:
    """Offer nothing in this request but the profiles called so: its token is for no others."""
    profiles = offered_profiles().profiles
    g.offer = Offer(tuple(profile for profile in profiles if profile.name in names))


def current_choice() -> str | None:
    """Return the profile of a new chat: the choice of this session, else the user's last choice.

    A choice of the session that is no longer offered gives way to the user's last choice.
    """
    name = _session_choice()
    if name is not None and offered_profiles().find(name):
        return name
    return find_last_choice() or name


def top_bar() -> dict[str, Any]:
    """Return the values for the top bar of a page without a chat."""
    offer = offered_profiles()
    return {"offer": offer, "current": offer.default(current_choice())}


def site_values(current: ChatProfile | None) -> dict[str, Any]:
    """Return what templates need of the names that profiles give the site.

    A profile's own name stands in the place of the site's, which all templates have.
    """
    own_name = {"site_name": current.site_name} if current and current.site_name else {}
    return {
        **own_name,
        "several_site_names": any(profile.site_name for profile in offered_profiles().profiles),
    }


def takes_uploads() -> bool:
    """Return whether there is a chat in which this user may attach files."""
    profiles: tuple[ChatProfile | None, ...] = offered_profiles().profiles or (None,)
    return any(find_upload_rules(profile) is not None for profile in profiles)


def choose(profile: ChatProfile) -> bool:
    """Choose a profile for the next chats of this session, and return whether it is another one.

    If so, the caller also remembers it for the user's next sessions (`remember_name`), in the
    transaction that stores what was chosen for.
    """
    is_new: bool = session.get(CHOICE_KEY) != profile.name
    if is_new:
        session[CHOICE_KEY] = profile.name
    return is_new


def find_vanished_choice() -> str | None:
    """Return the name of the chosen profile if it is no longer offered."""
    chosen = _session_choice() or find_last_choice()
    return chosen if chosen is not None and offered_profiles().find(chosen) is None else None


def forget_vanished_choice() -> None:
    """Forget choices that are no longer offered, of this session and of the user."""
    for name in (_session_choice(), find_last_choice()):
        if name is None or offered_profiles().find(name) is not None:
            continue
        if session.get(CHOICE_KEY) == name:
            del session[CHOICE_KEY]
        if find_last_choice() == name:
            forget_name(name)


def best_language() -> str:
    """Return the browser's first choice of language, such as ``fr`` or ``pt-BR``."""
    for tag, quality in request.accept_languages:
        well_formed = _TAG.fullmatch(tag)
        if quality > 0 and well_formed:
            language, *rest = well_formed[1].split("-")
            # Scripts have four letters, as in zh-Hant; regions two letters or three digits.
            rest = [part.title() if len(part) == 4 else part.upper() for part in rest]
            return "-".join([language.lower(), *rest])
    return DEFAULT_LANGUAGE


def _session_choice() -> str | None:
    name = session.get(CHOICE_KEY)
    return name if isinstance(name, str) else None


def _ask_app() -> Offer:
    callback = chat_app().get("set_chat_profiles")
    if callback is None:
        return Offer()
    arguments = (signed_in_user(), best_language())
    release_connection()
    try:
        answer = call(callback, arguments, Running(), settings().callback_seconds)
        return Offer(_validate(callback, answer))
    except CallbackError as error:
        # Python fills in `obj` and `name`. An AttributeError that somebody raised has no name.
        cause = error.__cause__
        reads_none = isinstance(cause, AttributeError) and cause.obj is None and bool(cause.name)
        if chat_app().login_on or not reads_none:
            raise
        problem = f"{error.problem}: {NO_LOGIN}"
        raise CallbackError(error.callback, problem, error.place) from cause


def _validate(callback: Callback, answer: object) -> tuple[ChatProfile, ...]:
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
    log_unused_overrides(answer)
    return tuple(answer)
