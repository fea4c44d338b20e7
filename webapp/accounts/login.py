"""Flask-Login, and who is looking at the page."""

from __future__ import annotations

import copy
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from typing import Any, cast

from flask import Flask, current_app, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user
from flask_wtf.csrf import CSRFError
from werkzeug.wrappers import Response

from webapp.accounts.seeded_accounts import CheckedAccount, are_unchanged
from webapp.accounts.sessions.interface import BrowserSession, DatabaseSessions
from webapp.authoring.errors import AuthoringError
from webapp.authoring.types import User
from webapp.site import chat_app, hooks
from webapp.web.errors import FORM_TOO_OLD, explain, log_refused_form, show_needs_https
from webapp.web.forms import CSRF_FIELD
from webapp.web.htmx import came_from, go_to, wants_fragment
from webapp.web.log import log_failure
from webapp.web.redirects import local_path, plain_address
from webapp.web.request_guards import ForeignFormError

USER_KEY = "user"


class Viewer(UserMixin):
    """Somebody who is logged in, as Flask-Login and the templates see them."""

    def __init__(self, user: User) -> None:
        self.user = user

    def get_id(self) -> str:
        """Return what Flask-Login keeps in the session."""
        return self.user.identifier

    @property
    def identifier(self) -> str:
        """Return the unique name."""
        return self.user.identifier

    @property
    def name(self) -> str:
        """Return what the page calls them."""
        return self.user.display_name or self.user.identifier

    @property
    def role(self) -> str | None:
        """Return the role, if the app gave them one as text."""
        role = self.user.metadata.get("role")
        return role if isinstance(role, str) else None


def set_up_login(app: Flask) -> None:
    """Let Flask-Login know users from the server session."""
    manager = LoginManager()
    # Not `init_app`: that would read the session, and with it the database, for every template and
    # after every answer: error pages, icons and health checks included (R50, R61).
    app.login_manager = manager  # type: ignore[attr-defined]
    # The session id is rotated at login and never shared; the manager's own protection would log
    # people out whenever their address changes.
    manager.session_protection = None  # type: ignore[assignment]
    manager.user_loader(_load)
    manager.unauthorized_handler(_send_to_login)
    app.register_error_handler(CSRFError, _refuse_form)


def log_in(user: User, accounts: Iterable[CheckedAccount]) -> None:
    """Log ``user`` in: nothing of the visitor's session is kept, and it gets a new id.

    Raises
    ------
    NotAllowedAnyMoreError
        When one of the ``accounts`` that were relied on has changed since it was checked.
    """
    own = browser_session()
    own.clear()
    login_user(Viewer(user))
    own[USER_KEY] = asdict(user)
    # Now rather than with the next page, which would write for it.
    own[CSRF_FIELD] = secrets.token_hex(32)
    own.renew(user.identifier, partial(are_unchanged, accounts))


def signed_in_user() -> User | None:
    """Return who is logged in, or ``None``: a copy that the app's own code may change at will."""
    who = viewer()
    # Without the copy, what a callback does to the metadata would be stored with the session.
    return copy.deepcopy(who.user) if who else None


def viewer() -> Viewer | None:
    """Return who is looking at the page, for templates."""
    # Flask-Login's proxy: a Viewer, or its own AnonymousUserMixin.
    who: object = current_user._get_current_object()
    return who if isinstance(who, Viewer) else None


def owner_of_new_chats() -> str:
    """Return whose a chat started now is: the user's, or this browser's where login is off."""
    user = signed_in_user()
    return f"user:{user.identifier}" if user else f"session:{browser_session().require_row()}"


def owner() -> str | None:
    """Return whose chats this browser may see; ``None`` for a visitor who cannot have any."""
    user = signed_in_user()
    if user:
        return f"user:{user.identifier}"
    own = browser_session()
    _ = own.data
    return f"session:{own.row.id}" if own.row else None


def draft_owner() -> str:
    """Return a short name for whoever writes, under which the browser may keep what they typed.

    It tells nobody who they are, and the next person at the same browser has another.
    """
    user = viewer()
    if user is None:
        return ""
    key = cast(str, current_app.secret_key).encode()
    return hmac.new(key, user.identifier.encode(), hashlib.sha256).hexdigest()[:16]


def browser_session() -> BrowserSession:
    """Return the session of this request, under the type that it has here."""
    return cast(BrowserSession, session._get_current_object())  # type: ignore[attr-defined]


def _load(identifier: str) -> Viewer | None:
    values: dict[str, Any] = session.get(USER_KEY) or {}
    if values.get("identifier") != identifier:
        return None
    try:
        return Viewer(User(**values))
    except (TypeError, AuthoringError) as error:
        # Stored by another version of the app: whoever it was can log in again.
        log_failure("session.not_understood", error)
        return None


def _refuse_form(error: CSRFError) -> Response:
    # The token of a form dies with its session, so whose session ended needs to log in again,
    # rather than to be told that the page is too old.
    user = signed_in_user()
    log_refused_form(error, user.identifier if user else None)
    if user is None and _lacks_its_cookie():
        return show_needs_https()
    login_on = chat_app().login_on
    logging_in = request.endpoint == "accounts.log_in_with_password"
    # What another site has sent is not shown: it is nobody's text.
    ours = not isinstance(error, ForeignFormError)
    if login_on and not logging_in and user is None:
        return _send_to_login() if ours else _to_login_page()
    kept = hooks().keep_text_of_old_form() if ours else None
    return kept or explain(400, FORM_TOO_OLD)


def _lacks_its_cookie() -> bool:
    sessions = cast(DatabaseSessions, current_app.session_interface)
    return sessions.secure and not request.is_secure and sessions.cookie_name not in request.cookies


def _send_to_login() -> Response:
    return hooks().keep_text_of_signed_out() or _to_login_page()


def _to_login_page() -> Response:
    # Only a page can be returned to: a POST would be repeated, a fragment has no address.
    start = url_for("chats.new")
    target = local_path(came_from() if wants_fragment() else _this_page() or start, start)
    url = url_for("accounts.login", next=target if target != start else None)
    return go_to(url, 401 if wants_fragment() else 303)


def _this_page() -> str | None:
    if request.method != "GET":
        return None
    return plain_address(request.script_root + request.path, request.query_string)
