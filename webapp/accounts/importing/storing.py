"""`users import`: many accounts at once, all of them or none.

Passwords are hashed before the write transaction begins, which is then a matter of a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.accounts.audit import AuditedTransaction, audited_transaction
from webapp.accounts.directory import end_sessions
from webapp.accounts.importing.files import AccountFileError
from webapp.accounts.importing.rows import ImportedAccount, Progress, batches
from webapp.accounts.models import Account, LoginSession
from webapp.accounts.passwords import PasswordHasher
from webapp.accounts.seeded_accounts import password_hasher
from webapp.accounts.throttle import forget_failures
from webapp.accounts.usernames import skeleton
from webapp.console import operator
from webapp.database.engines import db, release_connection


@dataclass
class Counts:
    """What an import came to."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    without_password: int = 0


def seconds_to_hash(wanted: list[ImportedAccount]) -> float:
    """Return about how long hashing will take on this machine; measures one hash."""
    count = sum(1 for each in wanted if each.password is not None)
    if not count:
        return 0.0
    start = time.perf_counter()
    password_hasher().verify(None, "")
    return count * (time.perf_counter() - start) / password_hasher().at_once


def hash_passwords(
    wanted: list[ImportedAccount], progress: Progress[ImportedAccount], *, dry_run: bool
) -> list[ImportedAccount]:
    """Return ``wanted`` with its passwords hashed, on several threads.

    A password that the account has already is dropped, so that importing the same file again
    changes nothing and ends no session.
    """
    plain = [each for each in wanted if each.password is not None]
    if not plain:
        return wanted
    stored = {a.username: a.password_hash for a in _accounts(db.session(), plain)}
    release_connection()
    hasher = password_hasher()

    def hashed(each: ImportedAccount) -> ImportedAccount:
        return _hashed(each, stored.get(each.username), hasher, dry_run=dry_run)

    done = {each.username: each for each in _on_threads(hashed, plain, hasher.at_once, progress)}
    return [done.get(each.username, each) for each in wanted]


def store(wanted: list[ImportedAccount], *, dry_run: bool) -> Counts:
    """Store all accounts in one transaction, and say what changed; a dry run takes it all back.

    Raises
    ------
    AccountFileError
        When somebody added one of the accounts in the meantime.
    """
    counts = Counts()
    try:
        with audited_transaction() as transaction:
            _store_all(transaction, wanted, counts)
            if dry_run:
                transaction.roll_back()
    except IntegrityError as error:
        raise AccountFileError(["somebody added one of these users just now; try again"]) from error
    return counts


def _store_all(
    transaction: AuditedTransaction, wanted: list[ImportedAccount], counts: Counts
) -> None:
    session = transaction.session
    existing = {a.username: a for a in _accounts(session, wanted)}
    logged_in = set(session.scalars(select(LoginSession.identifier).distinct()))
    by = operator()
    for each in wanted:
        before = counts.unchanged
        _store_one(session, each, existing.get(each.username), logged_in, counts)
        if counts.unchanged == before:
            added = each.username not in existing
            transaction.record_part("user.imported", each.username, added=added, by=by)
    if counts.added or counts.changed:
        transaction.record(
            "users.imported", None, added=counts.added, changed=counts.changed, by=by
        )
    session.flush()


def _accounts(session: Session, wanted: list[ImportedAccount]) -> Iterator[Account]:
    for names in batches([each.username for each in wanted]):
        yield from session.scalars(
            select(Account)
            .where(Account.username.in_(names))
            .with_for_update()
            .execution_options(populate_existing=True)
        )


def _hashed(
    each: ImportedAccount, stored: str | None, hasher: PasswordHasher, *, dry_run: bool
) -> ImportedAccount:
    password = each.password or ""
    if stored is not None and hasher.verify(stored, password):
        return replace(each, password=None)
    # A dry run need not take minutes: any new text counts as a change.
    return replace(each, password=None, password_hash="new" if dry_run else hasher.hash(password))


def _on_threads(
    work: Callable[[ImportedAccount], ImportedAccount],
    items: list[ImportedAccount],
    threads: int,
    progress: Progress[ImportedAccount],
) -> list[ImportedAccount]:
    pool = ThreadPoolExecutor(threads)
    try:
        return list(progress(pool.map(work, items), len(items), "Hashing"))
    finally:
        # After Ctrl+C, those that have not begun are not worth waiting for.
        pool.shutdown(cancel_futures=True)


def _store_one(
    session: Session,
    wanted: ImportedAccount,
    account: Account | None,
    logged_in: set[str | None],
    counts: Counts,
) -> None:
    if account is None:
        session.add(_new_account(wanted))
        counts.added += 1
        counts.without_password += wanted.password_hash is None
        return
    new_password = wanted.password_hash not in (None, account.password_hash)
    ends_sessions = _changes_rights(account, wanted) or new_password
    _apply(account, wanted)
    if not session.is_modified(account):
        counts.unchanged += 1
        return
    counts.changed += 1
    if new_password:
        forget_failures(session, account.username)
    if ends_sessions and account.username in logged_in:
        end_sessions(session, account)
    elif ends_sessions:
        account.epoch += 1  # for want of sessions: one question less for each of thousands


def _new_account(wanted: ImportedAccount) -> Account:
    return Account(
        username=wanted.username,
        skeleton=skeleton(wanted.username),
        display_name=wanted.display_name,
        details=_merged({}, wanted),
        password_hash=wanted.password_hash,
        disabled=bool(wanted.disabled),
    )


def _changes_rights(account: Account, wanted: ImportedAccount) -> bool:
    return wanted.disabled is True or _merged(account.details, wanted) != account.details


def _apply(account: Account, wanted: ImportedAccount) -> None:
    account.display_name = wanted.display_name or account.display_name
    details = _merged(account.details, wanted)
    if details != account.details:
        account.details = details
    account.password_hash = wanted.password_hash or account.password_hash
    account.disabled = account.disabled if wanted.disabled is None else wanted.disabled


def _merged(details: Mapping[str, Any], wanted: ImportedAccount) -> dict[str, Any]:
    merged = dict(details if wanted.details is None else wanted.details)
    return merged | ({} if wanted.role is None else {"role": wanted.role})
