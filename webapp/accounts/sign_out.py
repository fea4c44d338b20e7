"""Ending login sessions: this one, or others of the same user."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from flask import g, url_for
from flask.globals import request_ctx
from sqlalchemy import ColumnElement, delete, select
from werkzeug.wrappers import Response

from webapp.accounts.audit import record
from webapp.accounts.login import browser_session, signed_in_user, stored_user, viewer
from webapp.accounts.models import LoginSession
from webapp.authoring.callbacks import takes_request
from webapp.authoring.context import Running
from webapp.authoring.errors import CallbackError
from webapp.authoring.users.user import User
from webapp.database.engines import read_connection, write_transaction
from webapp.engine.call import call
from webapp.signals import session_ended
from webapp.site import chat_app, settings
from webapp.web.log import log_failure


def log_out(response: Response) -> None:
    """End the session of this request, and call the app's ``on_logout``.

    Parameters
    ----------
    response:
        What the browser will get. The app may add cookies and headers to it.
    """
    user = signed_in_user()
    row = browser_session().row
    browser_session().log_out()
    if user:
        record("logout", user.identifier)
        callback = chat_app().get("on_logout")
        if callback is not None:
            told: tuple[object, ...] = (user,)
            if takes_request(callback.function):
                # The request itself: the callback runs in a thread that has none.
                told = (request_ctx.request, response)
            try:
                call(callback, told, Running(), settings().callback_seconds)
            except CallbackError as error:
                # The user is signed out, whatever the app's code does.
                log_failure("logout.callback_failed", error)
    if row is not None:
        announce_end([row.id], user)


def page_after_sign_out() -> str:
    """Return the address of the sign-in page, on which a proxy signs nobody in at once."""
    auto = "no" if "header_auth_callback" in chat_app().callbacks else None
    return url_for("accounts.login", auto=auto)


def end_abandoned_session() -> None:
    """End the session of this browser if its user may not go on with it.

    So it is when the proxy vouches for somebody else, or for nobody any more.
    """
    own, user = browser_session(), stored_user()
    row = own.row
    if user is None or row is None or viewer() is not None or g.get("header_check_failed"):
        return
    own.log_out()
    record("sessions.ended", user.identifier, sessions=1)
    announce_end([row.id], user)


def has_session(user: User, session_id: uuid.UUID) -> bool:
    """Return whether a session is one of this user's."""
    return _exists(user, LoginSession.id == session_id)


def has_other_sessions(user: User) -> bool:
    """Return whether a user has sessions beside this one."""
    return _exists(user, LoginSession.id != browser_session().require_row())


def end_session(user: User, session_id: uuid.UUID) -> bool:
    """End one session of a user, and return whether they had it."""
    return bool(_end(user, LoginSession.id == session_id))


def end_other_sessions(user: User) -> int:
    """End all other sessions of a user, and return how many there were."""
    return _end(user, LoginSession.id != browser_session().require_row())


def announce_end(session_ids: Iterable[uuid.UUID], user: User | None) -> None:
    """Signal the end of sessions, so that other packages can end what belongs to them."""
    for session_id in session_ids:
        session_ended.send(session_id=session_id, user=user)


def _exists(user: User, which: ColumnElement[bool]) -> bool:
    theirs = select(LoginSession.id).where(LoginSession.identifier == user.identifier, which)
    with read_connection() as connection:
        return connection.execute(theirs.limit(1)).first() is not None


def _end(user: User, which: ColumnElement[bool]) -> int:
    theirs = delete(LoginSession).where(LoginSession.identifier == user.identifier, which)
    with write_transaction() as connection:
        ended = list(connection.scalars(theirs.returning(LoginSession.id)))
    if ended:
        record("sessions.ended", user.identifier, sessions=len(ended))
    announce_end(ended, user)
    return len(ended)
