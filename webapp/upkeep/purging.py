"""What may go, and its going: in small transactions, so that nobody waits for them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import ColumnElement, String, cast, delete, exists, func, not_, select

from webapp.accounts.models import AuditEntry, LoginAttempt, LoginSession
from webapp.accounts.sessions.rows import expired
from webapp.accounts.throttle import forgettable
from webapp.chats.deletion import CHATS_AT_ONCE, UNDO_SECONDS, deleted_before, forget_chats
from webapp.chats.models import Chat, Turn
from webapp.config import Settings
from webapp.database.engines import read_connection, utc_now, write_transaction
from webapp.engine.work import RUNNING
from webapp.turns.rows import ALIVE

UNWRITTEN_FOR = timedelta(days=1)
# Of what hangs on nothing and has little in it.
SMALL_BATCH = 1_000
# So many are found by one look at a whole table.
ROUND = 10_000
VISITOR = "session:"

Table = type[Chat] | type[LoginSession] | type[LoginAttempt] | type[AuditEntry]


@dataclass(frozen=True)
class Kind:
    """A kind of rows that may go: what they are called, in which table they are, and which."""

    name: str
    table: Table
    which: ColumnElement[bool]

    @property
    def label(self) -> str:
        """Return what they are called on the terminal."""
        return self.name.replace("_", " ")


def kinds(settings: Settings) -> list[Kind]:
    """Return what may go by now; no row is of two kinds."""
    now = utc_now()
    over = expired(
        now,
        timedelta(hours=settings.session_idle_hours),
        timedelta(hours=settings.session_hours),
    )
    old = AuditEntry.at < now - timedelta(days=settings.audit_days)
    return [
        *_chats(now, over),
        Kind("expired_sessions", LoginSession, over),
        Kind("login_attempts", LoginAttempt, forgettable(now)),
        Kind("audit_entries", AuditEntry, old),
    ]


def count(kind: Kind) -> int:
    """Return how many rows of a kind there are."""
    with read_connection() as connection:
        found = select(func.count()).select_from(kind.table).where(kind.which)
        return connection.scalar(found) or 0


def remove(kind: Kind) -> int:
    """Delete all rows of a kind, and return how many went."""
    if kind.table is Chat:
        return sum(_chats_removed(kind))
    return sum(iter(lambda: _some_removed(kind), 0))


def _chats(now: datetime, session_is_over: ColumnElement[bool]) -> Iterator[Kind]:
    rules = {
        "expired_chats": Chat.expires_at.is_not(None) & (Chat.expires_at <= now),
        "deleted_chats": deleted_before(now - timedelta(seconds=UNDO_SECONDS)),
        "chats_of_gone_visitors": _is_of_gone_visitor(session_is_over),
        "unwritten_chats": _is_left_unwritten(now),
    }
    earlier: list[ColumnElement[bool]] = []
    for name, rule in rules.items():
        yield Kind(name, Chat, rule & not_(_any(earlier)) if earlier else rule)
        earlier.append(rule)


def _any(rules: list[ColumnElement[bool]]) -> ColumnElement[bool]:
    first, *others = rules
    for other in others:
        first |= other
    return first


def _is_of_gone_visitor(session_is_over: ColumnElement[bool]) -> ColumnElement[bool]:
    # A visitor's chats can be seen from one session only. Without the dashes, which SQLite does
    # not store.
    session = func.replace(func.substr(Chat.owner, len(VISITOR) + 1), "-", "")
    alive = select(func.replace(cast(LoginSession.id, String), "-", "")).where(
        not_(session_is_over)
    )
    return Chat.owner.startswith(VISITOR, autoescape=True) & session.not_in(alive)


def _is_left_unwritten(now: datetime) -> ColumnElement[bool]:
    running = exists().where(
        Turn.chat_id == Chat.id, Turn.status == RUNNING, Turn.seen_at > now - ALIVE
    )
    return ~Chat.written & (Chat.created_at < now - UNWRITTEN_FOR) & ~running


def _chats_removed(kind: Kind) -> Iterator[int]:
    gone = -1
    while gone:
        gone = 0
        found = _found(kind)
        for start in range(0, len(found), CHATS_AT_ONCE):
            ids = found[start : start + CHATS_AT_ONCE]
            which = Chat.id.in_(ids) & kind.which
            gone += sum(iter(partial(_some_forgotten, which), 0))
        yield gone


def _some_forgotten(which: ColumnElement[bool]) -> int:
    with write_transaction() as connection:
        return forget_chats(connection, which)


def _found(kind: Kind) -> list[uuid.UUID]:
    with read_connection() as connection:
        return list(connection.scalars(select(Chat.id).where(kind.which).limit(ROUND)))


def _some_removed(kind: Kind) -> int:
    table = kind.table
    with write_transaction() as connection:
        found = select(table.id).where(kind.which).order_by(table.id).limit(SMALL_BATCH)
        # On PostgreSQL: whoever waits for nobody can wait with nobody in a circle.
        ids = list(connection.scalars(found.with_for_update(skip_locked=True)))
        return connection.execute(delete(table).where(table.id.in_(ids))).rowcount
