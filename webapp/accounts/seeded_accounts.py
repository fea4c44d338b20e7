"""Checking a password against the seeded accounts, as `seeded_user` does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask import current_app
from sqlalchemy import select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError

from webapp.accounts.models import Account
from webapp.accounts.passwords import PasswordHasher
from webapp.accounts.usernames import UsernameError, validate_username
from webapp.authoring.users.user import User
from webapp.database.engines import db, release_connection, write_session
from webapp.web.log import log_event


class DisabledAccountError(Exception):
    """An administrator has disabled the account."""


@dataclass(frozen=True)
class CheckedAccount:
    """An account as it was when its password was checked and found right."""

    user: User
    id: int
    epoch: int


def check_password(username: str, password: str) -> CheckedAccount | None:
    """Return the seeded account with this username and password, or ``None``.

    Every case costs one query and one hash, so the time does not show whether the user exists. No
    connection is held while hashing.

    Raises
    ------
    OperationalError
        The database cannot be reached, which is not a wrong password.
    """
    found = db.session.execute(
        select(
            Account.id,
            Account.epoch,
            Account.username,
            Account.display_name,
            Account.details,
            Account.password_hash,
            Account.disabled,
        ).where(Account.username == name_to_find(username))
    ).one_or_none()
    release_connection()
    right = password_hasher().verify(found.password_hash if found else None, password)
    if found is None or found.disabled or not right:
        return None
    if password_hasher().needs_rehash(found.password_hash):
        stored = password_hasher().hash(password)
        try:
            with write_session() as session:
                # Only the hash that was checked: an administrator may have set another.
                session.execute(
                    update(Account)
                    .where(
                        Account.username == found.username,
                        Account.password_hash == found.password_hash,
                    )
                    .values(password_hash=stored)
                )
        except OperationalError as error:
            # The old hash is still valid. The next sign-in tries again.
            log_event("user.not_rehashed", user=found.username, error=type(error).__name__)
    user = User(found.username, found.display_name, dict(found.details))
    return CheckedAccount(user, found.id, found.epoch)


def find_account(user: User) -> CheckedAccount | None:
    """Return the seeded account of a user whom something else than a password has shown, if any.

    Raises
    ------
    DisabledAccountError
        An administrator has disabled it.
    """
    found = db.session.execute(
        select(Account.id, Account.epoch, Account.disabled).where(
            Account.username == name_to_find(user.identifier)
        )
    ).one_or_none()
    release_connection()
    if found is not None and found.disabled:
        raise DisabledAccountError(user.identifier)
    return CheckedAccount(user, found.id, found.epoch) if found else None


def are_unchanged(accounts: Iterable[CheckedAccount], connection: Connection) -> bool:
    """Return whether these accounts may still sign in, and lock them until the transaction ends.

    An administrator may disable the account or change its rights while the password is checked.
    That must stop this attempt too, although it has no session yet.
    """
    return all(
        connection.scalar(
            select(Account.id)
            .where(Account.id == each.id, Account.epoch == each.epoch, ~Account.disabled)
            .with_for_update(read=True)
        )
        for each in accounts
    )


def password_hasher() -> PasswordHasher:
    """Return the hasher of this app, which limits how many hashes run at once."""
    hasher: PasswordHasher | None = current_app.extensions.get("password_hasher")
    if hasher is None:
        # setdefault is atomic, so two first sign-ins at once get the same hasher.
        hasher = current_app.extensions.setdefault("password_hasher", PasswordHasher())
    return hasher


def name_to_find(username: str) -> str:
    """Return the canonical form of a typed username; ``""``, which nobody has, if it is not one."""
    try:
        return validate_username(username)
    except UsernameError:
        return ""
