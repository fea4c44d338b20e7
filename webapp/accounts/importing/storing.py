"""Storing the accounts of `users import`, all of them or none.

Passwords are hashed before the write transaction begins, so the transaction takes about a second.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.accounts.audit import audited_transaction
from webapp.accounts.directory import end_sessions
from webapp.accounts.importing.files import AccountFileError
from webapp.accounts.importing.rows import ImportedAccount, Progress, batches
from webapp.accounts.models import Account, LoginSession
from webapp.accounts.seeded_accounts import password_hasher
from webapp.accounts.throttle import forget_failures
from webapp.accounts.usernames import skeleton
from webapp.console import operator
from webapp.database.engines import db, release_connection


@dataclass
class Counts:
    """How many accounts an import has added and changed."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    without_password: int = 0


def seconds_to_hash(accounts: list[ImportedAccount]) -> float:
    """Estimate how long hashing will take on this machine, by the time of one hash."""
    count = sum(1 for each in accounts if each.password is not None)
    if not count:
        return 0.0
    start = time.perf_counter()
    password_hasher().verify(None, "")
    return count * (time.perf_counter() - start) / password_hasher().at_once


def hash_passwords(
    accounts: list[ImportedAccount], progress: Progress[ImportedAccount], *, dry_run: bool
) -> list[ImportedAccount]:
    """Return ``accounts`` with their passwords hashed, on several threads.

    A password that the account has already is dropped. So importing the same file again changes
    nothing and ends no session.
    """
    with_password = [each for each in accounts if each.password is not None]
    if not with_password:
        return accounts
    old_hashes = {a.username: a.password_hash for a in _find_accounts(db.session(), with_password)}
    release_connection()
    hasher = password_hasher()

    def hash_one(account: ImportedAccount) -> ImportedAccount:
        old_hash, password = old_hashes.get(account.username), account.password or ""
        if old_hash is not None and hasher.verify(old_hash, password):
            return replace(account, password=None)
        # A dry run need not take minutes: any new text counts as a change.
        new_hash = "new" if dry_run else hasher.hash(password)
        return replace(account, password=None, password_hash=new_hash)

    pool = ThreadPoolExecutor(hasher.at_once)
    try:
        results = pool.map(hash_one, with_password)
        hashes = {a.username: a for a in progress(results, len(with_password), "Hashing")}
    finally:
        # After Ctrl+C, do not wait for those that have not begun.
        pool.shutdown(cancel_futures=True)
    return [hashes.get(each.username, each) for each in accounts]


def store(accounts: list[ImportedAccount], *, dry_run: bool) -> Counts:
    """Store all accounts in one transaction, and return what changed. A dry run rolls it back.

    Raises
    ------
    AccountFileError
        Another process added one of the accounts in the meantime.
    """
    counts = Counts()
    try:
        with audited_transaction() as transaction:
            session, by = transaction.session, operator()
            existing = {a.username: a for a in _find_accounts(session, accounts)}
            signed_in = set(session.scalars(select(LoginSession.identifier).distinct()))
            for each in accounts:
                before = counts.unchanged
                _store_one(session, each, existing.get(each.username), signed_in, counts)
                if counts.unchanged == before:
                    added = each.username not in existing
                    transaction.record_part("user.imported", each.username, added=added, by=by)
            if counts.added or counts.changed:
                numbers = {"added": counts.added, "changed": counts.changed}
                transaction.record("users.imported", None, **numbers, by=by)
            session.flush()
            if dry_run:
                transaction.roll_back()
    except IntegrityError as error:
        raise AccountFileError(["one of these users was added just now; try again"]) from error
    return counts


def _find_accounts(session: Session, accounts: list[ImportedAccount]) -> Iterator[Account]:
    for names in batches([each.username for each in accounts]):
        yield from session.scalars(
            select(Account)
            .where(Account.username.in_(names))
            .with_for_update()
            .execution_options(populate_existing=True)
        )


def _store_one(
    session: Session,
    imported: ImportedAccount,
    account: Account | None,
    signed_in: set[str | None],
    counts: Counts,
) -> None:
    details: dict[str, Any] = dict(account.details if account else {})
    details = details if imported.details is None else dict(imported.details)
    details |= {} if imported.role is None else {"role": imported.role}
    if account is None:
        session.add(
            Account(
                username=imported.username,
                skeleton=skeleton(imported.username),
                display_name=imported.display_name,
                details=details,
                password_hash=imported.password_hash,
                disabled=bool(imported.disabled),
            )
        )
        counts.added += 1
        counts.without_password += imported.password_hash is None
        return

    new_password = imported.password_hash not in (None, account.password_hash)
    new_rights = imported.disabled is True or details != account.details
    account.display_name = imported.display_name or account.display_name
    if details != account.details:
        account.details = details
    account.password_hash = imported.password_hash or account.password_hash
    account.disabled = account.disabled if imported.disabled is None else imported.disabled
    if not session.is_modified(account):
        counts.unchanged += 1
        return

    counts.changed += 1
    if new_password:
        forget_failures(session, account.username)
    if new_password or new_rights:
        if account.username in signed_in:
            end_sessions(session, account)
        else:
            account.epoch += 1  # without sessions, this saves a query for each of thousands
