"""Signing in and out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from flask import (
    Response,
    g,
    make_response,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as BaseResponse

from webapp.accounts.audit import record_refusal
from webapp.accounts.authentication import (
    BY_HEADERS,
    LoginRefusedError,
    LoginThrottledError,
    authenticate,
    authenticate_by_headers,
)
from webapp.accounts.forms import LoginForm, NextForm
from webapp.accounts.guard import blueprint
from webapp.accounts.header_auth.request_headers import read_headers
from webapp.accounts.header_auth.trusted_proxy import find_proxy_mistrust
from webapp.accounts.login import signed_in_user
from webapp.accounts.sign_out import log_out, page_after_sign_out
from webapp.authoring.errors import AuthoringError
from webapp.authoring.users.user import User
from webapp.site import chat_app, settings, this_app
from webapp.web.errors import RETRY_SECONDS, UNAVAILABLE, log_unavailable
from webapp.web.forms import expect_no_fields
from webapp.web.htmx import go_to
from webapp.web.log import log_event, log_failure, shown_error
from webapp.web.redirects import local_path

REFUSED = "That username and password do not match. Check both and try again."
INCOMPLETE = "Enter your username and your password."
TOO_LONG = "That username or password is too long. Check both."
BROKEN = "Signing in does not work at the moment. Try again later. Reference: {}"
UNREACHABLE = "Signing in does not work at the moment. Wait a few seconds, then try again."
NOT_LET_IN = (
    "This site does not let in the account that you are signed in with. Ask whoever runs the site, "
    "or sign in with another account, and try again."
)
NOT_NAMED = (
    "The sign-in of your organisation did not tell this site who you are. Sign in there, and try "
    "again. If you are signed in there, ask whoever runs the site."
)
NOT_BY_PROXY = (
    "This site signs people in through its proxy, and your request did not come through it. Open "
    "the site at the address that you were given."
)
NOT_AUTOMATIC = "You could not be signed in automatically. Enter your username and your password."


@blueprint.get("/login")
def login() -> BaseResponse:
    """Show the sign-in page. A user who is signed in is sent on."""
    target = local_path(request.args.get("next"), url_for("chats.new"))
    if not chat_app().login_on or signed_in_user():
        return go_to(target)
    form = LoginForm(formdata=None, next=target)
    mistrust = find_proxy_mistrust(request.environ, settings()) if _has_headers() else None
    if mistrust:
        level = logging.INFO if _has_password() else logging.WARNING
        log_event("login.not_by_proxy", level=level, reason=mistrust)
        if not _has_password():
            return _answer(form, NOT_BY_PROXY, 403)
    return _answer(form, None, 200, auto=request.args.get("auto") != "no")


@blueprint.post("/login")
def log_in_with_password() -> BaseResponse:
    """Sign the user in, if the app accepts the username and the password."""
    if not _has_password():
        return _go_to_own_page()
    form = LoginForm()
    if not form.validate():
        is_complete = form.username.data and form.password.data
        return _answer(form, TOO_LONG if is_complete else INCOMPLETE, 400)
    username, password = form.username.data or "", form.password.data or ""
    return _sign_in(form, partial(authenticate, username, password), lambda: REFUSED)


@blueprint.post("/login/headers")
def log_in_with_headers() -> BaseResponse:
    """Sign the user in for whom the proxy vouches, if the app accepts its headers.

    It takes a form with a token, which the page sends by itself, so that no other site can sign
    somebody in or out.
    """
    if not _has_headers():
        return _go_to_own_page()
    form = LoginForm(formdata=None, next=NextForm().next.data)
    mistrust = find_proxy_mistrust(request.environ, settings())
    if mistrust:
        record_refusal("login.failed", None, kind=BY_HEADERS, reason=mistrust)
        return _answer(form, NOT_BY_PROXY, 403)
    headers = read_headers(request)
    by_headers = partial(authenticate_by_headers, headers)
    if _has_password():
        return _sign_in(form, by_headers, lambda: NOT_AUTOMATIC, is_note=True)
    return _sign_in(form, by_headers, lambda: NOT_LET_IN if headers.may_name_user else NOT_NAMED)


def _go_to_own_page() -> BaseResponse:
    return go_to(url_for("accounts.login" if chat_app().login_on else "chats.new"))


def _sign_in(
    form: LoginForm,
    authenticate_from: Callable[[str | None], User],
    explain_refusal: Callable[[], str],
    *,
    is_note: bool = False,
) -> BaseResponse:
    try:
        authenticate_from(request.remote_addr)
    except LoginRefusedError:
        return _answer(form, explain_refusal(), 401, is_note=is_note)
    except LoginThrottledError as error:
        told = explain_refusal() if is_note else error.advice
        return _answer(form, told, 429, retry_after=error.seconds, is_note=is_note)
    except AuthoringError as error:
        log_failure("login.callback_failed", error)
        told = f"{BROKEN.format(g.request_id)} {shown_error(this_app(), g.request_id)}".rstrip()
        return _answer(form, told, 503, retry_after=30)
    except UNAVAILABLE as error:
        log_unavailable(error)
        return _answer(form, UNREACHABLE, 503, retry_after=RETRY_SECONDS)
    return go_to(local_path(form.next.data, url_for("chats.new")))


@blueprint.post("/logout")
def logout() -> BaseResponse:
    """Sign the user out."""
    expect_no_fields()
    login_on = chat_app().login_on
    response = go_to(page_after_sign_out() if login_on else url_for("chats.new"))
    log_out(response)
    return response


def _answer(
    form: LoginForm,
    error: str | None,
    status: int,
    retry_after: int | None = None,
    *,
    auto: bool = False,
    is_note: bool = False,
) -> Response:
    """Return the page with the ways to sign in.

    Parameters
    ----------
    auto:
        Whether the page may send the form for the headers of the proxy by itself.
    is_note:
        Whether ``error`` is none, but only says that there is another way to sign in.
    """
    by_headers = _has_headers() and find_proxy_mistrust(request.environ, settings()) is None
    page = render_template(
        "accounts/login.html",
        form=form,
        error=error,
        status=status,
        by_password=_has_password(),
        by_headers=by_headers,
        auto=auto,
        is_note=is_note,
    )
    response = make_response(page, status)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _has_password() -> bool:
    return "password_auth_callback" in chat_app().callbacks


def _has_headers() -> bool:
    return "header_auth_callback" in chat_app().callbacks
