"""Finding, adding, changing and removing the accounts that administrators seed.

Every change of rights or password ends the user's login sessions in the same transaction, so it
takes effect with the next request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.accounts.audit import AuditedTransaction, audited_transaction
from webapp.accounts.details import DetailsError, validate_display_name, validate_metadata
from webapp.accounts.models import Account, ApiToken
from webapp.accounts.new_passwords import refuse_bad_password
from webapp.accounts.seeded_accounts import name_to_find, password_hasher
from webapp.accounts.sessions.rows import end_sessions_of
from webapp.accounts.throttle import forget_failures
from webapp.accounts.usernames import skeleton, validate_username
from webapp.console import operator
from webapp.database.engines import db, release_connection
from webapp.signals import removing_user, user_removed


class AccountError(ValueError):
    """An account cannot be found or changed; the message says why, in one line."""


class AccountExistsError(AccountError):
    """The username belongs to an account already, or looks like one that does."""


class AccountChange(NamedTuple):
    """The result of a change: the account as it is now, how many sessions ended, and whether
    anything is different at all."""

    account: Account
    ended_sessions: int = 0
    changed: bool = True


def refuse_two_roles(details: Mapping[str, Any] | None, role: str | None) -> None:
    """Refuse metadata with another role than the one given beside it."""
    if details and role is not None and details.get("role", role) != role:
        raise DetailsError("role and metadata name two different roles; keep one of them")


def find(username: str) -> Account | None:
    """Return the account of this username, or ``None``."""
    return db.session.scalar(select(Account).where(Account.username == name_to_find(username)))


def get(username: str) -> Account:
    """Return the account of this username.

    Raises
    ------
    AccountError
        There is no such account.
    """
    account = find(username)
    if account is None:
        raise _no_account(username)
    return account


def all_accounts() -> list[Account]:
    """Return all accounts, sorted by username."""
    # Sorted here: databases do not agree on the order of letters.
    return sorted(db.session.scalars(select(Account)), key=lambda account: account.username)


def has_accounts() -> bool:
    """Return whether there is any account yet."""
    return db.session.scalar(select(Account.id).limit(1)) is not None


def add(
    username: str,
    password: str | None,
    *,
    display_name: str | None = None,
    details: Mapping[str, Any] | None = None,
    before_commit: Callable[[], None] | None = None,
) -> Account:
    """Add an account and return it. Nothing is stored if ``before_commit`` raises.

    Raises
    ------
    AccountExistsError
        The username is taken, or looks like one that is.
    UsernameError, PasswordError, DetailsError
        The username, password, display name or metadata cannot be used.
    """
    name = validate_username(username)
    shown = validate_display_name(display_name or "")
    metadata = validate_metadata(dict(details or {}))
    refuse_taken(name)
    stored = _hash_new_password(password, name, shown) if password is not None else None
    account = Account(
        username=name,
        skeleton=skeleton(name),
        display_name=shown,
        details=metadata,
        password_hash=stored,
    )
    try:
        with audited_transaction() as transaction:
            _refuse_taken(transaction.session, name)
            transaction.session.add(account)
            transaction.record("user.added", name, by=operator())
            _flush(transaction.session, before_commit)
    except IntegrityError as error:
        # On PostgreSQL, two processes can both find the name free. The constraint decides.
        raise _account_exists(name) from error
    return account


def refuse_taken(name: str) -> None:
    """Refuse a canonical username that is taken, or looks like one that is."""
    _refuse_taken(db.session(), name)
    # The command asks for a password next, which may take minutes.
    release_connection()


def set_password(
    username: str, password: str, *, before_commit: Callable[[], None] | None = None
) -> AccountChange:
    """Set a new password, end the account's sessions, and forget its failed attempts to sign in.

    The old password stays if ``before_commit`` raises.
    """
    account = get(username)
    stored = _hash_new_password(password, account.username, account.display_name)
    with _changing(username) as (transaction, found):
        found.password_hash = stored
        forget_failures(transaction.session, found.username)
        ended = end_sessions(transaction.session, found)
        transaction.record("user.password_set", found.username, sessions=ended, by=operator())
        _flush(transaction.session, before_commit)
    return AccountChange(found, ended)


def change_details(
    username: str,
    *,
    display_name: str | None = None,
    details: Mapping[str, Any] | None = None,
    role: str | None = None,
    remove: Iterable[str] = (),
) -> AccountChange:
    """Change the display name or metadata. New metadata ends the sessions, as it may be new rights.

    Parameters
    ----------
    display_name:
        The new one. ``""`` removes it, ``None`` keeps it.
    details:
        The new metadata, which replaces all of the old. ``None`` keeps it.
    role:
        The new ``role`` in the metadata. ``None`` keeps it.
    remove:
        Keys to remove from the metadata.
    """
    refuse_two_roles(details, role)
    with _changing(username) as (transaction, account):
        metadata = dict(account.details if details is None else details)
        if role is not None:
            metadata["role"] = role
        for key in remove:
            if key not in metadata:
                raise AccountError(
                    f"the metadata has no key {key!r}; see `chat-profiles users show`"
                )
            del metadata[key]
        metadata = validate_metadata(metadata)

        if display_name is not None:
            account.display_name = validate_display_name(display_name)
        new_rights = metadata != account.details
        if not (new_rights or transaction.session.is_modified(account)):
            return AccountChange(account, changed=False)
        ended = 0
        if new_rights:
            account.details = metadata
            ended = end_sessions(transaction.session, account)
        transaction.record("user.updated", account.username, sessions=ended, by=operator())
    return AccountChange(account, ended)


def disable(username: str) -> AccountChange:
    """Keep a user out from the next request on, without deleting anything."""
    with _changing(username) as (transaction, account):
        if account.disabled:
            return AccountChange(account, changed=False)
        account.disabled = True
        ended = end_sessions(transaction.session, account)
        transaction.record("user.disabled", account.username, sessions=ended, by=operator())
    return AccountChange(account, ended)


def enable(username: str) -> AccountChange:
    """Let a disabled user in again, and forget the failed attempts to sign in."""
    with _changing(username) as (transaction, account):
        if not account.disabled:
            return AccountChange(account, changed=False)
        account.disabled = False
        forget_failures(transaction.session, account.username)
        transaction.record("user.enabled", account.username, by=operator())
    return AccountChange(account)


def remove(username: str) -> AccountChange:
    """Delete an account with its sessions and its chats.

    The chats belong to a username, and its next owner must not find them. Nobody can open them from
    now on. They are deleted in small steps, so that other requests need not wait long. If this
    stops early, `chat-profiles purge` deletes the rest.
    """
    with _changing(username) as (transaction, account):
        removing_user.send(session=transaction.session, username=account.username)
        # The next user of this name must not have them.
        transaction.session.execute(delete(ApiToken).where(ApiToken.identifier == account.username))
        ended = end_sessions(transaction.session, account)
        forget_failures(transaction.session, account.username)
        transaction.session.delete(account)
        transaction.record("user.removed", account.username, sessions=ended, by=operator())
    user_removed.send(username=account.username)
    return AccountChange(account, ended)


def end_sessions(session: Session, account: Account) -> int:
    """End an account's login sessions in the caller's transaction, and return how many there were.

    An attempt to sign in that is being checked at this moment does not get a session either.
    """
    account.epoch += 1
    return end_sessions_of(session, account.username)


@contextmanager
def _changing(username: str) -> Iterator[tuple[AuditedTransaction, Account]]:
    """Yield an account as it is now, locked for others in a write transaction."""
    with audited_transaction() as transaction:
        account = transaction.session.scalar(
            select(Account)
            .where(Account.username == name_to_find(username))
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if account is None:
            raise _no_account(username)
        yield transaction, account


def _hash_new_password(password: str, username: str, display_name: str | None) -> str:
    refuse_bad_password(password, username, display_name)
    release_connection()
    return password_hasher().hash(password)


def _flush(session: Session, before_commit: Callable[[], None] | None) -> None:
    session.flush()
    # From here on, only the commit itself can fail.
    if before_commit is not None:
        before_commit()


def _refuse_taken(session: Session, name: str) -> None:
    owner = session.scalar(select(Account.username).where(Account.skeleton == skeleton(name)))
    if owner == name:
        raise _account_exists(name)
    if owner is not None:
        raise AccountExistsError(f"{name!r} looks like the user {owner!r}; choose another name")


def _account_exists(name: str) -> AccountExistsError:
    return AccountExistsError(
        f"there is a user {name!r} already; see `chat-profiles users show {name}`"
    )


def _no_account(username: str) -> AccountError:
    return AccountError(f"there is no user {username[:80]!r}; see `chat-profiles users list`")
