"""Keys that users bring with them, such as one of a model. Their browsers keep them, not the site.

They lie in a cookie that no script can read, together with whose they are. A program that uses the
API sends each in a header. A callback has them while it runs, and nothing here stores or logs them.
The log hides them in the text of an error (webapp/web/log.py), and so does all else that this
process writes of errors (key_guard.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from flask import Response, current_app, has_request_context, request

from webapp.accounts.login import browser_session, draft_owner
from webapp.accounts.sessions.interface import DatabaseSessions, TokenSession
from webapp.site import chat_app
from webapp.user_keys.cookie_value import can_encrypt, is_encrypted, read_value, write_value
from webapp.user_keys.key_guard import KeyGuard

# Of a request to the API. The name of the key follows, with dashes for underscores.
HEADER_PREFIX = "X-User-Key-"
COOKIE = "keys"
KEY_GUARD = "key_guard"
# Browsers keep no cookie of more than 4,096 bytes with its name and attributes.
COOKIE_BYTES = 3_800


@dataclass(frozen=True)
class KeysTooLongError(Exception):
    """The keys do not fit into a cookie."""


def entered_keys() -> dict[str, str]:
    """Return what the user of this request has entered, by name; nothing outside of a request."""
    names = chat_app().config.user_keys
    if not names or not has_request_context():
        return {}
    keys = _read_keys(names)
    guard: KeyGuard = current_app.extensions[KEY_GUARD]
    guard.remember(keys.values())
    return keys


def _read_keys(names: Sequence[str]) -> dict[str, str]:
    # A request with a token brings no cookie that counts.
    if isinstance(browser_session(), TokenSession):
        sent = {name: request.headers.get(header_name(name), "").strip() for name in names}
        return {name: key for name, key in sent.items() if key}
    owner, keys = _read_cookie()
    # The user before in the same browser may have left them.
    return {name: keys[name] for name in names if name in keys} if owner == draft_owner() else {}


def header_name(name: str) -> str:
    """Return the header in which a program sends a key: proxies drop names with underscores."""
    return HEADER_PREFIX + name.replace("_", "-")


def lacks_keys() -> bool:
    """Return whether the app asks for a key that the user of this request has not entered."""
    return len(entered_keys()) < len(chat_app().config.user_keys)


def renew_cookie(response: Response) -> None:
    """Let the browser forget keys of another user, and get a cookie that nobody else can read."""
    given = request.cookies.get(_sessions().own_cookie(COOKIE))
    if given is None or isinstance(browser_session(), TokenSession):
        return
    if _read_cookie()[0] != draft_owner():
        keep_keys(response, {})
    elif can_encrypt() and not is_encrypted(given):
        keep_keys(response, entered_keys())


def keep_keys(response: Response, keys: dict[str, str]) -> None:
    """Let the browser keep ``keys`` until it is closed. Without any, it forgets them.

    Raises
    ------
    KeysTooLongError
        They do not fit into a cookie.
    """
    value = write_value(draft_owner(), keys, _secrets()) if keys else ""
    if len(value) > COOKIE_BYTES:
        raise KeysTooLongError
    _sessions().set_own_cookie(response, COOKIE, value)


def _read_cookie() -> tuple[str | None, dict[str, str]]:
    """Return the keys that the browser keeps, and whose they are; ``None`` if they do not count."""
    given = request.cookies.getlist(_sessions().own_cookie(COOKIE))
    # Of two cookies, someone else has set one.
    return read_value(given[0], _secrets()) if len(given) == 1 else (None, {})


def _sessions() -> DatabaseSessions:
    return cast(DatabaseSessions, current_app.session_interface)


def _secrets() -> list[str]:
    return [*current_app.config["SECRET_KEY_FALLBACKS"], cast(str, current_app.secret_key)]
