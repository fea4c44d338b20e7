"""Logging in and out."""

from __future__ import annotations

import logging

from flask import (
    Blueprint,
    Response,
    current_app,
    g,
    make_response,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as BaseResponse

from webapp.accounts.forms import LoginForm, LogoutForm
from webapp.accounts.login import browser_session, log_in, signed_in_user
from webapp.accounts.password_check import ask_the_app
from webapp.accounts.throttle import (
    Blocked,
    attempt_succeeded,
    attempt_undecided,
    begin_attempt,
)
from webapp.authoring.errors import AuthoringError
from webapp.authoring.types import User
from webapp.database import release_connection
from webapp.web.events import log_event, log_failure
from webapp.web.htmx import go_to
from webapp.web.redirects import local_path

blueprint = Blueprint("accounts", __name__)

REFUSED = "That username and password do not match. Check both and try again."
INCOMPLETE = "Enter your username and your password."


@blueprint.get("/login")
def login() -> BaseResponse:
    """Show the login page; somebody who is logged in has no use for it."""
    target = local_path(request.args.get("next"), url_for("chats.new"))
    if not _login_on() or signed_in_user():
        return go_to(target)
    return _answer(LoginForm(formdata=None, next=target), None, 200)


@blueprint.post("/login")
def log_in_with_password() -> BaseResponse:
    """Log somebody in, if the app says who they are."""
    if not _login_on():
        return go_to(url_for("chats.new"))
    form = LoginForm()
    form.refuse_strange_fields()
    if not form.validate():
        return _answer(form, _problem(form), 400)
    user = _checked(form)
    if not isinstance(user, User):
        return user
    log_in(user)
    log_event("login.ok", user=user.identifier)
    return go_to(local_path(form.next.data, url_for("chats.new")))


@blueprint.post("/logout")
def logout() -> BaseResponse:
    """End the session."""
    form = LogoutForm()
    form.refuse_strange_fields()
    user = signed_in_user()
    browser_session().log_out()
    if user:
        log_event("logout", user=user.identifier)
    return go_to(url_for("accounts.login" if _login_on() else "chats.new"))


def _problem(form: LoginForm) -> str:
    missing = not form.username.data or not form.password.data
    return INCOMPLETE if missing else "That username or password is too long. Check both."


def _checked(form: LoginForm) -> User | Response:
    """Return the user, or the answer that refuses."""
    username, password = form.username.data or "", form.password.data or ""
    attempt = begin_attempt(username, request.remote_addr)
    if isinstance(attempt, Blocked):
        return _too_many(form, attempt.seconds)
    release_connection()
    try:
        user = ask_the_app(username, password)
    except AuthoringError as error:
        attempt_undecided(attempt)
        return _undecided(form, error)
    if user is None:
        log_event("login.failed", level=logging.WARNING, user=username)
        return _answer(form, REFUSED, 401)
    attempt_succeeded(attempt)
    return user


def _too_many(form: LoginForm, seconds: int) -> Response:
    log_event("login.throttled", level=logging.WARNING, user=form.username.data)
    minutes = max(1, round(seconds / 60))
    wait = "a minute" if minutes == 1 else f"{minutes} minutes"
    line = f"Too many tries with this name or from this network. Try again in {wait}."
    return _answer(form, line, 429, retry_after=seconds)


def _undecided(form: LoginForm, error: AuthoringError) -> Response:
    log_failure("login.callback_failed", error)
    line = f"Signing in does not work at the moment. Try again later. Reference: {g.request_id}"
    return _answer(form, line, 503, retry_after=30)


def _answer(
    form: LoginForm, error: str | None, status: int, retry_after: int | None = None
) -> Response:
    page = render_template("accounts/login.html", form=form, error=error, status=status)
    response = make_response(page, status)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _login_on() -> bool:
    return bool(current_app.extensions["chat_app"].login_on)
