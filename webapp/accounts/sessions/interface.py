"""Server sessions in a table: ids are hashed and rotated, and an ended session never comes back.

A visitor who has only looked at pages has no row. The token against forged forms is in a signed
cookie, so a GET writes nothing. The first value worth storing creates a row.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from flask import Flask, Request, Response, current_app, request
from flask.sessions import SecureCookieSessionInterface, SessionInterface, SessionMixin
from itsdangerous import BadSignature
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from webapp.accounts.sessions import rows as session_rows
from webapp.accounts.sessions.rows import Condition, SessionRows, StoredSession
from webapp.config.settings import Settings
from webapp.database.engines import utc_now, write_transaction
from webapp.site import API_PREFIX
from webapp.web.log import log_event

# What the signed cookie of a visitor without a row may contain.
COOKIE_KEYS = frozenset({"csrf_token"})
_UNUSUAL_PORT = re.compile(r":(?!(?:80|443)$)(\d{1,5})$", re.ASCII)
# The values of a session that has none, as JSON.
NO_VALUES = "{}"
# How often a session stores that it was used. A GET writes nothing else.
TOUCHED_EVERY = timedelta(seconds=300)


class BrowserSession(SessionMixin):
    """The session of one request, which reads its row when it is first used.

    So requests that need no session, such as health checks and icons, do not use the database.

    Parameters
    ----------
    is_renamed:
        Whether the cookie came under an earlier name. If it is ours, it gets its name of today.
    """

    def __init__(
        self, interface: DatabaseSessions, cookie: str | None, *, is_renamed: bool = False
    ) -> None:
        self._interface = interface
        self._cookie = cookie
        self._is_renamed = is_renamed
        self._loaded = False
        self._data: dict[str, Any] = {}
        # The values as they are stored. Text is cheap to compare, and nothing can change in it.
        self._before = NO_VALUES
        self.row: StoredSession | None = None
        # What a page requests by itself, such as the state of an answer, does not count as a use.
        self.in_background = False
        self.new_cookie: str | None = None
        self.ended = False

    @property
    def loaded(self) -> bool:
        """Return whether this request has read or written the session."""
        return self._loaded

    @property
    def data(self) -> dict[str, Any]:
        """Return the values. The first call reads them."""
        if not self._loaded:
            self.row, self._before = self._interface.read(self._cookie)
            self._data = json.loads(self._before)
            self._loaded = True
            if self._is_renamed and (self.row or self._data):
                self.new_cookie = self._cookie
        return self._data

    def __getitem__(self, key: str) -> Any:
        return self.data[key]

    def get(self, key: str, default: Any = None) -> Any:
        # The inherited one raises and catches an error for each key that is not there.
        return self.data.get(key, default)

    def __setitem__(self, key: str, value: Any) -> None:
        self.data[key] = value

    def __delitem__(self, key: str) -> None:
        del self.data[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def changes(self) -> dict[str, Any]:
        """Return the keys that have changed, with ``None`` for keys that were removed."""
        if json.dumps(self._data) == self._before:
            return {}
        before = json.loads(self._before)
        keys = before.keys() | self._data.keys()
        return {k: self._data.get(k) for k in keys if before.get(k) != self._data.get(k)}

    def store_changes(self, connection: Connection) -> None:
        """Store what has changed so far in the caller's transaction, if the session has a row.

        Call `note_stored_changes` when the transaction is committed. Until then, the end of the
        request would store the changes again.
        """
        changes = self.changes()
        if self.row is not None and changes:
            session_rows.merge(connection, self.row.id, changes, before=self._before)

    def note_stored_changes(self) -> None:
        """Note that what `store_changes` has written is stored."""
        if self.row is not None and self.changes():
            self.row = replace(self.row, seen_at=utc_now())
            self._before = json.dumps(self._data)

    def mark_stored(
        self, row: StoredSession | None, values: dict[str, Any], cookie: str | None
    ) -> None:
        """Take over the row, values and cookie that were just stored."""
        self.row = row
        self._data = values
        self._before = json.dumps(values)
        self.new_cookie = cookie

    def require_row(self) -> uuid.UUID:
        """Return the id of this session's row. Insert the row if there is none."""
        values = dict(self.data)
        row = self.row or self._interface.insert(self, values, None)
        return row.id

    def renew(self, identifier: str, allowed: Condition) -> None:
        """Become the session of ``identifier`` under a new id, with the present values.

        The old id is not valid any more. If the database fails, the values are dropped, so that the
        response about the failure cannot store half a sign-in.

        Raises
        ------
        NotAllowedAnyMoreError
            ``allowed`` returned false in the transaction that stores the session.
        """
        values, replaced = dict(self.data), self.row
        self._data.clear()
        self._before = NO_VALUES
        self.row = None
        self._interface.insert(self, values, identifier, replaces=replaced, allowed=allowed)

    def rotate(self, changes: dict[str, Any], allowed: Condition) -> None:
        """Continue under a new id with changed values. The old id is not valid any more.

        Raises
        ------
        NotAllowedAnyMoreError
            ``allowed`` returned false in the transaction that stores the id, or the session has
            ended. An ended session does not come back.
        """
        row_id = self.require_row()
        values, token = session_rows.rotate(row_id, changes, allowed)
        self.mark_stored(self.row, values, token)

    def log_out(self) -> None:
        """Delete the row, so that no later request can bring the session back."""
        _ = self.data
        row, self.row = self.row, None
        self._data.clear()
        self._before = NO_VALUES
        self.new_cookie = None
        if row is not None:
            session_rows.remove(row.id)
        # Only now: if the row stayed and the cookie went, nobody could sign this session out.
        self.ended = True


