"""Changing one's own password, where it is that of a seeded account (R14, R16)."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from functools import partial

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.engine import Connection

from webapp.accounts.audit import record, record_refusal
from webapp.accounts.authentication import LoginThrottledError
from webapp.accounts.login import browser_session
from webapp.accounts.models import Account, LoginSession
from webapp.accounts.new_passwords import refuse_bad_password
from webapp.accounts.passwords import PasswordError
from webapp.accounts.seeded_accounts import password_hasher
from webapp.accounts.sign_out import announce_end
from webapp.accounts.throttle import (
    Wait,
    attempt_failed,
    attempt_succeeded,
    begin_attempt,
)
from webapp.authoring.types import User
from webapp.database.engines import read_connection, release_connection, utc_now
from webapp.web.forms import CSRF_FIELD

SAME = "the new password is the one you have"
_ACCOUNT = select(
    Account.id, Account.epoch, Account.username, Account.display_name, Account.password_hash
).where(
    Account.username == bindparam("name"), Account.password_hash.is_not(None), ~Account.disabled
)


@dataclass(frozen=True)
class _Account:
    id: int
    epoch: int
    username: str
    display_name: str | None
    password_hash: str | None


class NoPasswordHereError(Exception):
    """This user's password is kept elsewhere."""


class WrongPasswordError(Exception):
    """The password that was given as the current one is not."""


def has_password_here(user: User) -> bool:
    """Say whether the password of a user is kept by this site: whether an admin seeded them."""
    return _account_of(user) is not None


def change_password(user: User, current: str, new: str, ip: str | None) -> int:
    """Give somebody who is logged in a new password, and return how many sessions ended.

    All their other sessions end, and logins that are being checked come to nothing. This session
    goes on under a fresh id (R9).

    Raises
    ------
    NoPasswordHereError
        When there is no account with a password for this user.
    LoginThrottledError, WrongPasswordError
        When the current password cannot be tried, or is wrong. Tries count with those to log in.
    PasswordError
        When the new one cannot be used.
    NotAllowedAnyMoreError
        When the account has changed, or this session has ended, in the meantime.
    """
    account = _account_of(user)
    if account is None:
        raise NoPasswordHereError
    _check(account, current, ip)
    if new == current:
        raise PasswordError(SAME)
    refuse_bad_password(new, account.username, account.display_name)
    stored = password_hasher().hash(new)
    own = browser_session()
    ended: list[uuid.UUID] = []
    store = partial(_store, account, stored, own.require_row(), ended)
    own.rotate({CSRF_FIELD: secrets.token_hex(32)}, store)
    record("password.changed", user.identifier, sessions=len(ended))
    announce_end(ended, user)
    return len(ended)


def _account_of(user: User) -> _Account | None:
    with read_connection() as connection:
        found = connection.execute(_ACCOUNT, {"name": user.identifier})
        row = found.one_or_none()
    return _Account(*row) if row else None


def _check(account: _Account, password: str, ip: str | None) -> None:
    attempt = begin_attempt(account.username, ip)
    if isinstance(attempt, Wait):
        raise _throttled(account.username, attempt.seconds)
    release_connection()
    if password_hasher().verify(account.password_hash, password):
        attempt_succeeded(attempt)
        return
    attempt_failed(attempt)
    if attempt.late:
        raise _throttled(account.username, attempt.late)
    record_refusal("password.failed", account.username)
    raise WrongPasswordError


def _throttled(username: str, seconds: int) -> LoginThrottledError:
    record_refusal("password.throttled", username)
    return LoginThrottledError(seconds)


def _store(
    account: _Account, stored: str, this: uuid.UUID, ended: list[uuid.UUID], connection: Connection
) -> bool:
    # The account first, as everybody who ends sessions does: on PostgreSQL its row is locked.
    new = {"password_hash": stored, "epoch": account.epoch + 1, "changed_at": utc_now()}
    as_checked = (Account.id == account.id, Account.epoch == account.epoch, ~Account.disabled)
    if not connection.execute(update(Account).where(*as_checked).values(new)).rowcount:
        return False
    others = delete(LoginSession).where(
        LoginSession.identifier == account.username, LoginSession.id != this
    )
    ended += connection.scalars(others.returning(LoginSession.id))
    return True
