"""Who may use sharing at all, and who may read a chat that is shared."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import NoReturn, ParamSpec, TypeVar

from werkzeug.exceptions import NotFound

from webapp.accounts.login import owner, signed_in_user
from webapp.authoring.context import Running
from webapp.authoring.loading.app_file import Callback
from webapp.authoring.shared_view import SharedChat
from webapp.database.engines import release_connection
from webapp.engine.call import call
from webapp.profiles.offer import offered_profiles
from webapp.sharing.shared_chat import FoundChat, profiles_in
from webapp.site import chat_app, settings
from webapp.web.log import log_event

P = ParamSpec("P")
R = TypeVar("R")
OWNER_WITH_LOGIN = "user:"


def sharing_needed(view: Callable[P, R]) -> Callable[P, R]:
    """Let a view be there only where sharing is on."""

    @wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if not settings().sharing:
            raise NotFound
        return view(*args, **kwargs)

    return checked


def refuse_unless_readable(chat: FoundChat) -> None:
    """Let nobody read what was said under a profile that they are not offered, nor what the app
    keeps from them.

    Raises
    ------
    NotFound
        As if there were no such link; it is logged.
    CallbackError
        When the app's own function fails.
    """
    offer = offered_profiles()
    hidden = sorted(name for name in profiles_in(chat) if offer.find(name) is None)
    if hidden:
        _refuse(chat, f"profile {hidden[0]}")
    callback = chat_app().get("on_shared_chat_view")
    if callback is not None and not _answer(callback, chat):
        _refuse(chat, "on_shared_chat_view")


def _answer(callback: Callback, chat: FoundChat) -> bool:
    with_login = chat.owner.startswith(OWNER_WITH_LOGIN)
    shared = SharedChat(
        str(chat.id),
        chat.title,
        chat.profile,
        chat.owner.removeprefix(OWNER_WITH_LOGIN) if with_login else None,
        chat.imported_at is not None,
    )
    who = signed_in_user()
    release_connection()
    seconds = settings().callback_seconds
    answer = call(callback, (shared, who), Running(), seconds)
    if not isinstance(answer, bool):
        raise callback.wrong_answer(f"returned {type(answer).__name__}; return True or False")
    return answer


def _refuse(chat: FoundChat, reason: str) -> NoReturn:
    log_event("shared.refused", level=logging.WARNING, owner=owner(), chat=chat.id, reason=reason)
    raise NotFound
