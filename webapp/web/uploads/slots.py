"""How many forms with files are read at once: one that arrives slowly holds its thread."""

from __future__ import annotations

from flask import Flask, Request

from webapp.web.refusals import Refusal
from webapp.web.server import host_of
from webapp.web.sse import Slot, Slots

EXTENSION = "upload_slots"
# So many of the threads of a process may be held, and so many of one session.
SHARE_OF_THREADS = 4
UPLOADS_OF_ONE = 2
RETRY_SECONDS = 5


class TooManyUploadsError(Refusal):
    """As many files are arriving as this process takes at once."""

    code = 503
    title = "Not sent"
    message = "Many files are being sent to this site right now."
    advice = "Wait a few seconds, then send your message again."
    retry_after = RETRY_SECONDS


def set_up_upload_slots(app: Flask) -> None:
    """Let ``app`` count the forms with files that arrive."""
    app.extensions[EXTENSION] = Slots()


def take_upload_slot(app: Flask, sent: Request, sender: str) -> Slot:
    """Return a slot for reading a form with files. Give it back when it is read.

    Raises
    ------
    TooManyUploadsError
        There is no free one.
    """
    slots: Slots = app.extensions[EXTENSION]
    most = max(1, host_of(sent.environ).threads // SHARE_OF_THREADS)
    slot = slots.take(most, sender, UPLOADS_OF_ONE)
    if slot is None:
        raise TooManyUploadsError
    return slot
