"""Who may use sharing, and who may read a shared chat."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import NoReturn, ParamSpec, TypeVar

from werkzeug.exceptions import NotFound

from webapp.accounts.login import owner, signed_in_user
from webapp.authoring.context import Running
from webapp.authoring.shared_view import SharedChat
from webapp.database.engines import release_connection
from webapp.engine.call import call
from webapp.profiles.offer import offered_profiles
from webapp.sharing.shared_chat import FoundChat
from webapp.site import chat_app, settings
from webapp.web.log import log_event

P = ParamSpec("P")
R = TypeVar("R")
OWNER_WITH_LOGIN = "user:"


def sharing_needed(view: Callable[P, R]) -> Callable[P, R]:
    """Answer 404 instead of calling a view, unless `WEBAPP_SHARING` is on."""

    @wraps(view)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        if not settings().sharing:
            raise NotFound
        return view(*args, **kwargs)

    return wrapper


def refuse_unless_readable(chat: FoundChat) -> None:
    """Refuse a reader who is not offered all profiles of the chat, or whom the app refuses.

    Raises
    ------
    NotFound
        The reader is refused: the same answer as for a link that does not exist. It is logged.
    CallbackError
        The app's `@on_shared_chat_view` failed.
    """
    offer = offered_profiles()
    hidden = sorted(name for name in chat.snapshots if offer.find(name) is None)
    if hidden:
        _refuse(chat, f"profile {hidden[0]}")

    callback = chat_app().get("on_shared_chat_view")
    if callback is None:
        return
    with_login = chat.owner.startswith(OWNER_WITH_LOGIN)
    shared = SharedChat(
        str(chat.id),
        chat.title,
        chat.profile,
        chat.owner.removeprefix(OWNER_WITH_LOGIN) if with_login else None,
        chat.imported_at is not None,
    )
    reader = signed_in_user()
    release_connection()
    answer = call(callback, (shared, reader), Running(), settings().callback_seconds)
    if not isinstance(answer, bool):
        raise callback.wrong_answer(f"returned {type(answer).__name__}; return True or False")
    if not answer:
        _refuse(chat, "on_shared_chat_view")


def _refuse(chat: FoundChat, reason: str) -> NoReturn:
    log_event("shared.refused", level=logging.WARNING, owner=owner(), chat=chat.id, reason=reason)
    raise NotFound
