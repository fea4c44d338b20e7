"""The account page: the devices where you are signed in, and your password."""

from __future__ import annotations

import uuid
from typing import Any

from flask import make_response, render_template, request, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from webapp.accounts import own_password, sign_out
from webapp.accounts.authentication import LoginThrottledError
from webapp.accounts.forms import ConfirmForm, PasswordForm
from webapp.accounts.guard import blueprint, login_needed
from webapp.accounts.login import browser_session, signed_in_user
from webapp.accounts.own_password import NoPasswordHereError, WrongPasswordError
from webapp.accounts.passwords import PasswordError
from webapp.accounts.sessions.devices import MOST_SHOWN, list_devices
from webapp.accounts.sessions.recent_action import is_recent_action, remember_action
from webapp.accounts.sessions.rows import NotAllowedAnyMoreError
from webapp.authoring.users.user import User
from webapp.clock import viewer_clock
from webapp.site import hooks, settings
from webapp.web.htmx import go_to

CURRENT, NEW = "current", "new"
WRONG = "That is not your current password. Check it and try again."
DONE = {
    "password": "Your password was changed; other devices were signed out.",
    "session": "That device was signed out.",
    "others": "All other devices were signed out.",
}
GONE = "That device is no longer signed in."


@blueprint.get("/account")
@login_needed
def account() -> Response:
    """Show the account page."""
    done = request.args.get("done", "")
    return _page(_me(), notice=DONE.get(done) if is_recent_action(done) else None)


@blueprint.post("/account/sessions/<uuid:session_id>/end")
@login_needed
def end_session(session_id: uuid.UUID) -> Response:
    """Sign out one of the user's devices, which may be this one."""
    me, form = _me(), ConfirmForm()
    if session_id == browser_session().require_row():
        response = go_to(sign_out.page_after_sign_out())
        sign_out.log_out(response)
        return response
    if not sign_out.has_session(me, session_id):
        return _page(me, 404, notice=GONE)
    refusal = _confirm(me, form, "Sign out that device")
    if refusal is not None:
        return refusal
    if not sign_out.end_session(me, session_id):
        return _page(me, 404, notice=GONE)
    return _show_account("session")


@blueprint.post("/account/sessions/end-others")
@login_needed
def end_other_sessions() -> Response:
    """Sign out all of the user's devices but this one."""
    me, form = _me(), ConfirmForm()
    if sign_out.has_other_sessions(me):
        refusal = _confirm(me, form, "Sign out all other devices")
        if refusal is not None:
            return refusal
        sign_out.end_other_sessions(me)
    return _show_account("others")


@blueprint.post("/account/password")
@login_needed
def change_password() -> Response:
    """Change the user's own password.

    A wrong password is answered by 422 and not by 401, because the user stays signed in.
    """
    me = _me()
    form = PasswordForm()
    if not form.validate():
        field = CURRENT if form.current_password.errors else NEW
        problem = str((form.current_password.errors or form.new_password.errors)[0])
        return _page(me, 422, error=problem, field=field)
    current, new = form.current_password.data or "", form.new_password.data or ""
    try:
        own_password.change_password(me, current, new, request.remote_addr)
    except NoPasswordHereError as error:
        raise NotFound from error
    except WrongPasswordError:
        return _page(me, 422, error=WRONG, field=CURRENT)
    except PasswordError as error:
        return _page(me, 422, error=f"That cannot be used: {error}. Try another one.", field=NEW)
    except LoginThrottledError as error:
        answer = _page(me, 429, error=error.advice)
        answer.headers["Retry-After"] = str(error.seconds)
        return answer
    except NotAllowedAnyMoreError:
        return go_to(url_for("accounts.account"))
    return _show_account("password")


def _confirm(me: User, form: ConfirmForm, what: str) -> Response | None:
    """Return a page that asks for the password, unless the form has the right one.

    Whoever sits at an open page must not be able to lock its user out of all others. Users whose
    password this site does not store are not asked.
    """
    if not own_password.has_password_here(me):
        return None
    password, error, seconds = form.current_password.data or "", None, None
    if password and form.validate():
        try:
            own_password.confirm_password(me, password, request.remote_addr)
        except LoginThrottledError as throttled:
            error, seconds = throttled.advice, throttled.seconds
        except WrongPasswordError:
            error = WRONG
        else:
            return None
    elif password:
        error = str((form.current_password.errors or [WRONG])[0])
    html = render_template("accounts/confirm_password.html", what=what, error=error)
    answer = make_response(html, 429 if seconds else 422 if error else 200)
    if seconds:
        answer.headers["Retry-After"] = str(seconds)
    return answer


def _show_account(name: str) -> Response:
    remember_action(name)
    return go_to(url_for("accounts.account", done=name))


def _me() -> User:
    user = signed_in_user()
    if user is None:
        raise NotFound  # an app in which nobody signs in
    return user


def _page(me: User, status: int = 200, *, notice: str | None = None, **form: Any) -> Response:
    page = render_template(
        "accounts/account.html",
        devices=list_devices(me.identifier, browser_session().require_row()),
        clock=viewer_clock(),
        most=MOST_SHOWN,
        has_password=own_password.has_password_here(me),
        least=settings().password_min_length,
        notices=[{"text": notice, "name": "", "is_error": status >= 400}] if notice else [],
        **hooks().top_bar(),
        **form,
    )
    return make_response(page, status)
