"""Two addresses for programs that watch the process."""

from __future__ import annotations

import threading
import time

from flask import Blueprint, Flask, Response, current_app, make_response
from sqlalchemy.exc import SQLAlchemyError

from webapp.database.engines import db, release_connection, try_to_write
from webapp.database.schema import SCHEMA_PROBLEMS, schema_state
from webapp.web.errors import log_unavailable

EXTENSION = "write_check"
# Anybody may ask whether the site is ready, and each try to write waits for other writers.
WRITE_EVERY_SECONDS = 1.0

blueprint = Blueprint("health", __name__)


class WriteCheck:
    """Tries whether the database takes changes, once a second at most, however many ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tried_at: float | None = None
        self._error: SQLAlchemyError | None = None

    def check(self) -> None:
        """Raise what the last try has raised, if anything.

        Raises
        ------
        SQLAlchemyError
            The database took no changes.
        """
        with self._lock:
            tried_at = self._tried_at
            if tried_at is None or time.monotonic() - tried_at >= WRITE_EVERY_SECONDS:
                try:
                    try_to_write()
                    self._error = None
                except SQLAlchemyError as error:
                    self._error = error
                self._tried_at = time.monotonic()
            if self._error is not None:
                raise self._error.with_traceback(None)


def set_up_health(app: Flask) -> None:
    """Let ``app`` answer whether it is ready."""
    app.extensions[EXTENSION] = WriteCheck()


@blueprint.get("/healthz")
def healthz() -> Response:
    """Answer that the process is alive."""
    return _plain("ok", 200)


@blueprint.get("/readyz")
def readyz() -> Response:
    """Answer whether the database takes changes and its schema can be used."""
    try:
        state = schema_state(db.session.connection())
        release_connection()
        if state.is_usable:
            check: WriteCheck = current_app.extensions[EXTENSION]
            check.check()
    except SQLAlchemyError as error:
        log_unavailable(error)
        return _plain("the database does not answer, or takes no changes", 503)
    if not state.is_usable:
        return _plain(SCHEMA_PROBLEMS[state], 503)
    return _plain("ready", 200)


def _plain(text: str, status: int) -> Response:
    response = make_response(text + "\n", status)
    response.mimetype = "text/plain"
    if status == 503:
        response.headers["Retry-After"] = "5"
    return response