class TokenSession(BrowserSession):
    """The session of a request to the API: it reads no cookie, and nothing of it is kept.

    Such a request shows a token. A cookie that comes along proves nothing, and its session stays
    as it is.
    """

    def __init__(self, interface: DatabaseSessions) -> None:
        super().__init__(interface, None)


class DatabaseSessions(SessionInterface):
    """Opens and saves `BrowserSession` for Flask."""

    def __init__(self, settings: Settings) -> None:
        self._absolute = timedelta(hours=settings.session_hours)
        idle = timedelta(hours=settings.session_idle_hours)
        self._rows = SessionRows(idle, self._absolute)
        self._has_api = settings.api
        self.secure = not settings.insecure_cookies
        self._is_framed = self.secure and bool(settings.frame_ancestors)
        # With __Host-, no other host of the domain can set the cookie.
        prefix = "__Host-" if self.secure else ""
        self._cookie_name = f"{prefix}{settings.cookie_name}"
        # The only name that earlier versions had.
        self._old_cookie_name = f"{prefix}session"

    def open_session(self, app: Flask, request: Request) -> BrowserSession:  # noqa: ARG002
        """Return the session of the request's cookie. A bad cookie makes a new visitor."""
        if self._has_api and request.path.startswith(API_PREFIX):
            return TokenSession(self)
        names = self.cookie_names(request)
        for name in names:
            given = request.cookies.getlist(name)
            if given:
                # Of two cookies, someone else has set one, and nothing shows which.
                cookie = given[0] if len(given) == 1 else None
                return BrowserSession(self, cookie, is_renamed=name != names[0])
        return BrowserSession(self, None)

    def has_cookie(self, request: Request) -> bool:
        """Return whether the request has a cookie under any name that this site reads."""
        return not request.cookies.keys().isdisjoint(self.cookie_names(request))

    def cookie_names(self, request: Request) -> tuple[str, ...]:
        """Return all names under which this site reads a cookie, the one of today first."""
        return (*self._cookie_names(request), self._old_cookie_name)

    def _cookie_names(self, request: Request) -> list[str]:
        """Return the names under which the site that this request asks for sets its cookie.

        Browsers send a cookie to every port and every path of a host, and each of them may be a
        site of its own. So both are parts of the name. A site that moves to another port finds the
        cookie under the name without it, unless another site has replaced it.
        """
        path = quote(request.script_root, safe="")
        # Not `request.host`, which raises an error for a name that is not trusted.
        port = _UNUSUAL_PORT.search(request.environ.get("HTTP_HOST", ""))
        name = f"{self._cookie_name}{path}"
        return [f"{self._cookie_name}-{port[1]}{path}", name] if port else [name]

    def save_session(
        self,
        app: Flask,  # noqa: ARG002
        session: SessionMixin,
        response: Response,
    ) -> None:
        """Store the changes, and set the cookie if it is new."""
        if not isinstance(session, BrowserSession):
            raise TypeError("this interface saves the sessions that it opened")
        if isinstance(session, TokenSession):
            return
        # A failed request stores nothing, and does not wait again for a database that is down.
        if session.loaded and response.status_code < 500:
            self._store(session)
        if session.new_cookie is not None:
            self._set_cookie(response, session.new_cookie, self._absolute)
        elif session.ended:
            self._set_cookie(response, "", timedelta(0))

    def read(self, cookie: str | None) -> tuple[StoredSession | None, str]:
        """Return the row and the values of a cookie, as JSON."""
        if not cookie or len(cookie) > 1_000 or not cookie.isascii():
            return None, NO_VALUES
        if "." not in cookie:
            return self._rows.find(cookie) or (None, NO_VALUES)
        try:
            values = _serializer().loads(cookie, max_age=int(self._absolute.total_seconds()))
        except BadSignature:
            return None, NO_VALUES
        is_ours = isinstance(values, dict) and values.keys() <= COOKIE_KEYS
        return None, json.dumps(values) if is_ours else NO_VALUES

    def find_ended(self, row_ids: set[uuid.UUID]) -> set[uuid.UUID]:
        """Return which of these sessions have ended or expired."""
        return row_ids - self._rows.find_alive(row_ids)

    def insert(
        self,
        session: BrowserSession,
        values: dict[str, Any],
        identifier: str | None,
        replaces: StoredSession | None = None,
        allowed: Condition | None = None,
    ) -> StoredSession:
        """Insert a row for ``session``, which gives it a new id."""
        stored, token = self._rows.insert(values, identifier, replaces, allowed)
        session.mark_stored(stored, values, token)
        return stored

    def _store(self, session: BrowserSession) -> None:
        row, changes = session.row, session.changes()
        if row is not None and changes:
            with write_transaction() as connection:
                session.store_changes(connection)
        elif row is not None:
            is_use = request.method != "HEAD" and not session.in_background
            if is_use and utc_now() - row.seen_at > TOUCHED_EVERY:
                try:
                    session_rows.touch(row.id)
                except DBAPIError as error:
                    # The page was read without trouble, so this is not worth an error page.
                    log_event("session.not_touched", error=type(error).__name__)
        elif session.keys() - COOKIE_KEYS:
            self.insert(session, dict(session.data), None)
        elif changes and session.data:
            values = dict(session.data)
            session.mark_stored(None, values, _serializer().dumps(values))

    def own_cookie(self, kind: str) -> str:
        """Return the name of a further cookie of the site that this request asks for."""
        return f"{self._cookie_names(request)[0]}-{kind}"

    def set_own_cookie(self, response: Response, kind: str, value: str) -> None:
        """Set that cookie until the browser is closed. Without a value, the browser forgets it."""
        self._set(response, self.own_cookie(kind), value, None if value else timedelta(0))

    def _set_cookie(self, response: Response, value: str, max_age: timedelta) -> None:
        for name in self._cookie_names(request):
            self._set(response, name, value, max_age)

    def _set(self, response: Response, name: str, value: str, max_age: timedelta | None) -> None:
        response.set_cookie(
            name,
            value,
            max_age=max_age,
            path="/",
            secure=self.secure,
            httponly=True,
            # In a frame of another site, a cookie of this site's own pages is not sent.
            samesite="None" if self._is_framed else "Lax",
            partitioned=self._is_framed,
        )


def find_ended_sessions(row_ids: set[uuid.UUID]) -> set[uuid.UUID]:
    """Return which of these sessions have ended, for work that outlives its request."""
    sessions = current_app.session_interface
    if not row_ids or not isinstance(sessions, DatabaseSessions):
        return set()
    return sessions.find_ended(row_ids)


def _serializer() -> Any:
    # Never None, because the app does not start without a secret key.
    return SecureCookieSessionInterface().get_signing_serializer(current_app)
