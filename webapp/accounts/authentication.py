"""Signing a user in: count the attempt, ask the app, start the session."""

from __future__ import annotations

from webapp.accounts.audit import LOGIN_OK, record, record_refused_login
from webapp.accounts.login import log_in
from webapp.accounts.password_check import ask_the_app
from webapp.accounts.sessions.rows import NotAllowedAnyMoreError
from webapp.accounts.throttle import (
    Wait,
    attempt_failed,
    attempt_succeeded,
    attempt_undecided,
    begin_attempt,
)
from webapp.authoring.errors import AuthoringError
from webapp.authoring.users.user import User
from webapp.database.engines import release_connection


class LoginRefusedError(Exception):
    """The app does not accept this username with this password."""


class LoginThrottledError(Exception):
    """There were too many attempts.

    Parameters
    ----------
    seconds:
        How long to wait before the next one.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__(f"wait {seconds} seconds")
        self.seconds = seconds

    @property
    def advice(self) -> str:
        minutes = max(1, round(self.seconds / 60))
        wait = "a minute" if minutes == 1 else f"{minutes} minutes"
        return f"Too many attempts with this username or from this network. Try again in {wait}."


def authenticate(username: str, password: str, ip: str | None) -> User:
    """Sign a user in, and return who it is.

    Raises
    ------
    LoginRefusedError, LoginThrottledError
        The user may not sign in, or not yet.
    CallbackError
        The author's callback failed. The attempt does not count, because nobody judged it.
    """
    attempt = begin_attempt(username, ip)
    if isinstance(attempt, Wait):
        raise _throttle(username, attempt.seconds)

    release_connection()
    try:
        verdict = ask_the_app(username, password)
    except AuthoringError:
        attempt_undecided(attempt)
        raise
    if verdict.user is None:
        attempt_failed(attempt)
        wait = attempt.wait_if_wrong
        raise _throttle(username, wait) if wait else _refuse(username)

    attempt_succeeded(attempt)
    try:
        log_in(verdict.user, verdict.accounts)
    except NotAllowedAnyMoreError as error:
        raise _refuse(username) from error
    record(LOGIN_OK, verdict.user.identifier)
    return verdict.user


def _refuse(username: str) -> LoginRefusedError:
    record_refused_login("login.failed", username)
    return LoginRefusedError(username)


def _throttle(username: str, seconds: int) -> LoginThrottledError:
    record_refused_login("login.throttled", username)
    return LoginThrottledError(seconds)
