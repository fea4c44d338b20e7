"""Signing in and out."""

from __future__ import annotations

from flask import (
    Response,
    g,
    make_response,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as BaseResponse

from webapp.accounts.authentication import LoginRefusedError, LoginThrottledError, authenticate
from webapp.accounts.forms import LoginForm
from webapp.accounts.guard import blueprint
from webapp.accounts.login import signed_in_user
from webapp.accounts.sign_out import log_out
from webapp.authoring.errors import AuthoringError
from webapp.site import chat_app, this_app
from webapp.web.errors import RETRY_SECONDS, UNAVAILABLE, log_unavailable
from webapp.web.forms import expect_no_fields
from webapp.web.htmx import go_to
from webapp.web.log import log_failure, shown_error
from webapp.web.redirects import local_path

REFUSED = "That username and password do not match. Check both and try again."
INCOMPLETE = "Enter your username and your password."
TOO_LONG = "That username or password is too long. Check both."
BROKEN = "Signing in does not work at the moment. Try again later. Reference: {}"
UNREACHABLE = "Signing in does not work at the moment. Wait a few seconds, then try again."


@blueprint.get("/login")
def login() -> BaseResponse:
    """Show the sign-in page. A user who is signed in is sent on."""
    target = local_path(request.args.get("next"), url_for("chats.new"))
    if not _login_on() or signed_in_user():
        return go_to(target)
    return _answer(LoginForm(formdata=None, next=target), None, 200)


@blueprint.post("/login")
def log_in_with_password() -> BaseResponse:
    """Sign the user in, if the app accepts the username and the password."""
    if not _login_on():
        return go_to(url_for("chats.new"))
    form = LoginForm()
    if not form.validate():
        is_complete = form.username.data and form.password.data
        return _answer(form, TOO_LONG if is_complete else INCOMPLETE, 400)
    return _sign_in(form) or go_to(local_path(form.next.data, url_for("chats.new")))


def _sign_in(form: LoginForm) -> Response | None:
    try:
        authenticate(form.username.data or "", form.password.data or "", request.remote_addr)
    except LoginRefusedError:
        return _answer(form, REFUSED, 401)
    except LoginThrottledError as error:
        return _answer(form, error.advice, 429, retry_after=error.seconds)
    except AuthoringError as error:
        log_failure("login.callback_failed", error)
        told = f"{BROKEN.format(g.request_id)} {shown_error(this_app(), g.request_id)}".rstrip()
        return _answer(form, told, 503, retry_after=30)
    except UNAVAILABLE as error:
        log_unavailable(error)
        return _answer(form, UNREACHABLE, 503, retry_after=RETRY_SECONDS)
    return None


@blueprint.post("/logout")
def logout() -> BaseResponse:
    """Sign the user out."""
    expect_no_fields()
    response = go_to(url_for("accounts.login" if _login_on() else "chats.new"))
    log_out(response)
    return response


def _answer(
    form: LoginForm, error: str | None, status: int, retry_after: int | None = None
) -> Response:
    page = render_template("accounts/login.html", form=form, error=error, status=status)
    response = make_response(page, status)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _login_on() -> bool:
    return bool(chat_app().login_on)
