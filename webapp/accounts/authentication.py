"""Signing a user in: count the attempt, ask the app, start the session."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from webapp.accounts.audit import LOGIN_OK, record, record_refusal, record_refused_login
from webapp.accounts.header_auth.header_check import ask_about_headers
from webapp.accounts.header_auth.request_headers import RequestHeaders
from webapp.accounts.header_auth.session_check import HEADERS_KEY, watch_headers
from webapp.accounts.login import log_in
from webapp.accounts.password_check import Verdict, ask_the_app
from webapp.accounts.sessions.rows import NotAllowedAnyMoreError
from webapp.accounts.sign_out import end_abandoned_session
from webapp.accounts.throttle import (
    Attempt,
    Wait,
    attempt_failed,
    attempt_succeeded,
    attempt_undecided,
    begin_attempt,
    begin_header_attempt,
)
from webapp.authoring.errors import AuthoringError
from webapp.authoring.users.user import User
from webapp.database.engines import release_connection

BY_HEADERS = "headers"


class LoginRefusedError(Exception):
    """The app does not let this user in."""


class LoginThrottledError(Exception):
    """There were too many attempts.

    Parameters
    ----------
    seconds:
        How long to wait before the next one.
    source:
        Where they came from, as the advice says it.
    """

    def __init__(
        self, seconds: int, source: str = "with this username or from this network"
    ) -> None:
        super().__init__(f"wait {seconds} seconds")
        self.seconds = seconds
        self.source = source

    @property
    def advice(self) -> str:
        minutes = max(1, round(self.seconds / 60))
        wait = "a minute" if minutes == 1 else f"{minutes} minutes"
        return f"Too many attempts {self.source}. Try again in {wait}."


def authenticate(username: str, password: str, ip: str | None) -> User:
    """Sign a user in with a password, and return who it is.

    Raises
    ------
    LoginRefusedError, LoginThrottledError
        The user may not sign in, or not yet.
    CallbackError
        The author's callback failed. The attempt does not count, because nobody judged it.
    """
    return _sign_in(
        begin_attempt(username, ip),
        partial(ask_the_app, username, password),
        partial(record_refused_login, typed=username),
        log_in,
        LoginThrottledError,
    )


def authenticate_by_headers(headers: RequestHeaders, ip: str | None) -> User:
    """Sign in the user for whom the proxy vouches, and return who it is.

    The session of another user in this browser has ended then.

    Raises
    ------
    LoginRefusedError, LoginThrottledError, CallbackError
        As for `authenticate`.
    """
    end_abandoned_session()

    def begin_session(user: User, accounts: Any) -> None:
        log_in(user, accounts, {HEADERS_KEY: watch_headers(headers, by_headers=True)})

    return _sign_in(
        begin_header_attempt(ip),
        partial(ask_about_headers, headers),
        partial(record_refusal, identifier=None, kind=BY_HEADERS),
        begin_session,
        partial(LoginThrottledError, source="from this network"),
        kind=BY_HEADERS,
    )


def _sign_in(
    attempt: Attempt | Wait,
    ask: Callable[[], Verdict],
    record_failure: Callable[[str], None],
    begin_session: Callable[..., None],
    throttled: Callable[[int], LoginThrottledError],
    **details: str,
) -> User:
    if isinstance(attempt, Wait):
        record_failure("login.throttled")
        raise throttled(attempt.seconds)

    release_connection()
    try:
        verdict = ask()
    except AuthoringError:
        attempt_undecided(attempt)
        raise
    if verdict.user is None:
        attempt_failed(attempt)
        wait = attempt.wait_if_wrong
        record_failure("login.throttled" if wait else "login.failed")
        raise throttled(wait) if wait else LoginRefusedError

    attempt_succeeded(attempt)
    try:
        begin_session(verdict.user, verdict.accounts)
    except NotAllowedAnyMoreError as error:
        record_failure("login.failed")
        raise LoginRefusedError from error
    record(LOGIN_OK, verdict.user.identifier, **details)
    return verdict.user
