"""Deleting for good, in the background: a request only puts chats out of sight."""

from __future__ import annotations

import threading
from datetime import timedelta

from flask import Flask

from webapp.chats.deletion import UNDO_SECONDS, forget_deleted
from webapp.database.engines import utc_now, write_transaction
from webapp.web.background import in_background
from webapp.web.errors import UNAVAILABLE, log_unavailable

EXTENSION = "deletion_job"


class DeletionJob:
    """The one thread of a process that deletes for good what cannot be restored any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = False
        self._again = False

    def begin(self) -> None:
        """Look for what is to be deleted, now and in the background."""
        with self._lock:
            self._again = True
            if not self._running:
                in_background("deletion", self._run)
                self._running = True

    def _run(self) -> None:
        while self._is_asked():
            try:
                delete_all()
            except UNAVAILABLE as error:
                # They stay out of sight, and go the next time.
                log_unavailable(error)

    def _is_asked(self) -> bool:
        with self._lock:
            asked, self._again = self._again, False
            self._running = asked
            return asked


def set_up_deletion(app: Flask) -> None:
    """Give ``app`` its deletion job; no thread is started yet."""
    app.extensions[EXTENSION] = DeletionJob()


def delete_soon(app: Flask) -> None:
    """Delete what cannot be brought back any more, and do not wait for it."""
    job: DeletionJob = app.extensions[EXTENSION]
    job.begin()


def delete_all() -> int:
    """Delete what cannot be brought back any more, in small transactions; return how many."""
    before = utc_now() - timedelta(seconds=UNDO_SECONDS)
    count = 0
    while True:
        with write_transaction() as connection:
            gone = forget_deleted(connection, before)
        if not gone:
            return count
        count += gone
