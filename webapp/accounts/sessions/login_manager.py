"""Flask-Login: who the user of a request is, and what somebody gets who is nobody."""

from __future__ import annotations

from typing import cast

from flask import Flask, current_app, g, request, session, url_for
from flask_login import LoginManager
from werkzeug.wrappers import Response

from webapp.accounts.header_auth.session_check import check_headers
from webapp.accounts.login import (
    USER_KEY,
    Viewer,
    browser_session,
    persisted_user,
    signed_in_user,
    stored_user,
)
from webapp.accounts.sessions.interface import DatabaseSessions
from webapp.site import chat_app, hooks
from webapp.web.csrf import CSRFError, ForeignFormError, OriginMismatchError
from webapp.web.errors import (
    FORM_TOO_OLD,
    SIGN_IN_FAILED,
    explain,
    log_refused_form,
    show_needs_https,
    show_origin_mismatch,
)
from webapp.web.htmx import go_to, page_to_return_to, wants_fragment
from webapp.web.redirects import local_path

SIGN_IN_FORMS = ("accounts.log_in_with_password", "accounts.log_in_with_headers")


def set_up_login(app: Flask) -> None:
    """Let Flask-Login load users from the server session."""
    manager = LoginManager()
    # Not `init_app`: it would read the session, and so the database, for every template and after
    # every response, even for error pages, icons and health checks.
    app.login_manager = manager  # type: ignore[attr-defined]
    # The session id is rotated at sign-in and never shared. The manager's own protection would sign
    # users out whenever their address changes.
    manager.session_protection = None  # type: ignore[assignment]
    manager.user_loader(_load)
    manager.unauthorized_handler(_send_to_login)
    app.register_error_handler(CSRFError, _answer_refused_form)


def _load(identifier: str) -> Viewer | None:
    stored = stored_user()
    if stored is None or stored.identifier != identifier:
        return None
    if "header_auth_callback" not in chat_app().callbacks:
        return Viewer(stored)
    user = check_headers(browser_session(), stored)
    if user is None or user is stored:
        return Viewer(stored) if user else None
    session[USER_KEY] = {**session[USER_KEY], **user.to_dict()}
    return Viewer(persisted_user(session[USER_KEY]))


def _answer_refused_form(error: CSRFError) -> Response:
    # The token of a form ends with its session. So a user whose session ended has to sign in, which
    # a page about an old form would not say.
    user = signed_in_user()
    log_refused_form(error, user.identifier if user else None)
    sessions = cast(DatabaseSessions, current_app.session_interface)
    keeps_no_cookie = sessions.secure and not request.is_secure
    if user is None and keeps_no_cookie and not sessions.has_cookie(request):
        return show_needs_https()

    login_on = chat_app().login_on
    logging_in = request.endpoint in SIGN_IN_FORMS
    # A text from another site is not shown: the user did not write it.
    ours = not isinstance(error, ForeignFormError)
    if login_on and not logging_in and user is None:
        return _send_to_login() if ours else _to_login_page()
    if isinstance(error, OriginMismatchError):
        return show_origin_mismatch()
    kept = hooks().keep_text_of_old_form() if ours else None
    return kept or explain(400, FORM_TOO_OLD)


def _send_to_login() -> Response:
    if g.get("header_check_failed"):
        return explain(503, SIGN_IN_FAILED)
    return hooks().keep_text_of_signed_out() or _to_login_page()


def _to_login_page() -> Response:
    start, page = url_for("chats.new"), page_to_return_to()
    if wants_fragment() and g.get("user_has_changed"):
        page = None  # another user of the browser cannot read the page that is open
    target = local_path(page or start, start)
    auto = "no" if g.get("signed_in_just_now") else None
    url = url_for("accounts.login", next=target if target != start else None, auto=auto)
    return go_to(url, 401 if wants_fragment() else 303)
