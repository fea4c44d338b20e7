"""Deletes chats for good in the background. Requests only soft-delete them."""

from __future__ import annotations

import threading
from datetime import timedelta

from flask import Flask

from webapp.chats.deletion import UNDO_SECONDS, purge_contents, purge_deleted
from webapp.database.engines import utc_now, write_transaction
from webapp.site import this_app
from webapp.web.background import in_background
from webapp.web.errors import UNAVAILABLE, log_unavailable

EXTENSION = "deletion_job"


class DeletionJob:
    """The one thread of a process that deletes chats for good."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = False
        self._again = False

    def begin(self) -> None:
        """Look for chats to delete, in the background."""
        with self._lock:
            self._again = True
            if not self._running:
                in_background("deletion", self._run)
                self._running = True

    def _run(self) -> None:
        while True:
            with self._lock:
                self._running, self._again = self._again, False
                if not self._running:
                    return
            try:
                delete_for_good()
            except UNAVAILABLE as error:
                # The chats stay soft-deleted until the next time.
                log_unavailable(error)


def set_up_deletion(app: Flask) -> None:
    """Give ``app`` its deletion job; no thread is started yet."""
    app.extensions[EXTENSION] = DeletionJob()


def delete_soon() -> None:
    """Delete chats that can no longer be restored, in the background."""
    job: DeletionJob = this_app().extensions[EXTENSION]
    job.begin()


def delete_for_good() -> int:
    """Delete chats that can no longer be restored, in small transactions; return their number."""
    before = utc_now() - timedelta(seconds=UNDO_SECONDS)
    count = 0
    while True:
        with write_transaction() as connection:
            gone = purge_deleted(connection, before)
        if not gone:
            break
        count += gone
    if count:
        purge_contents()
    return count
