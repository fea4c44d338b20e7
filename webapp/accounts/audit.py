"""The audit trail: what an administrator may have to account for, in the log and in the database.

One call writes both, so they cannot drift apart. The line in the log is always written. The entry
in the database is not worth a failure, so a request goes on without it if there is no database.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from flask import has_request_context, request
from sqlalchemy import bindparam, insert, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from webapp.accounts.addresses import IP_LIMIT, ip_key
from webapp.accounts.models import Account, AuditEntry
from webapp.accounts.usernames import canonical
from webapp.authoring.text import clean_text
from webapp.authoring.users.user import IDENTIFIER_LIMIT
from webapp.database.engines import utc_now, write_session, write_transaction
from webapp.web.errors import UNAVAILABLE, log_unavailable
from webapp.web.log import log_event

LOGIN_OK = "login.ok"
# How many refusals of one kind are stored in a minute: for one user at one address, and in all.
REFUSALS_OF_ONE = 10
REFUSALS_OF_ALL = 100
A_MINUTE = timedelta(minutes=1)
TEXT_LIMIT = 200
READS = ("GET", "HEAD", "OPTIONS")
# Built once: building a statement takes longer than running it.
_NEW_ENTRY = insert(AuditEntry)
_RECENT = (
    select(AuditEntry.identifier, AuditEntry.ip)
    .where(AuditEntry.event == bindparam("event"), AuditEntry.at > bindparam("since"))
    .order_by(AuditEntry.at.desc())
    .limit(REFUSALS_OF_ALL)
)
_HAS_ACCOUNT = select(Account.username).where(
    Account.username.in_(bindparam("usernames", expanding=True))
)
_HAS_SIGNED_IN = (
    select(AuditEntry.identifier)
    .where(
        AuditEntry.identifier.in_(bindparam("usernames", expanding=True)),
        AuditEntry.event == LOGIN_OK,
    )
    .limit(1)
)


@dataclass(frozen=True)
class Entry:
    """An event, the user it is about, and its details."""

    event: str
    identifier: str | None
    details: dict[str, object] = field(default_factory=dict)

    def log(self, level: int = logging.INFO) -> None:
        log_event(self.event, level=level, user=self.identifier, **self.details)

    def row(self) -> dict[str, object]:
        address = request.remote_addr if has_request_context() else None
        return {
            "at": utc_now(),
            "event": self.event,
            "identifier": clean_text(self.identifier or "")[:IDENTIFIER_LIMIT] or None,
            "ip": clean_text(address or "")[:IP_LIMIT] or None,
            "details": {
                key: value
                if value is None or isinstance(value, bool | int | float)
                else clean_text(str(value))[:TEXT_LIMIT]
                for key, value in self.details.items()
            },
        }


class AuditedTransaction:
    """A write transaction whose entries are stored with it, and logged once it is committed."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.entries: list[Entry] = []

    def record(self, event: str, identifier: str | None, **details: object) -> None:
        """Store an entry with this transaction, and log it once the transaction is committed."""
        entry = Entry(event, identifier, details)
        self.session.add(AuditEntry(**entry.row()))
        self.entries.append(entry)

    def record_part(self, event: str, identifier: str, **details: object) -> None:
        """Store an entry without a line in the log, where one line stands for many of them."""
        self.session.add(AuditEntry(**Entry(event, identifier, details).row()))

    def roll_back(self) -> None:
        """Undo everything that the transaction did, and record none of it."""
        self.session.rollback()
        self.entries.clear()


def record(event: str, identifier: str | None, **details: object) -> None:
    """Record an event in a transaction of its own.

    A request that only reads stores nothing, and neither does one that finds the database away.
    The log has the event in any case. Within a write transaction, use `audited_transaction`.

    Parameters
    ----------
    event:
        A dotted word as in the log, such as ``login.ok``, of at most 40 characters.
    identifier:
        The user it is about.
    details:
        What else to know. Never a password, cookie, token or message text.
    """
    entry = Entry(event, identifier, details)
    entry.log()
    _write(lambda connection: connection.execute(_NEW_ENTRY, entry.row()))


def record_refusal(
    event: str, identifier: str | None, *, level: int = logging.WARNING, **details: object
) -> None:
    """Record a refusal as `record` does, with a limit on how many are stored.

    Repeated refusals may fill the log, which is rotated. In the database, a few in a minute show as
    much.
    """
    _record_refusal(Entry(event, identifier, details), level)


def record_refused_login(event: str, typed: str) -> None:
    """Record a refused attempt to sign in, for a username as it was typed.

    People type passwords into the username field. So the log and the audit trail have the name only
    if it certainly is one: that of an account, or of someone who has signed in before. A hash would
    not help, because a password that a person can remember can be guessed from its hash.
    """
    _record_refusal(Entry(event, None), logging.WARNING, typed)


@contextmanager
def audited_transaction() -> Iterator[AuditedTransaction]:
    """Yield a write transaction of the request's session that stores and logs audit entries."""
    with write_session() as session:
        transaction = AuditedTransaction(session)
        yield transaction
    for entry in transaction.entries:
        entry.log()


def _record_refusal(entry: Entry, level: int, typed: str | None = None) -> None:
    certain = entry

    def store(connection: Connection) -> None:
        nonlocal certain
        if typed is not None:
            names = {"usernames": sorted({clean_text(typed)[:IDENTIFIER_LIMIT], canonical(typed)})}
            account = connection.scalar(_HAS_ACCOUNT, names)
            # Both queries run in every case, so the time does not show whether there is an account.
            signed_in = connection.scalar(_HAS_SIGNED_IN, names)
            certain = replace(entry, identifier=account or signed_in)

        row, since = certain.row(), utc_now() - A_MINUTE
        recent = connection.execute(_RECENT, {"event": row["event"], "since": since}).all()
        source = (row["identifier"], _address(row["ip"]))
        same = sum(1 for each in recent if (each.identifier, _address(each.ip)) == source)
        if same < REFUSALS_OF_ONE and len(recent) < REFUSALS_OF_ALL:
            connection.execute(_NEW_ENTRY, row)

    try:
        _write(store)
    finally:
        certain.log(level)


def _write(store: Callable[[Connection], object]) -> None:
    """Call ``store`` in a transaction, unless the request only reads or the database is away."""
    if has_request_context() and request.method in READS:
        return
    try:
        with write_transaction() as connection:
            store(connection)
    except UNAVAILABLE as error:
        log_unavailable(error)


def _address(ip: object) -> str:
    # As the throttle counts: in IPv6, one host has a whole network of addresses.
    return ip_key(str(ip))
