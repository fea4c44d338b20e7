"""Keys that users bring with them, such as one of a model. Their browsers keep them, not the site.

They lie in a cookie that no script can read, signed together with whose they are. A callback has
them while it runs, and nothing here stores or logs them. The log hides them in the text of an error
(webapp/web/log.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from flask import Response, current_app, has_request_context, request
from itsdangerous import BadSignature, URLSafeSerializer

from webapp.accounts.login import browser_session, draft_owner
from webapp.accounts.sessions.interface import DatabaseSessions, TokenSession
from webapp.site import chat_app

COOKIE = "keys"
# Browsers keep no cookie of more than 4,096 bytes with its name and attributes.
COOKIE_BYTES = 3_800


@dataclass(frozen=True)
class KeysTooLongError(Exception):
    """The keys do not fit into a cookie."""


def entered_keys() -> dict[str, str]:
    """Return what the user of this request has entered, by name; nothing outside of a request."""
    names = chat_app().config.user_keys
    # A request with a token brings no cookie that counts.
    if not names or not has_request_context() or isinstance(browser_session(), TokenSession):
        return {}
    owner, keys = _read_cookie()
    # The user before in the same browser may have left them.
    return {name: keys[name] for name in names if name in keys} if owner == draft_owner() else {}


def lacks_keys() -> bool:
    """Return whether the app asks for a key that the user of this request has not entered."""
    return len(entered_keys()) < len(chat_app().config.user_keys)


def has_useless_cookie() -> bool:
    """Return whether the browser keeps keys that the user of this request cannot use."""
    if _sessions().own_cookie(COOKIE) not in request.cookies:
        return False
    return not isinstance(browser_session(), TokenSession) and _read_cookie()[0] != draft_owner()


def keep_keys(response: Response, keys: dict[str, str]) -> None:
    """Let the browser keep ``keys`` until it is closed. Without any, it forgets them.

    Raises
    ------
    KeysTooLongError
        They do not fit into a cookie.
    """
    value = cast(str, _serializer().dumps([draft_owner(), keys])) if keys else ""
    if len(value) > COOKIE_BYTES:
        raise KeysTooLongError
    _sessions().set_own_cookie(response, COOKIE, value)


def _read_cookie() -> tuple[str | None, dict[str, str]]:
    """Return the keys that the browser keeps, and whose they are; ``None`` if they do not count."""
    given = request.cookies.getlist(_sessions().own_cookie(COOKIE))
    try:
        # Of two cookies, someone else has set one.
        owner, keys = _serializer().loads(given[0] if len(given) == 1 else "")
    except BadSignature:
        return None, {}
    return owner, keys


def _sessions() -> DatabaseSessions:
    return cast(DatabaseSessions, current_app.session_interface)


def _serializer() -> Any:
    secrets = [*current_app.config["SECRET_KEY_FALLBACKS"], current_app.secret_key]
    return URLSafeSerializer(secrets, salt="user-keys")
