"""The rows of login sessions.

Only the hash of an id is stored. Ids are never reused, and a deleted row stays deleted.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import request
from sqlalchemy import ColumnElement, Text, bindparam, cast, delete, insert, or_, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from webapp.accounts.addresses import IP_LIMIT
from webapp.accounts.models import LoginSession
from webapp.authoring.text import clean_text
from webapp.database.engines import read_connection, utc_now, write_transaction

TOKEN_BYTES = 32
USER_AGENT_LIMIT = 200
# The values as they are stored, without their objects.
_JSON = cast(LoginSession.data, Text)
# Built once: building a statement takes longer than running it, and every request runs this one.
_FIND = select(
    LoginSession.id, LoginSession.identifier, LoginSession.seen_at, _JSON.label("json")
).where(
    LoginSession.token_hash == bindparam("token_hash"),
    LoginSession.seen_at > bindparam("seen_after"),
    LoginSession.created_at > bindparam("created_after"),
)
_ALIVE = select(LoginSession.id).where(
    LoginSession.id.in_(bindparam("session_ids", expanding=True)),
    LoginSession.seen_at > bindparam("seen_after"),
    LoginSession.created_at > bindparam("created_after"),
)
_THIS = LoginSession.id == bindparam("row_id")
_LOCK_DATA = select(LoginSession.data).where(_THIS).with_for_update()
_UPDATE_DATA = (
    update(LoginSession).where(_THIS).values(data=bindparam("new_data"), seen_at=bindparam("now"))
)
_UPDATE_UNCHANGED = _UPDATE_DATA.where(bindparam("before") == _JSON)

# Checked in the transaction that stores a session.
Condition = Callable[[Connection], bool]


class NotAllowedAnyMoreError(Exception):
    """An attempt to sign in was accepted, but is not allowed when its session is stored."""


@dataclass(frozen=True, kw_only=True)
class StoredSession:
    """The columns of a row that a request needs."""

    id: uuid.UUID
    identifier: str | None
    seen_at: datetime


class SessionRows:
    """The rows that are alive: used within ``idle``, and not older than ``absolute``."""

    def __init__(self, idle: timedelta, absolute: timedelta) -> None:
        self._idle = idle
        self._absolute = absolute

    def find(self, token: str) -> tuple[StoredSession, str] | None:
        """Return the row of a session id and its values as JSON, if it is alive."""
        now = utc_now()
        limits = {"seen_after": now - self._idle, "created_after": now - self._absolute}
        with read_connection() as connection:
            found = connection.execute(_FIND, {"token_hash": _hash_token(token), **limits}).first()
        if found is None:
            return None
        stored = StoredSession(id=found.id, identifier=found.identifier, seen_at=found.seen_at)
        return stored, found.json

    def find_alive(self, row_ids: set[uuid.UUID]) -> set[uuid.UUID]:
        """Return which sessions have neither ended nor expired. This does not count as a use."""
        now = utc_now()
        limits = {"seen_after": now - self._idle, "created_after": now - self._absolute}
        with read_connection() as connection:
            found = connection.execute(_ALIVE, {"session_ids": list(row_ids), **limits})
            return set(found.scalars())

    def insert(
        self,
        values: dict[str, Any],
        identifier: str | None,
        replaces: StoredSession | None = None,
        allowed: Condition | None = None,
    ) -> tuple[StoredSession, str]:
        """Insert a row, delete those that have expired, and return it with its new session id.

        Raises
        ------
        NotAllowedAnyMoreError
            ``allowed`` returned false in the same transaction.
        """
        token, now = secrets.token_urlsafe(TOKEN_BYTES), utc_now()
        user_agent = clean_text(request.headers.get("User-Agent", ""))[:USER_AGENT_LIMIT]
        # The address too is cleaned: a proxy that is set up wrongly can pass on any text.
        ip = clean_text(request.remote_addr or "")[:IP_LIMIT]
        row_id = uuid.uuid4()
        row = {
            "id": row_id,
            "token_hash": _hash_token(token),
            "identifier": identifier,
            "data": values,
            "user_agent": user_agent or None,
            "ip": ip or None,
            "created_at": now,
            "seen_at": now,
        }
        # Without a row to replace, `id IS NULL` would keep the other indexes from being used.
        unwanted = expiry_condition(now, self._idle, self._absolute)
        if replaces is not None:
            unwanted = or_(unwanted, LoginSession.id == replaces.id)
        with write_transaction() as connection:
            if allowed is not None and not allowed(connection):
                raise NotAllowedAnyMoreError
            connection.execute(delete(LoginSession).where(unwanted))
            connection.execute(insert(LoginSession), row)
        return StoredSession(id=row_id, identifier=identifier, seen_at=now), token


def expiry_condition(now: datetime, idle: timedelta, absolute: timedelta) -> ColumnElement[bool]:
    """Return the SQL condition for sessions that have expired."""
    return or_(LoginSession.seen_at <= now - idle, LoginSession.created_at <= now - absolute)


def remove(row_id: uuid.UUID) -> None:
    with write_transaction() as connection:
        connection.execute(delete(LoginSession).where(LoginSession.id == row_id))


def merge(
    connection: Connection, row_id: uuid.UUID, changes: dict[str, Any], *, before: str
) -> None:
    """Merge changed keys into the stored values, because two requests may overlap.

    ``None`` removes a key. A row that was deleted in the meantime stays deleted.

    Parameters
    ----------
    before:
        The values as this request has read them, as JSON. If they are still stored, which is
        likely, one statement is enough.
    """
    likely = _merged(json.loads(before), changes)
    which = {"row_id": row_id, "new_data": likely, "now": utc_now(), "before": before}
    if connection.execute(_UPDATE_UNCHANGED, which).rowcount:
        return
    merged = _merge_values(connection, row_id, changes)
    if merged is not None:
        connection.execute(_UPDATE_DATA, {**which, "new_data": merged})


def rotate(
    row_id: uuid.UUID, changes: dict[str, Any], allowed: Condition
) -> tuple[dict[str, Any], str]:
    """Replace the session id of a row, and return its values and the new id.

    The row stays the same, so chats and streams of this browser continue.

    Raises
    ------
    NotAllowedAnyMoreError
        ``allowed`` returned false in the same transaction, or the session has ended.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with write_transaction() as connection:
        merged = _merge_values(connection, row_id, changes) if allowed(connection) else None
        if merged is None:
            raise NotAllowedAnyMoreError
        connection.execute(
            _update_seen_at(row_id).values(data=merged, token_hash=_hash_token(token))
        )
    return merged, token


def touch(row_id: uuid.UUID) -> None:
    """Store that a session was used."""
    with write_transaction() as connection:
        connection.execute(_update_seen_at(row_id))


def end_sessions_of(session: Session, identifier: str) -> int:
    """Delete all sessions of a user in the caller's transaction, and return how many."""
    theirs = delete(LoginSession).where(LoginSession.identifier == identifier)
    return len(session.scalars(theirs.returning(LoginSession.id)).all())


def _merge_values(
    connection: Connection, row_id: uuid.UUID, changes: dict[str, Any]
) -> dict[str, Any] | None:
    current = connection.execute(_LOCK_DATA, {"row_id": row_id}).scalar_one_or_none()
    if current is None:
        return None
    return _merged(current, changes)


def _merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in {**values, **changes}.items() if v is not None}


def _update_seen_at(row_id: uuid.UUID) -> Any:
    return update(LoginSession).where(LoginSession.id == row_id).values(seen_at=utc_now())


def _hash_token(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
