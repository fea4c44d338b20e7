"""Deleting for good, in the background: a request only puts chats out of sight."""

from __future__ import annotations

import threading
from datetime import timedelta

from flask import Flask

from webapp.chats.deletion import UNDO_SECONDS, forget_deleted
from webapp.database.engines import utc_now, write_transaction
from webapp.web.errors import UNAVAILABLE, log_unavailable

EXTENSION = "history_forgetting"


class Forgetting:
    """The one thread of a process that deletes what cannot be brought back any more."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._again = False

    def begin(self) -> None:
        """Look for what is to be deleted, now and in the background."""
        with self._lock:
            self._again = True
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="webapp-forgetting", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while self._is_asked():
            with self._app.app_context():
                try:
                    forget_all()
                except UNAVAILABLE as error:
                    # They stay out of sight, and go the next time.
                    log_unavailable(error)

    def _is_asked(self) -> bool:
        with self._lock:
            asked, self._again = self._again, False
            if not asked:
                self._thread = None
            return asked


def delete_soon(app: Flask) -> None:
    """Delete what cannot be brought back any more, and do not wait for it."""
    forgetting: Forgetting = app.extensions[EXTENSION]
    forgetting.begin()


def forget_all() -> int:
    """Delete what cannot be brought back any more, in small transactions; return how many."""
    before = utc_now() - timedelta(seconds=UNDO_SECONDS)
    count = 0
    while True:
        with write_transaction() as connection:
            gone = forget_deleted(connection, before)
        if not gone:
            return count
        count += gone
