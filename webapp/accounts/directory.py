"""The accounts that admins seed: finding, adding, changing and removing them.

Every change of rights or password ends the user's login sessions in the same transaction, so that
it counts from the next request on (R9, R14).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.accounts.audit import AuditedTransaction, audited_transaction
from webapp.accounts.details import DetailsError, validate_display_name, validate_metadata
from webapp.accounts.models import Account
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
    """There is an account of this name already, or of one that looks like it."""


class Change(NamedTuple):
    """What a change came to: the account as it is now, how many sessions it ended, and whether
    anything is different at all."""

    account: Account
    ended_sessions: int = 0
    changed: bool = True


def refuse_two_roles(details: Mapping[str, Any] | None, role: str | None) -> None:
    """Refuse metadata that names another role than the one given beside it."""
    if details and role is not None and details.get("role", role) != role:
        raise DetailsError("role and metadata name two different roles; keep one of them")


def find(username: str) -> Account | None:
    """Return an account; ``None`` when there is none of this name."""
    return db.session.scalar(select(Account).where(Account.username == name_to_find(username)))


def get(username: str) -> Account:
    """Return an account.

    Raises
    ------
    AccountError
        When there is none of this name.
    """
    account = find(username)
    if account is None:
        raise _no_account(username)
    return account


def all_accounts() -> list[Account]:
    """Return every account, by user name."""
    # Sorted here: databases do not agree on the order of letters.
    return sorted(db.session.scalars(select(Account)), key=lambda account: account.username)


def has_accounts() -> bool:
    """Say whether anybody was seeded yet."""
    return db.session.scalar(select(Account.id).limit(1)) is not None


def add(
    username: str,
    password: str | None,
    *,
    display_name: str | None = None,
    details: Mapping[str, Any] | None = None,
    before_commit: Callable[[], None] | None = None,
) -> Account:
    """Add an account and return it; what ``before_commit`` raises keeps it from being stored.

    Raises
    ------
    AccountExistsError
        When the name is taken, or looks like one that is.
    UsernameError, PasswordError, DetailsError
        When one of them cannot be used.
    """
    name = validate_username(username)
    shown = validate_display_name(display_name or "")
    metadata = validate_metadata(dict(details or {}))
    refuse_taken(name)
    stored = _new_hash(password, name, shown) if password is not None else None
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
            _last_step(transaction.session, before_commit)
    except IntegrityError as error:
        # PostgreSQL lets two processes look at once; the constraint decides.
        raise _taken(name) from error
    return account


def refuse_taken(name: str) -> None:
    """Refuse a canonical name that is taken, or looks like one that is (R18)."""
    _refuse_taken(db.session(), name)
    release_connection()  # a password is asked for next, which may take minutes


def set_password(
    username: str, password: str, *, before_commit: Callable[[], None] | None = None
) -> Change:
    """Give an account a new password; ends its sessions and forgets its failed logins.

    What ``before_commit`` raises keeps the old one.
    """
    account = get(username)
    stored = _new_hash(password, account.username, account.display_name)
    with _changing(username) as (transaction, found):
        found.password_hash = stored
        forget_failures(transaction.session, found.username)
        ended = end_sessions(transaction.session, found)
        transaction.record("user.password_set", found.username, sessions=ended, by=operator())
        _last_step(transaction.session, before_commit)
    return Change(found, ended)


def change_details(
    username: str,
    *,
    display_name: str | None = None,
    details: Mapping[str, Any] | None = None,
    role: str | None = None,
    remove: Iterable[str] = (),
) -> Change:
    """Change what an account says about its owner; ends its sessions when its rights changed.

    Parameters
    ----------
    display_name:
        The new one; ``""`` takes it away, ``None`` leaves it.
    details:
        Metadata to put in the place of all that is there; ``None`` leaves it.
    role:
        The new ``role`` in the metadata; ``None`` leaves it.
    remove:
        Keys to take out of the metadata.
    """
    refuse_two_roles(details, role)
    with _changing(username) as (transaction, account):
        wanted = dict(account.details if details is None else details)
        wanted.update({} if role is None else {"role": role})
        _remove_keys(wanted, remove)
        wanted = validate_metadata(wanted)
        if display_name is not None:
            account.display_name = validate_display_name(display_name)
        new_rights = wanted != account.details
        if not (new_rights or transaction.session.is_modified(account)):
            return Change(account, changed=False)
        ended = 0
        if new_rights:
            account.details = wanted
            ended = end_sessions(transaction.session, account)
        transaction.record("user.updated", account.username, sessions=ended, by=operator())
    return Change(account, ended)


def disable(username: str) -> Change:
    """Keep somebody out from the next request on; nothing of theirs is lost."""
    with _changing(username) as (transaction, account):
        if account.disabled:
            return Change(account, changed=False)
        account.disabled = True
        ended = end_sessions(transaction.session, account)
        transaction.record("user.disabled", account.username, sessions=ended, by=operator())
    return Change(account, ended)


def enable(username: str) -> Change:
    """Let somebody in again, and forget their failed logins."""
    with _changing(username) as (transaction, account):
        if not account.disabled:
            return Change(account, changed=False)
        account.disabled = False
        forget_failures(transaction.session, account.username)
        transaction.record("user.enabled", account.username, by=operator())
    return Change(account)


def remove(username: str) -> Change:
    """Delete an account with its sessions and its chats.

    The chats go too because they belong to a name: whoever gets it next must not find them. They
    are out of reach at once, and then go in small steps, so that nobody waits for long ones; what
    was stopped goes with `chat-profiles purge`.
    """
    with _changing(username) as (transaction, account):
        removing_user.send(session=transaction.session, username=account.username)
        ended = end_sessions(transaction.session, account)
        forget_failures(transaction.session, account.username)
        transaction.session.delete(account)
        transaction.record("user.removed", account.username, sessions=ended, by=operator())
    user_removed.send(username=account.username)
    return Change(account, ended)


def end_sessions(session: Session, account: Account) -> int:
    """End an account's login sessions in the caller's transaction, and return how many there were.

    A login that is being checked at this moment makes none either.
    """
    account.epoch += 1
    return end_sessions_of(session, account.username)


def find_look_alikes(session: Session, where: ColumnElement[bool]) -> dict[str, str]:
    """Return the user names of accounts by their skeleton."""
    rows = session.execute(select(Account.skeleton, Account.username).where(where))
    return {row.skeleton: row.username for row in rows}


@contextmanager
def _changing(username: str) -> Iterator[tuple[AuditedTransaction, Account]]:
    """Yield an account inside a write transaction, as it is now and locked for others."""
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


def _new_hash(password: str, username: str, display_name: str | None) -> str:
    refuse_bad_password(password, username, display_name)
    release_connection()
    return password_hasher().hash(password)


def _last_step(session: Session, step: Callable[[], None] | None) -> None:
    # After this flush only the commit itself can fail.
    session.flush()
    if step is not None:
        step()


def _refuse_taken(session: Session, name: str) -> None:
    owner = find_look_alikes(session, Account.skeleton == skeleton(name)).get(skeleton(name))
    if owner == name:
        raise _taken(name)
    if owner is not None:
        raise AccountExistsError(f"{name!r} looks like the user {owner!r}; choose another name")


def _taken(name: str) -> AccountExistsError:
    return AccountExistsError(
        f"there is a user {name!r} already; see `chat-profiles users show {name}`"
    )


def _remove_keys(details: dict[str, Any], keys: Iterable[str]) -> None:
    for key in keys:
        if key not in details:
            raise AccountError(f"the metadata has no key {key!r}; see `chat-profiles users show`")
        del details[key]


def _no_account(username: str) -> AccountError:
    return AccountError(f"there is no user {username[:80]!r}; see `chat-profiles users list`")
