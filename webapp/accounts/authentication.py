"""Letting somebody in: count the try, ask the app, and log them in."""

from __future__ import annotations

from webapp.accounts.audit import LOGIN_OK, record, record_refused_login
from webapp.accounts.login import log_in
from webapp.accounts.password_check import ask_the_app
from webapp.accounts.sessions.rows import NotAllowedAnyMoreError
from webapp.accounts.throttle import (
    Attempt,
    Wait,
    attempt_failed,
    attempt_succeeded,
    attempt_undecided,
    begin_attempt,
)
from webapp.authoring.errors import AuthoringError
from webapp.authoring.types import User
from webapp.database.engines import release_connection


class LoginRefusedError(Exception):
    """The app does not know this name with this password."""


class LoginThrottledError(Exception):
    """There were too many tries.

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
        """Return what whoever tries is told."""
        minutes = max(1, round(self.seconds / 60))
        wait = "a minute" if minutes == 1 else f"{minutes} minutes"
        return f"Too many attempts with this username or from this network. Try again in {wait}."


def authenticate(username: str, password: str, ip: str | None) -> User:
    """Log somebody in, and return who it is.

    Raises
    ------
    LoginRefusedError, LoginThrottledError
        When they may not come in.
    CallbackError
        When the author's callback fails: nobody has judged this try, so it does not count.
    """
    attempt = begin_attempt(username, ip)
    if isinstance(attempt, Wait):
        raise _throttled(username, attempt.seconds)
    user = _judged(username, password, attempt)
    record(LOGIN_OK, user.identifier)
    return user


def _judged(username: str, password: str, attempt: Attempt) -> User:
    release_connection()
    try:
        verdict = ask_the_app(username, password)
    except AuthoringError:
        attempt_undecided(attempt)
        raise
    if verdict.user is None:
        attempt_failed(attempt)
        raise _throttled(username, attempt.late) if attempt.late else _refused(username)
    attempt_succeeded(attempt)
    try:
        log_in(verdict.user, verdict.accounts)
    except NotAllowedAnyMoreError as error:
        raise _refused(username) from error
    return verdict.user


def _refused(username: str) -> LoginRefusedError:
    record_refused_login("login.failed", username)
    return LoginRefusedError(username)


def _throttled(username: str, seconds: int) -> LoginThrottledError:
    record_refused_login("login.throttled", username)
    return LoginThrottledError(seconds)
