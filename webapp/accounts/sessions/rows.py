"""The rows of login sessions: found, made, merged, and deleted.

Only the hash of an id is stored, ids are never reused, and a row that was deleted stays deleted.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import request
from sqlalchemy import ColumnElement, bindparam, delete, insert, or_, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from webapp.accounts.addresses import IP_LIMIT
from webapp.accounts.models import LoginSession
from webapp.authoring.text import clean_text
from webapp.database.engines import read_connection, utc_now, write_transaction

TOKEN_BYTES = 32
USER_AGENT_LIMIT = 200
# Built once: every request asks this, and building the question takes longer than the answer.
_FIND = select(
    LoginSession.id, LoginSession.identifier, LoginSession.seen_at, LoginSession.data
).where(
    LoginSession.token_hash == bindparam("hash"),
    LoginSession.seen_at > bindparam("seen_after"),
    LoginSession.created_at > bindparam("created_after"),
)
_ALIVE = select(LoginSession.id).where(
    LoginSession.id == bindparam("row"),
    LoginSession.seen_at > bindparam("seen_after"),
    LoginSession.created_at > bindparam("created_after"),
)

# Asked in the transaction that stores a session.
Condition = Callable[[Connection], bool]


class NotAllowedAnyMoreError(Exception):
    """What was true when a login was checked is not true when its session is stored."""


@dataclass(frozen=True)
class StoredSession:
    """The part of a row that a request needs."""

    id: uuid.UUID
    identifier: str | None
    seen_at: datetime
    data: dict[str, Any]


class SessionRows:
    """The rows that are alive: used within ``idle``, and not older than ``absolute`` (R12)."""

    def __init__(self, idle: timedelta, absolute: timedelta) -> None:
        self._idle = idle
        self._absolute = absolute

    def find(self, token: str) -> StoredSession | None:
        """Return the row of an id, if it is alive."""
        now = utc_now()
        limits = {"seen_after": now - self._idle, "created_after": now - self._absolute}
        with read_connection() as connection:
            found = connection.execute(_FIND, {"hash": _hashed(token), **limits}).one_or_none()
        return StoredSession(*found) if found else None

    def is_alive(self, row_id: uuid.UUID) -> bool:
        """Say whether a session has neither ended nor expired; it is not used by being asked."""
        now = utc_now()
        limits = {"seen_after": now - self._idle, "created_after": now - self._absolute}
        with read_connection() as connection:
            return connection.execute(_ALIVE, {"row": row_id, **limits}).first() is not None

    def insert(
        self,
        values: dict[str, Any],
        identifier: str | None,
        replaces: StoredSession | None = None,
        allowed: Condition | None = None,
    ) -> tuple[StoredSession, str]:
        """Make a row, drop those that have expired, and return it with its fresh id.

        Raises
        ------
        NotAllowedAnyMoreError
            When ``allowed`` says no, asked in the same transaction.
        """
        token = secrets.token_urlsafe(TOKEN_BYTES)
        row = _new_row(token, values, identifier)
        with write_transaction() as writer:
            if allowed is not None and not allowed(writer):
                raise NotAllowedAnyMoreError
            writer.execute(self._expired(replaces.id if replaces else None))
            writer.execute(insert(LoginSession), row)
        return StoredSession(row["id"], identifier, row["seen_at"], values), token

    def _expired(self, replaced: uuid.UUID | None) -> Any:
        over = where_expired(utc_now(), self._idle, self._absolute)
        # `id IS NULL` for want of one would keep the indexes of the others from being used.
        which = over if replaced is None else or_(over, LoginSession.id == replaced)
        return delete(LoginSession).where(which)


def where_expired(now: datetime, idle: timedelta, absolute: timedelta) -> ColumnElement[bool]:
    """Return which sessions are over by now (R12)."""
    return or_(LoginSession.seen_at <= now - idle, LoginSession.created_at <= now - absolute)


def remove(row_id: uuid.UUID) -> None:
    """Delete a row."""
    with write_transaction() as writer:
        writer.execute(delete(LoginSession).where(LoginSession.id == row_id))


def merge(row_id: uuid.UUID, changes: dict[str, Any]) -> None:
    """Write changed keys over what is there by now, since two requests may overlap.

    ``None`` takes a key out. A row that was deleted in the meantime stays deleted.
    """
    with write_transaction() as writer:
        merged = _merged(writer, row_id, changes)
        if merged is not None:
            writer.execute(_seen_now(row_id).values(data=merged))


def rotate(
    row_id: uuid.UUID, changes: dict[str, Any], allowed: Condition
) -> tuple[dict[str, Any], str]:
    """Give a row a fresh id in the place of the old one, and return its values and that id (R9).

    It stays the same row, so chats and streams of this browser go on.

    Raises
    ------
    NotAllowedAnyMoreError
        When ``allowed`` says no, asked in the same transaction, or the session has ended.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with write_transaction() as writer:
        merged = _merged(writer, row_id, changes) if allowed(writer) else None
        if merged is None:
            raise NotAllowedAnyMoreError
        writer.execute(_seen_now(row_id).values(data=merged, token_hash=_hashed(token)))
    return merged, token


def touch(row_id: uuid.UUID) -> None:
    """Note that a session was used."""
    with write_transaction() as writer:
        writer.execute(_seen_now(row_id))


def end_sessions_of(writer: Session, identifier: str) -> int:
    """Delete every session of a user in the caller's transaction, and return how many (R14)."""
    theirs = delete(LoginSession).where(LoginSession.identifier == identifier)
    return len(writer.scalars(theirs.returning(LoginSession.id)).all())


def _new_row(token: str, values: dict[str, Any], identifier: str | None) -> dict[str, Any]:
    now = utc_now()
    return {
        "id": uuid.uuid4(),
        "token_hash": _hashed(token),
        "identifier": identifier,
        "data": values,
        # Both as far as they can be stored: a proxy that is set up wrongly passes on anything.
        "user_agent": clean_text(request.headers.get("User-Agent", ""))[:USER_AGENT_LIMIT] or None,
        "ip": clean_text(request.remote_addr or "")[:IP_LIMIT] or None,
        "created_at": now,
        "seen_at": now,
    }


def _merged(
    writer: Connection, row_id: uuid.UUID, changes: dict[str, Any]
) -> dict[str, Any] | None:
    current = writer.execute(
        select(LoginSession.data).where(LoginSession.id == row_id).with_for_update()
    ).scalar_one_or_none()
    if current is None:
        return None
    return {k: v for k, v in {**current, **changes}.items() if v is not None}


def _seen_now(row_id: uuid.UUID) -> Any:
    return update(LoginSession).where(LoginSession.id == row_id).values(seen_at=utc_now())


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
