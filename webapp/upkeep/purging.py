"""The rows that `purge` removes, in small transactions so that nobody waits for long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, cast, delete, exists, false, func, not_, select
from sqlalchemy.orm import InstrumentedAttribute

from webapp.accounts.models import ApiToken, AuditEntry, LoginAttempt, LoginSession
from webapp.accounts.sessions.rows import expiry_condition
from webapp.accounts.throttle import obsolete_condition
from webapp.chats.deletion import CHATS_AT_ONCE, UNDO_SECONDS, purge_chats, was_deleted_before
from webapp.chats.models import Chat, SettingDefaults, Turn
from webapp.chats.unused_files import remove_unused_files, unused_condition
from webapp.config.settings import Settings
from webapp.database.engines import read_connection, utc_now, write_transaction
from webapp.engine.phases import TurnStatus
from webapp.files.models import File
from webapp.turns.rows import IS_HEARD

UNWRITTEN_FOR = timedelta(days=1)
# Until then, `tokens list` says when a token ended.
TOKENS_KEPT_FOR = timedelta(days=30)
# The rows of a small transaction, for tables with small rows.
SMALL_BATCH = 1_000
# How many rows one query over a whole table finds.
ROUND = 10_000
VISITOR = "session:"

Table = (
    type[Chat]
    | type[SettingDefaults]
    | type[LoginSession]
    | type[LoginAttempt]
    | type[ApiToken]
    | type[AuditEntry]
    | type[File]
)


@dataclass(frozen=True)
class Kind:
    """A kind of rows that may go: its name, its table, and the condition of its rows."""

    name: str
    table: Table
    which: ColumnElement[bool]

    @property
    def label(self) -> str:
        """Return the name on the terminal."""
        return self.name.replace("_", " ")


def list_kinds(settings: Settings) -> list[Kind]:
    """Return the kinds of rows that may go by now. No row is of two kinds."""
    now = utc_now()
    session_expired = expiry_condition(
        now,
        timedelta(hours=settings.session_idle_hours),
        timedelta(hours=settings.session_hours),
    )
    running = exists().where(Turn.chat_id == Chat.id, Turn.status == TurnStatus.RUNNING, IS_HEARD)
    rules = {
        "expired_chats": Chat.expires_at.is_not(None) & (Chat.expires_at <= now),
        "deleted_chats": was_deleted_before(now - timedelta(seconds=UNDO_SECONDS)),
        "chats_of_gone_visitors": _belongs_to_gone_visitor(Chat.owner, session_expired),
        "unwritten_chats": ~Chat.written & (Chat.created_at < now - UNWRITTEN_FOR) & ~running,
    }
    kinds = []
    earlier: ColumnElement[bool] = false()
    for name, rule in rules.items():
        kinds.append(Kind(name, Chat, rule & not_(earlier)))
        earlier = earlier | rule
    tokens_end = now - TOKENS_KEPT_FOR
    ended_token = (ApiToken.revoked_at < tokens_end) | (ApiToken.expires_at < tokens_end)
    too_old = AuditEntry.at < now - timedelta(days=settings.audit_days)
    return [
        *kinds,
        Kind(
            "settings_of_gone_visitors",
            SettingDefaults,
            _belongs_to_gone_visitor(SettingDefaults.owner, session_expired),
        ),
        Kind("expired_sessions", LoginSession, session_expired),
        Kind("ended_tokens", ApiToken, ended_token),
        Kind("login_attempts", LoginAttempt, obsolete_condition(now)),
        Kind("audit_entries", AuditEntry, too_old),
        # The last one: it also removes the contents of files that went with their chats.
        Kind("unused_files", File, unused_condition()),
    ]


def count_rows(kind: Kind) -> int:
    """Return the number of rows of a kind."""
    with read_connection() as connection:
        query = select(func.count()).select_from(kind.table).where(kind.which)
        return connection.scalar(query) or 0


def remove_rows(kind: Kind) -> int:
    """Delete all rows of a kind, and return their number."""
    if kind.table is Chat:
        return sum(_remove_chats(kind))
    if kind.table is File:
        return remove_unused_files()
    if kind.table is SettingDefaults:  # a row for each profile that they used
        with write_transaction() as connection:
            return connection.execute(delete(SettingDefaults).where(kind.which)).rowcount
    table: Any = kind.table  # each of the others has an id
    total, removed = 0, -1
    while removed:
        with write_transaction() as connection:
            query = select(table.id).where(kind.which).order_by(table.id).limit(SMALL_BATCH)
            # On PostgreSQL: a transaction that waits for nobody cannot be part of a deadlock.
            ids = list(connection.scalars(query.with_for_update(skip_locked=True)))
            removed = connection.execute(delete(table).where(table.id.in_(ids))).rowcount
        total += removed
    return total


def _belongs_to_gone_visitor(
    owner: InstrumentedAttribute[str], session_expired: ColumnElement[bool]
) -> ColumnElement[bool]:
    # Only one session can see a visitor's chats. The dashes go, since SQLite does not store them.
    session = func.replace(func.substr(owner, len(VISITOR) + 1), "-", "")
    alive = select(func.replace(cast(LoginSession.id, String), "-", "")).where(
        not_(session_expired)
    )
    return owner.startswith(VISITOR, autoescape=True) & session.not_in(alive)


def _remove_chats(kind: Kind) -> Iterator[int]:
    removed = -1
    while removed:
        removed = 0
        with read_connection() as connection:
            query = select(Chat.id).where(kind.which).limit(ROUND)
            found = list(connection.scalars(query))
        for start in range(0, len(found), CHATS_AT_ONCE):
            which = Chat.id.in_(found[start : start + CHATS_AT_ONCE]) & kind.which
            purged = -1
            while purged:
                with write_transaction() as connection:
                    purged = purge_chats(connection, which)
                removed += purged
        yield removed
