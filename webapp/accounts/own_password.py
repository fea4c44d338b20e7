"""Changing the password of the user who is signed in, if they have a seeded account."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.engine import Connection

from webapp.accounts.audit import record, record_refusal
from webapp.accounts.authentication import LoginThrottledError
from webapp.accounts.login import browser_session
from webapp.accounts.models import Account, LoginSession
from webapp.accounts.new_passwords import refuse_bad_password
from webapp.accounts.passwords import PasswordError, forget_words
from webapp.accounts.seeded_accounts import password_hasher
from webapp.accounts.sign_out import announce_end
from webapp.accounts.throttle import (
    Wait,
    attempt_failed,
    attempt_succeeded,
    begin_attempt,
)
from webapp.authoring.users.user import User
from webapp.database.engines import read_connection, release_connection, utc_now
from webapp.web.csrf import CSRF_FIELD

SAME = "the new password is the one you have"
_ACCOUNT = select(
    Account.id, Account.epoch, Account.username, Account.display_name, Account.password_hash
).where(
    Account.username == bindparam("username"), Account.password_hash.is_not(None), ~Account.disabled
)


@dataclass(frozen=True)
class _Account:
    id: int
    epoch: int
    username: str
    display_name: str | None
    password_hash: str | None


class NoPasswordHereError(Exception):
    """The password of this user is not stored by this site."""


class WrongPasswordError(Exception):
    """The password is not the current one."""


def has_password_here(user: User) -> bool:
    """Return whether this site stores the password of a user, who then has a seeded account."""
    return _find_account(user) is not None


def confirm_password(user: User, password: str, ip: str | None) -> None:
    """Check the password of the user who is signed in, if this site stores it.

    Raises
    ------
    LoginThrottledError, WrongPasswordError
        As for `change_password`.
    """
    account = _find_account(user)
    if account is not None:
        _check_current(account, password, ip)


def change_password(user: User, current: str, new: str, ip: str | None) -> int:
    """Change the password of the user who is signed in, and return how many sessions ended.

    All other sessions of the user end, and so do attempts to sign in that are being checked. This
    session continues under a new id.

    Raises
    ------
    NoPasswordHereError
        This user has no account with a password.
    LoginThrottledError, WrongPasswordError
        The current password cannot be tried, or is wrong. It counts as an attempt to sign in.
    PasswordError
        The new password cannot be used.
    NotAllowedAnyMoreError
        The account has changed, or this session has ended, in the meantime.
    """
    account = _find_account(user)
    if account is None:
        raise NoPasswordHereError
    _check_current(account, current, ip)
    if new == current:
        raise PasswordError(SAME)
    try:
        refuse_bad_password(new, account.username, account.display_name)
    finally:
        forget_words()
    password_hash = password_hasher().hash(new)
    own = browser_session()
    this, ended = own.require_row(), list[uuid.UUID]()

    def store(connection: Connection) -> bool:
        # The account comes first, as everywhere that ends sessions: PostgreSQL locks its row.
        new_values = {
            "password_hash": password_hash,
            "epoch": account.epoch + 1,
            "changed_at": utc_now(),
        }
        is_unchanged = (Account.id == account.id, Account.epoch == account.epoch, ~Account.disabled)
        if not connection.execute(update(Account).where(*is_unchanged).values(new_values)).rowcount:
            return False
        others = delete(LoginSession).where(
            LoginSession.identifier == account.username, LoginSession.id != this
        )
        ended.extend(connection.scalars(others.returning(LoginSession.id)))
        return True

    own.rotate({CSRF_FIELD: secrets.token_hex(32)}, store)
    record("password.changed", user.identifier, sessions=len(ended))
    announce_end(ended, user)
    return len(ended)


def _find_account(user: User) -> _Account | None:
    with read_connection() as connection:
        found = connection.execute(_ACCOUNT, {"username": user.identifier})
        row = found.one_or_none()
    return _Account(*row) if row else None


def _check_current(account: _Account, password: str, ip: str | None) -> None:
    attempt = begin_attempt(account.username, ip)
    if isinstance(attempt, Wait):
        raise _throttle(account.username, attempt.seconds)
    release_connection()
    if password_hasher().verify(account.password_hash, password):
        attempt_succeeded(attempt)
        return
    attempt_failed(attempt)
    if attempt.wait_if_wrong:
        raise _throttle(account.username, attempt.wait_if_wrong)
    record_refusal("password.failed", account.username)
    raise WrongPasswordError


def _throttle(username: str, seconds: int) -> LoginThrottledError:
    record_refusal("password.throttled", username)
    return LoginThrottledError(seconds)
