"""Slowing down guesses: per user name and per address, counted in the database (R2-R4)."""

from __future__ import annotations

import hashlib
import random
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, func, select, text, update
from sqlalchemy.orm import Session

from webapp.accounts.addresses import ip_key
from webapp.accounts.models import LoginAttempt
from webapp.accounts.usernames import canonical
from webapp.database.engines import separate_session, utc_now

FAILURES = 10
FAILURES_WHERE_KNOWN = 50
WINDOW = timedelta(minutes=10)
# Whoever judges a try has ended by then, or died.
JUDGING = timedelta(seconds=60)
PATIENCE_SECONDS = 3.0
KNOWN_FOR = timedelta(days=90)


@dataclass(frozen=True)
class Attempt:
    """A try that was let through; it counts as failed until it is said to have succeeded.

    ``late`` is 0, or the seconds to wait if the password turns out to be wrong: after too many
    failures at an address where this user is known, only the right one is still taken.
    """

    id: int
    late: int = 0


@dataclass(frozen=True)
class Wait:
    """A try that was not let through, and how many seconds to wait.

    ``may_pass`` says that tries which are being judged at this moment count among the failures.
    """

    seconds: int
    may_pass: bool = False


def begin_attempt(username: str, ip: str | None) -> Attempt | Wait:
    """Count a try before it is made, so that twenty at once count as twenty.

    Parameters
    ----------
    username:
        As it was typed.
    ip:
        The address of the browser; IPv6 counts by its /64 network.

    Returns
    -------
    `Wait` after ten failures in ten minutes for this name or this address. An address from
    which this name has logged in before is counted apart from everybody else's, so a stranger's
    guesses cannot lock its owner out; and somebody there who forgot the password, or who shares
    the address, cannot either before fifty.
    """
    keys = (username_key(username), ip_key(ip))
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        answer = _begin(*keys)
        if isinstance(answer, Attempt) or not answer.may_pass or time.monotonic() > give_up:
            return answer
        # A class that logs in at nine o'clock, behind one address: most of them will be right.
        time.sleep(random.uniform(0.05, 0.2))  # noqa: S311 - not a secret


def attempt_succeeded(attempt: Attempt) -> None:
    """Note that the try was right, and forget tries that no rule looks at any more."""
    with separate_session() as session:
        session.execute(
            update(LoginAttempt)
            .where(LoginAttempt.id == attempt.id)
            .values(succeeded=True, decided=True)
        )
        session.execute(delete(LoginAttempt).where(where_forgettable(utc_now())))


def attempt_failed(attempt: Attempt) -> None:
    """Note that the try was wrong."""
    with separate_session() as session:
        session.execute(
            update(LoginAttempt).where(LoginAttempt.id == attempt.id).values(decided=True)
        )


def attempt_undecided(attempt: Attempt) -> None:
    """Take back a try that nobody judged, because the author's code failed."""
    with separate_session() as session:
        session.execute(delete(LoginAttempt).where(LoginAttempt.id == attempt.id))


def where_forgettable(now: datetime) -> ColumnElement[bool]:
    """Return which tries no rule looks at any more."""
    # Both halves name both columns of an index: every login asks this, among the logins of months.
    return (LoginAttempt.succeeded & (LoginAttempt.at < now - KNOWN_FOR)) | (
        ~LoginAttempt.succeeded & (LoginAttempt.at < now - 6 * WINDOW)
    )


def forget_failures(session: Session, username: str) -> int:
    """Unblock a user name in the caller's transaction, and return how many tries it had (R3)."""
    return _forget(session, LoginAttempt.username_key == username_key(username))


def forget_failures_at(session: Session, ip: str) -> int:
    """Unblock an address in the caller's transaction, and return how many tries it had (R3)."""
    return _forget(session, LoginAttempt.ip_key == ip_key(ip))


def username_key(username: str) -> str:
    """Return what a user name is counted under: a hash, since passwords get typed there too."""
    return hashlib.sha256(f"username:{canonical(username)}".encode(errors="replace")).hexdigest()


def _begin(name: str, ip: str) -> Attempt | Wait:
    with separate_session() as session:
        _one_at_a_time(session)
        known = _is_known(session, name, ip)
        late = 0
        if known:
            rule = _known_failures(name, ip)
            blocked = _blocked(session, rule, FAILURES_WHERE_KNOWN)
            late = _blocked(session, rule, FAILURES).seconds
        else:
            blocked = _blocked_as_stranger(session, name, ip)
        if blocked.seconds:
            return blocked
        attempt = LoginAttempt(username_key=name, ip_key=ip, stranger=not known, at=utc_now())
        session.add(attempt)
        session.flush()
        return Attempt(attempt.id, late)


def _forget(session: Session, whose: ColumnElement[bool]) -> int:
    failures = delete(LoginAttempt).where(whose, ~LoginAttempt.succeeded)
    return len(session.scalars(failures.returning(LoginAttempt.id)).all())


def _one_at_a_time(session: Session) -> None:
    # SQLite's transaction has the lock already.
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE login_attempts IN EXCLUSIVE MODE"))


def _is_known(session: Session, name: str, ip: str) -> bool:
    return bool(
        session.scalar(
            select(LoginAttempt.id)
            .where(
                LoginAttempt.username_key == name,
                LoginAttempt.ip_key == ip,
                LoginAttempt.succeeded,
                LoginAttempt.at > utc_now() - KNOWN_FOR,
            )
            .limit(1)
        )
    )


def _known_failures(name: str, ip: str) -> ColumnElement[bool]:
    latest_success = (
        select(func.max(LoginAttempt.id))
        .where(LoginAttempt.username_key == name, LoginAttempt.ip_key == ip, LoginAttempt.succeeded)
        .scalar_subquery()
    )
    return and_(
        LoginAttempt.username_key == name,
        LoginAttempt.ip_key == ip,
        ~LoginAttempt.stranger,
        LoginAttempt.id > latest_success,
    )


def _blocked_as_stranger(session: Session, name: str, ip: str) -> Wait:
    rules = (LoginAttempt.username_key == name, LoginAttempt.ip_key == ip)
    found = [_blocked(session, and_(rule, LoginAttempt.stranger), FAILURES) for rule in rules]
    # One that has to wait in any case decides.
    return max(found, key=lambda each: (bool(each.seconds), not each.may_pass, each.seconds))


def _blocked(session: Session, rule: ColumnElement[bool], allowed: int) -> Wait:
    """Return the wait until fewer than the allowed failures are left in the window; 0 for none."""
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
    return Wait(seconds, any(not f.decided and f.at > now - JUDGING for f in failures))
