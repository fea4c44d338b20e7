"""Slowing down guesses: per user name and per address, counted in the database (R2-R4)."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Delete, and_, delete, func, select, text, update
from sqlalchemy.orm import Session

from webapp.accounts.models import LoginAttempt
from webapp.accounts.usernames import canonical
from webapp.database import short_session, utc_now

FAILURES = 10
FAILURES_WHERE_KNOWN = 50
WINDOW = timedelta(minutes=10)
UNKNOWN = "unknown"
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
class Blocked:
    """A try that was not let through, and how many seconds to wait."""

    seconds: int


def begin_attempt(username: str, ip: str | None) -> Attempt | Blocked:
    """Count a try before it is made, so that twenty at once count as twenty.

    Parameters
    ----------
    username:
        As it was typed.
    ip:
        The address of the browser; IPv6 counts by its /64 network.

    Returns
    -------
    `Blocked` after ten failures in ten minutes for this name or this address. An address from
    which this name has logged in before is counted apart from everybody else's, so a stranger's
    guesses cannot lock its owner out; and somebody there who forgot the password, or who shares
    the address, cannot either before fifty.
    """
    keys = (username_key(username), ip_key(ip))
    with short_session() as session:
        _one_at_a_time(session)
        known = _is_known(session, *keys)
        wait, late = _known_waits(session, *keys) if known else (_strangers_wait(session, *keys), 0)
        if wait:
            return Blocked(wait)
        attempt = LoginAttempt(
            username_key=keys[0], ip_key=keys[1], stranger=not known, at=utc_now()
        )
        session.add(attempt)
        session.flush()
        return Attempt(attempt.id, late)


def attempt_succeeded(attempt: Attempt) -> None:
    """Note that the try was right, and forget tries that no rule looks at any more."""
    with short_session() as session:
        session.execute(
            update(LoginAttempt).where(LoginAttempt.id == attempt.id).values(succeeded=True)
        )
        session.execute(_forgettable(utc_now()))


def attempt_undecided(attempt: Attempt) -> None:
    """Take back a try that nobody judged, because the author's code failed."""
    with short_session() as session:
        session.execute(delete(LoginAttempt).where(LoginAttempt.id == attempt.id))


def forget_failures(session: Session, username: str) -> int:
    """Unblock a user name in the caller's transaction, and return how many tries it had (R3)."""
    return _forget(session, LoginAttempt.username_key == username_key(username))


def forget_failures_at(session: Session, ip: str) -> int:
    """Unblock an address in the caller's transaction, and return how many tries it had (R3)."""
    return _forget(session, LoginAttempt.ip_key == ip_key(ip))


def username_key(username: str) -> str:
    """Return what a user name is counted under: a hash, since passwords get typed there too."""
    return hashlib.sha256(f"username:{canonical(username)}".encode(errors="replace")).hexdigest()


def ip_key(ip: str | None) -> str:
    """Return what an address is counted under."""
    try:
        address = ipaddress.ip_address(ip or "")
    except ValueError:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.ip_network((address.packed[:8] + bytes(8), 64)))
        address = address.ipv4_mapped
    return str(address)


def _forgettable(now: datetime) -> Delete:
    # Both halves name both columns of an index: every login runs this, among the logins of months.
    return delete(LoginAttempt).where(
        (LoginAttempt.succeeded & (LoginAttempt.at < now - KNOWN_FOR))
        | (~LoginAttempt.succeeded & (LoginAttempt.at < now - 6 * WINDOW))
    )


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


def _known_waits(session: Session, name: str, ip: str) -> tuple[int, int]:
    rule = _known_failures(name, ip)
    return _wait(session, rule, FAILURES_WHERE_KNOWN), _wait(session, rule, FAILURES)


def _strangers_wait(session: Session, name: str, ip: str) -> int:
    rules = (LoginAttempt.username_key == name, LoginAttempt.ip_key == ip)
    return max(_wait(session, and_(rule, LoginAttempt.stranger), FAILURES) for rule in rules)


def _wait(session: Session, rule: ColumnElement[bool], allowed: int) -> int:
    """Return the seconds until fewer than the allowed failures are left in the window."""
    now = utc_now()
    failures: list[datetime] = list(
        session.scalars(
            select(LoginAttempt.at)
            .where(rule, ~LoginAttempt.succeeded, LoginAttempt.at > now - WINDOW)
            .order_by(LoginAttempt.at.desc())
            .limit(allowed)
        )
    )
    if len(failures) < allowed:
        return 0
    return max(1, int((failures[-1] + WINDOW - now).total_seconds()) + 1)
