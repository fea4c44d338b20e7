"""Server sessions on a table: hashed ids, rotated, merged, and never revived.

A visitor who has only looked at pages has no row: the token against forged forms travels in a
signed cookie, so a GET writes nothing. The first thing worth keeping makes a row.
"""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from flask import Flask, Request, Response, current_app, request
from flask.sessions import SecureCookieSessionInterface, SessionInterface, SessionMixin
from itsdangerous import BadSignature
from sqlalchemy.exc import DBAPIError

from webapp.accounts.sessions import rows as session_rows
from webapp.accounts.sessions.rows import Condition, SessionRows, StoredSession
from webapp.config import Settings
from webapp.database.engines import utc_now
from webapp.web.log import log_event

# What may travel in the signed cookie of a visitor without a row.
COOKIE_KEYS = frozenset({"csrf_token"})
# How often a session notes that it was used: the one thing that a GET may write (R12, R24).
TOUCHED_EVERY = timedelta(seconds=300)


class BrowserSession(SessionMixin):
    """The session of one request; reads its row when it is first used.

    So requests that need no session (health checks, icons) do not touch the database.
    """

    def __init__(self, interface: DatabaseSessions, cookie: str | None) -> None:
        self._interface = interface
        self._cookie = cookie
        self._loaded = False
        self._data: dict[str, Any] = {}
        self._before: dict[str, Any] = {}
        self.row: StoredSession | None = None
        # What a page does by itself, such as asking how far an answer is, is no use of it (R12).
        self.in_background = False
        self.new_cookie: str | None = None
        self.ended = False

    @property
    def loaded(self) -> bool:
        """Say whether anything was read or written in this request."""
        return self._loaded

    @property
    def data(self) -> dict[str, Any]:
        """Return the values, reading them first if need be."""
        if not self._loaded:
            self.row, self._data = self._interface.read(self._cookie)
            self._before = copy.deepcopy(self._data)
            self._loaded = True
        return self._data

    def __getitem__(self, key: str) -> Any:
        return self.data[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.data[key] = value

    def __delitem__(self, key: str) -> None:
        del self.data[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def changes(self) -> dict[str, Any]:
        """Return the keys that differ from what was read; ``None`` for those that are gone."""
        keys = self._before.keys() | self._data.keys()
        return {k: self._data.get(k) for k in keys if self._before.get(k) != self._data.get(k)}

    def stored(self, row: StoredSession | None, values: dict[str, Any], cookie: str | None) -> None:
        """Note what is kept now, and the cookie that stands for it."""
        self.row = row
        self._data = values
        self._before = copy.deepcopy(values)
        self.new_cookie = cookie

    def require_row(self) -> uuid.UUID:
        """Return the id of this session's row, making the row if there is none."""
        values = dict(self.data)
        row = self.row or self._interface.insert(self, values, None)
        return row.id

    def renew(self, identifier: str, allowed: Condition) -> None:
        """Become the session of ``identifier`` with what it holds now, under a new id (R9).

        The old id is dead afterwards. When the database fails, nothing is kept, so that half a
        login cannot be stored by the answer that reports the failure.

        Raises
        ------
        NotAllowedAnyMoreError
            When ``allowed`` says no, asked in the transaction that stores the session.
        """
        values, replaced = dict(self.data), self.row
        self._data.clear()
        self._before.clear()
        self.row = None
        self._interface.insert(self, values, identifier, replaces=replaced, allowed=allowed)

    def rotate(self, changes: dict[str, Any], allowed: Condition) -> None:
        """Go on under a fresh id, with changed values; the old id is dead (R9).

        Raises
        ------
        NotAllowedAnyMoreError
            When ``allowed`` says no, asked in the transaction that stores the id, or the session
            has ended: it is not revived (R13).
        """
        row_id = self.require_row()
        values, token = session_rows.rotate(row_id, changes, allowed)
        self.stored(self.row, values, token)

    def log_out(self) -> None:
        """End the session for good: its row is gone, and later requests cannot revive it (R13)."""
        _ = self.data
        row, self.row = self.row, None
        self._data.clear()
        self._before.clear()
        if row is not None:
            session_rows.remove(row.id)
        # Only now: a cookie that is dropped while its row lives on could not be logged out again.
        self.ended = True


class DatabaseSessions(SessionInterface):
    """Opens and saves `BrowserSession` for Flask."""

    def __init__(self, settings: Settings) -> None:
        self._absolute = timedelta(hours=settings.session_hours)
        idle = timedelta(hours=settings.session_idle_hours)
        self._rows = SessionRows(idle, self._absolute)
        self.secure = not settings.insecure_cookies
        # __Host-: no other host of the domain can set it (R11).
        self.cookie_name = "__Host-session" if self.secure else "session"

    def open_session(self, app: Flask, request: Request) -> BrowserSession:  # noqa: ARG002
        """Return the session of the request's cookie; any bad cookie is a new visitor (R10)."""
        given = request.cookies.getlist(self.cookie_name)
        # Of two, one was put there by somebody else, and there is no telling which.
        return BrowserSession(self, given[0] if len(given) == 1 else None)

    def save_session(
        self,
        app: Flask,  # noqa: ARG002
        session: SessionMixin,
        response: Response,
    ) -> None:
        """Store what changed, and set the cookie if it is a new one."""
        if not isinstance(session, BrowserSession):
            raise TypeError("this interface saves the sessions that it opened")
        # A failure stores nothing in part, and does not wait for a database that is down again.
        if session.loaded and response.status_code < 500:
            self._store(session)
        if session.new_cookie is not None:
            self._set_cookie(response, session.new_cookie, self._absolute)
        elif session.ended:
            self._set_cookie(response, "", timedelta(0))

    def read(self, cookie: str | None) -> tuple[StoredSession | None, dict[str, Any]]:
        """Return the row and the values that belong to a cookie."""
        if not cookie or len(cookie) > 1_000 or not cookie.isascii():
            return None, {}
        if "." in cookie:
            return None, self._signed_values(cookie)
        row = self._rows.find(cookie)
        return row, copy.deepcopy(row.data) if row else {}

    def is_alive(self, row_id: uuid.UUID) -> bool:
        """Say whether the session of a row has neither ended nor expired."""
        return self._rows.is_alive(row_id)

    def insert(
        self,
        session: BrowserSession,
        values: dict[str, Any],
        identifier: str | None,
        replaces: StoredSession | None = None,
        allowed: Condition | None = None,
    ) -> StoredSession:
        """Give ``session`` a row and with it a fresh id."""
        stored, token = self._rows.insert(values, identifier, replaces, allowed)
        session.stored(stored, values, token)
        return stored

    def _store(self, session: BrowserSession) -> None:
        changes = session.changes()
        if session.row is not None:
            self._update(session.row, changes, in_background=session.in_background)
        elif session.keys() - COOKIE_KEYS:
            self.insert(session, dict(session.data), None)
        elif changes and session.data:
            values = dict(session.data)
            session.stored(None, values, _serializer().dumps(values))

    def _update(self, row: StoredSession, changes: dict[str, Any], *, in_background: bool) -> None:
        if changes:
            session_rows.merge(row.id, changes)
        elif in_background:
            return
        elif request.method != "HEAD" and utc_now() - row.seen_at > TOUCHED_EVERY:
            self._touch(row.id)

    def _touch(self, row_id: uuid.UUID) -> None:
        # That somebody is still there is not worth failing a page that was read without trouble.
        try:
            session_rows.touch(row_id)
        except DBAPIError as error:
            log_event("session.not_touched", error=type(error).__name__)

    def _signed_values(self, cookie: str) -> dict[str, Any]:
        try:
            values = _serializer().loads(cookie, max_age=int(self._absolute.total_seconds()))
        except BadSignature:
            return {}
        is_ours = isinstance(values, dict) and values.keys() <= COOKIE_KEYS
        return values if is_ours else {}

    def _set_cookie(self, response: Response, value: str, max_age: timedelta) -> None:
        response.set_cookie(
            self.cookie_name,
            value,
            max_age=max_age,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="Lax",
        )


def session_is_alive(row_id: uuid.UUID) -> bool:
    """Say whether a session has neither ended nor expired; for what outlives its request (R14)."""
    sessions = current_app.session_interface
    return not isinstance(sessions, DatabaseSessions) or sessions.is_alive(row_id)


def _serializer() -> Any:
    # Never None: the app does not start without a secret key.
    return SecureCookieSessionInterface().get_signing_serializer(current_app)
