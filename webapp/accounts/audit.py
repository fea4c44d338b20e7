"""The audit trail: what an admin may have to account for, in the log and in the database.

One call does both, so the two cannot drift apart. The line in the log is always written; the entry
in the database is not worth a failure, so a request goes on without it when there is no database.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from flask import has_request_context, request
from sqlalchemy import bindparam, insert, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from webapp.accounts.addresses import IP_LIMIT, ip_key
from webapp.accounts.models import Account, AuditEntry
from webapp.accounts.usernames import canonical
from webapp.authoring.text import clean_text
from webapp.authoring.types import IDENTIFIER_LIMIT
from webapp.database.engines import utc_now, write_session, write_transaction
from webapp.web.errors import UNAVAILABLE, log_unavailable
from webapp.web.log import log_event

LOGIN_OK = "login.ok"
# Of one kind of refusal within a minute: for one user at one address, and for all of them.
REFUSALS_OF_ONE = 10
REFUSALS_OF_ALL = 100
A_MINUTE = timedelta(minutes=1)
TEXT_LIMIT = 200
READS = ("GET", "HEAD", "OPTIONS")
# Built once: building a statement takes longer than running it.
_NEW_ENTRY = insert(AuditEntry)
_LATELY = (
    select(AuditEntry.identifier, AuditEntry.ip)
    .where(AuditEntry.event == bindparam("of_event"), AuditEntry.at > bindparam("since"))
    .order_by(AuditEntry.at.desc())
    .limit(REFUSALS_OF_ALL)
)
_HAS_ACCOUNT = select(Account.username).where(
    Account.username.in_(bindparam("names", expanding=True))
)
_WAS_HERE = (
    select(AuditEntry.identifier)
    .where(
        AuditEntry.identifier.in_(bindparam("names", expanding=True)),
        AuditEntry.event == LOGIN_OK,
    )
    .limit(1)
)


@dataclass(frozen=True)
class Entry:
    """What has happened, to whom, and what else to know about it."""

    event: str
    identifier: str | None
    details: dict[str, object] = field(default_factory=dict)

    def log(self, level: int = logging.INFO) -> None:
        """Write the line of the log."""
        log_event(self.event, level=level, user=self.identifier, **self.details)

    def row(self) -> dict[str, object]:
        """Return the row of the audit trail."""
        address = request.remote_addr if has_request_context() else None
        return {
            "at": utc_now(),
            "event": self.event,
            "identifier": clean_text(self.identifier or "")[:IDENTIFIER_LIMIT] or None,
            "ip": clean_text(address or "")[:IP_LIMIT] or None,
            "details": {key: _storable(value) for key, value in self.details.items()},
        }


class AuditedTransaction:
    """A write transaction whose entries are stored with it, and logged once it is committed."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.entries: list[Entry] = []

    def record(self, event: str, identifier: str | None, **details: object) -> None:
        """Record what this transaction does."""
        self.entries.append(self._stored(Entry(event, identifier, details)))

    def record_part(self, event: str, identifier: str, **details: object) -> None:
        """Record one of the many things that this transaction does; its log has one line for all
        of them."""
        self._stored(Entry(event, identifier, details))

    def roll_back(self) -> None:
        """Undo all that was done, and record nothing of it."""
        self.session.rollback()
        self.entries.clear()

    def _stored(self, entry: Entry) -> Entry:
        self.session.add(AuditEntry(**entry.row()))
        return entry


def record(event: str, identifier: str | None, **details: object) -> None:
    """Record something that has happened, in a transaction of its own.

    Nothing is stored for a request that only reads (R24), nor while the database is away; the log
    has it in any case. Not to be called within a write transaction: that is what
    `audited_transaction` is for.

    Parameters
    ----------
    event:
        A dotted word as in the log, such as ``login.ok``, of at most 40 characters.
    identifier:
        Whom it is about.
    details:
        What else to know. Never a password, cookie, token or message text (R51).
    """
    entry = Entry(event, identifier, details)
    entry.log()
    with _unless_it_only_reads() as rows:
        if rows is not None:
            rows.execute(_NEW_ENTRY, entry.row())


def record_refusal(
    event: str, identifier: str | None, *, level: int = logging.WARNING, **details: object
) -> None:
    """Record that somebody was refused, as `record` does, but not without end.

    Whoever is refused again and again fills the log, which is rotated; in the database, a few in a
    minute tell as much.
    """
    _refuse(Entry(event, identifier, details), level)


def record_refused_login(event: str, typed: str) -> None:
    """Record a login that was refused, for a user name as it was typed.

    People type passwords where the name goes. So the audit trail has the name only if it is one
    for certain: of an account, or of somebody who has logged in before. A hash would not do, since
    what a person can remember can be guessed from it.
    """
    _refuse(Entry(event, typed), logging.WARNING, is_name=False)


@contextmanager
def audited_transaction() -> Iterator[AuditedTransaction]:
    """Yield a write transaction of the request's session that records what it does."""
    with write_session() as session:
        transaction = AuditedTransaction(session)
        yield transaction
    for entry in transaction.entries:
        entry.log()


def _refuse(entry: Entry, level: int, *, is_name: bool = True) -> None:
    entry.log(level)
    with _unless_it_only_reads() as rows:
        if rows is None:
            return
        row = entry.row()
        if not is_name:
            row["identifier"] = _known(rows, entry.identifier or "")
        if not _is_too_much(rows, row):
            rows.execute(_NEW_ENTRY, row)


@contextmanager
def _unless_it_only_reads() -> Iterator[Connection | None]:
    if has_request_context() and request.method in READS:
        yield None
        return
    try:
        with write_transaction() as connection:
            yield connection
    except UNAVAILABLE as error:
        log_unavailable(error)


def _known(connection: Connection, typed: str) -> str | None:
    names = {"names": sorted({clean_text(typed)[:IDENTIFIER_LIMIT], canonical(typed)})}
    has_account: str | None = connection.scalar(_HAS_ACCOUNT, names)
    # Asked in both cases, which take the same time so (R1).
    was_here: str | None = connection.scalar(_WAS_HERE, names)
    return has_account or was_here


def _is_too_much(connection: Connection, row: dict[str, object]) -> bool:
    lately = connection.execute(
        _LATELY, {"of_event": row["event"], "since": utc_now() - A_MINUTE}
    ).all()
    own = (row["identifier"], _address(row["ip"]))
    same = sum(1 for each in lately if (each.identifier, _address(each.ip)) == own)
    return same >= REFUSALS_OF_ONE or len(lately) >= REFUSALS_OF_ALL


def _address(ip: object) -> str:
    # As the throttle counts: a host has a whole network of addresses in IPv6.
    return ip_key(str(ip))


def _storable(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    return clean_text(str(value))[:TEXT_LIMIT]
