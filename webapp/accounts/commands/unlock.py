"""Forgetting failed logins, so that nobody has to wait for the throttle (R3)."""

from __future__ import annotations

from webapp.accounts.audit import audited_transaction
from webapp.accounts.directory import AccountError, find
from webapp.accounts.throttle import forget_failures, forget_failures_at
from webapp.accounts.usernames import canonical
from webapp.console import operator


def unlock(username: str) -> str:
    """Forget somebody's failed logins, so that they need not wait (R3), and return the name.

    Users of an app's own callback have no account, but failed logins all the same.

    Raises
    ------
    AccountError
        When there is neither.
    """
    account = find(username)
    name = account.username if account else canonical(username)
    with audited_transaction() as transaction:
        forgotten = forget_failures(transaction.session, name)
        if account is None and not forgotten:
            raise AccountError(
                f"there is no user {name[:80]!r}, and no failed login of that name; see "
                "`chat-profiles users list`"
            )
        transaction.record("user.unlocked", name, by=operator())
    return name


def unlock_address(address: str) -> int:
    """Forget the failed logins of strangers at an address (R3), and return how many there were."""
    with audited_transaction() as transaction:
        forgotten = forget_failures_at(transaction.session, address)
        transaction.record(
            "address.unlocked", None, address=address, failures=forgotten, by=operator()
        )
    return forgotten
