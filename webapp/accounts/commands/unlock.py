"""Deleting failed attempts to sign in, so that a user need not wait any longer."""

from __future__ import annotations

from webapp.accounts.audit import audited_transaction
from webapp.accounts.directory import AccountError, find
from webapp.accounts.throttle import forget_failures, forget_failures_at
from webapp.accounts.usernames import canonical
from webapp.console import operator


def unlock(username: str) -> str:
    """Delete a user's failed attempts to sign in, and return the username.

    Users of an app's own callback have no account, but they can have failed attempts.

    Raises
    ------
    AccountError
        There is no account and no failed attempt of this name.
    """
    account = find(username)
    name = account.username if account else canonical(username)
    with audited_transaction() as transaction:
        forgotten = forget_failures(transaction.session, name)
        if account is None and not forgotten:
            raise AccountError(
                f"there is no user {name[:80]!r}, and no failed sign-in of that name; see "
                "`chat-profiles users list`"
            )
        transaction.record("user.unlocked", name, by=operator())
    return name


def unlock_address(address: str) -> int:
    """Delete the failed attempts to sign in from an address, and return how many there were."""
    with audited_transaction() as transaction:
        forgotten = forget_failures_at(transaction.session, address)
        transaction.record(
            "address.unlocked", None, address=address, failures=forgotten, by=operator()
        )
    return forgotten
