"""Slowing down guesses of passwords, counted in the database per username and per address."""

from __future__ import annotations

import hashlib
import random
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, func, select, text, update
from sqlalchemy.orm import Session

from webapp.accounts.addresses import SHARE_OF_SITE, ip_key, keys_of_site
from webapp.accounts.models import LoginAttempt
from webapp.accounts.usernames import canonical
from webapp.database.engines import separate_session, utc_now

FAILURES = 10
FAILURES_WHERE_KNOWN = 50
WINDOW = timedelta(minutes=10)
# A check of a password has ended by then, or its process has died.
LONGEST_CHECK = timedelta(seconds=60)
PATIENCE_SECONDS = 3.0
KNOWN_FOR = timedelta(days=90)


@dataclass(frozen=True)
class Attempt:
    """An attempt that may go on. It counts as failed until it is known to have succeeded.

    ``wait_if_wrong`` is 0, or how many seconds to wait if the password is wrong. After too many
    failures at an address where this user is known, only the right password is accepted.
    """

    id: int
    wait_if_wrong: int = 0


@dataclass(frozen=True)
class Wait:
    """How many seconds to wait before the next attempt; 0 for none.

    With ``may_pass``, some of the attempts that count are still being checked. The wait ends early
    if they succeed.
    """

    seconds: int
    may_pass: bool = False


def begin_attempt(username: str, ip: str | None) -> Attempt | Wait:
    """Count an attempt before it is made, so that twenty at once count as twenty.

    Parameters
    ----------
    username:
        As it was typed.
    ip:
        The address of the browser. IPv6 counts by its /64 network, and with twice as many failures
        by the /56 around it.

    Returns
    -------
    `Wait` after ten failures in ten minutes for this username or this address. An address from
    which this user has signed in before is counted separately, so a stranger's guesses cannot lock
    the user out. There, the wait begins after fifty failures, because the user may have forgotten
    the password, or share the address with others.
    """
    return _begin_in_time(username_key(username), ip_key(ip))


def begin_header_attempt(ip: str | None) -> Attempt | Wait:
    """Count an attempt that shows the headers of a proxy, as `begin_attempt` does, by address only.

    It is counted apart from attempts with a password, which many at this address may have.
    """
    key = _header_key(ip)
    return _begin_in_time(key, key)


def _begin_in_time(name: str, address: str) -> Attempt | Wait:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = _begin(name, address)
        if isinstance(answer, Attempt) or not answer.may_pass or time.monotonic() > give_up:
            return answer
        # When a class signs in at nine o'clock behind one address, most attempts will succeed.
        time.sleep(random.uniform(0.05, 0.2))  # noqa: S311 - not a secret


def attempt_succeeded(attempt: Attempt) -> None:
    """Store that the password was right, and delete attempts that no rule looks at any more."""
    with separate_session() as session:
        session.execute(
            update(LoginAttempt)
            .where(LoginAttempt.id == attempt.id)
            .values(succeeded=True, decided=True)
        )
        session.execute(delete(LoginAttempt).where(obsolete_condition(utc_now())))


def attempt_failed(attempt: Attempt) -> None:
    """Store that the password was wrong."""
    with separate_session() as session:
        session.execute(
            update(LoginAttempt).where(LoginAttempt.id == attempt.id).values(decided=True)
        )


def attempt_undecided(attempt: Attempt) -> None:
    """Delete an attempt that was not decided, because the author's code failed."""
    with separate_session() as session:
        session.execute(delete(LoginAttempt).where(LoginAttempt.id == attempt.id))


def obsolete_condition(now: datetime) -> ColumnElement[bool]:
    """Return the SQL condition for attempts that no rule looks at any more."""
    # Each half names both columns of an index: every sign-in runs this among those of months.
    return (LoginAttempt.succeeded & (LoginAttempt.at < now - KNOWN_FOR)) | (
        ~LoginAttempt.succeeded & (LoginAttempt.at < now - 6 * WINDOW)
    )


def forget_failures(session: Session, username: str) -> int:
    """Delete a username's failed attempts in the caller's transaction, and return how many."""
    return _forget(session, LoginAttempt.username_key == username_key(username))


def forget_failures_at(session: Session, ip: str) -> int:
    """Delete an address's failed attempts in the caller's transaction, and return how many."""
    key = ip_key(ip)
    # The whole site of an address of IPv6 may have been blocked with it.
    keys = [key, *keys_of_site(key), _header_key(ip)]
    return _forget(session, LoginAttempt.ip_key.in_(keys))


def username_key(username: str) -> str:
    """Return the key of a username: a hash, because passwords get typed into that field too."""
    return hashlib.sha256(f"username:{canonical(username)}".encode(errors="replace")).hexdigest()


def _header_key(ip: str | None) -> str:
    return hashlib.sha256(f"headers:{ip_key(ip)}".encode()).hexdigest()


def _begin(name: str, ip: str) -> Attempt | Wait:
    with separate_session() as session:
        # One attempt at a time. On SQLite, the transaction holds the lock already.
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("LOCK TABLE login_attempts IN EXCLUSIVE MODE"))

        of_name, of_ip = LoginAttempt.username_key == name, LoginAttempt.ip_key == ip
        successes = (of_name, of_ip, LoginAttempt.succeeded)
        is_known = bool(
            session.scalar(
                select(LoginAttempt.id)
                .where(*successes, LoginAttempt.at > utc_now() - KNOWN_FOR)
                .limit(1)
            )
        )
        wait_if_wrong = 0
        if is_known:
            latest_success = select(func.max(LoginAttempt.id)).where(*successes).scalar_subquery()
            rule = and_(of_name, of_ip, ~LoginAttempt.stranger, LoginAttempt.id > latest_success)
            wait = _compute_wait(session, rule, FAILURES_WHERE_KNOWN)
            wait_if_wrong = _compute_wait(session, rule, FAILURES).seconds
        else:
            rules = [(of_name, FAILURES), (of_ip, FAILURES)]
            site = keys_of_site(ip)
            if site:
                rules.append((LoginAttempt.ip_key.in_(site), FAILURES * SHARE_OF_SITE))
            waits = [
                _compute_wait(session, and_(rule, LoginAttempt.stranger), allowed)
                for rule, allowed in rules
            ]
            # A wait that cannot end early decides.
            wait = max(
                waits, key=lambda each: (bool(each.seconds), not each.may_pass, each.seconds)
            )
        if wait.seconds:
            return wait

        attempt = LoginAttempt(username_key=name, ip_key=ip, stranger=not is_known, at=utc_now())
        session.add(attempt)
        session.flush()
        return Attempt(attempt.id, wait_if_wrong)


def _forget(session: Session, whose: ColumnElement[bool]) -> int:
    failures = delete(LoginAttempt).where(whose, ~LoginAttempt.succeeded)
    return len(session.scalars(failures.returning(LoginAttempt.id)).all())


def _compute_wait(session: Session, rule: ColumnElement[bool], allowed: int) -> Wait:
    now = utc_now()
    failures = session.execute(
        select(LoginAttempt.at, LoginAttempt.decided)
        .where(rule, ~LoginAttempt.succeeded, LoginAttempt.at > now - WINDOW)
        .order_by(LoginAttempt.at.desc())
        .limit(allowed)
    ).all()
    if len(failures) < allowed:
        return Wait(0)
    seconds = max(1, int((failures[-1].at + WINDOW - now).total_seconds()) + 1)
    return Wait(seconds, any(not f.decided and f.at > now - LONGEST_CHECK for f in failures))
