"""Sending an export: a file with a telling name, written while it is read from the database."""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from urllib.parse import quote

from flask import Flask, Response, request

from webapp.accounts.login import owner
from webapp.database.engines import release_connection, utc_now
from webapp.site import this_app
from webapp.transfer.as_json import json_export
from webapp.transfer.as_markdown import markdown_export
from webapp.transfer.exported import ExportedChats
from webapp.turns.runtime import conversation
from webapp.web.errors import RETRY_SECONDS, UNAVAILABLE, log_unavailable
from webapp.web.log import log_event
from webapp.web.refusals import Refusal
from webapp.web.server import give_up_silent_readers, host_of, max_held_threads, wait_again
from webapp.web.sse import Slot

Writer = Callable[[ExportedChats, datetime], Iterator[str]]
# How an export is written, its media type, and how its file name ends.
FORMATS: dict[str, tuple[Writer, str, str]] = {
    "markdown": (markdown_export, "text/markdown; charset=utf-8", "md"),
    "json": (json_export, "application/json", "json"),
}
DOWNLOADS_OF_ONE = 2
NAME_LENGTH = 60
# What file systems and shells take amiss, and characters that turn the direction of writing.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u200e\u200f\u202a-\u202e\u2066-\u2069]+')
# So much is sent at a time, however short the messages are.
PIECE_CHARACTERS = 64 * 1024


class TooManyDownloadsError(Refusal):
    """No thread is free for one more download, or this user has enough of them."""

    code = 429
    title = "Too many downloads"
    message = "Too many downloads are in progress."
    advice = "Wait until one of them has finished, then try again."
    retry_after = RETRY_SECONDS


class UnknownFormatError(Refusal):
    """A format in which no chat is exported."""

    code = 400
    title = "Unknown format"
    message = "A chat can be exported as markdown or json."
    advice = "Go back and use the buttons on the page."


def asked_format() -> str:
    """Return in which format the request wants an export.

    Raises
    ------
    BadRequest
        When it is none of ours, or there are several.
    """
    asked = request.args.getlist("format") or ["markdown"]
    if len(asked) > 1 or asked[0] not in FORMATS:
        raise UnknownFormatError
    return asked[0]


def download(ids: list[uuid.UUID], title: str, form: str) -> Response:
    """Send some chats of whoever asks, as a file.

    Raises
    ------
    TooManyDownloadsError
        When no thread is free for it.
    """
    write, media_type, ending = FORMATS[form]
    whose, now = owner(), utc_now()
    slot = _place(whose)
    chats = ExportedChats(_app(), whose, ids)
    log_event("chats.exported", owner=whose, chats=len(ids), format=form)
    release_connection()
    response = Response(_pieces(chats.app, write(chats, now)), content_type=media_type)
    connection = give_up_silent_readers(request.environ)
    response.call_on_close(slot.give_back)
    response.call_on_close(lambda: wait_again(connection))
    response.headers["Content-Disposition"] = disposition(title, now, ending)
    return response


def disposition(title: str, now: datetime, ending: str) -> str:
    """Return the header that names a file: plainly, and as RFC 5987 has it, with all letters.

    Example
    -------
    >>> disposition("Grüße", datetime(2026, 1, 2), "md")
    "attachment; filename=grue-2026-01-02.md; filename*=UTF-8''Gr%C3%BC%C3%9Fe%202026-01-02.md"
    """
    day = f"{now:%Y-%m-%d}"
    ascii_only = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_only)[:NAME_LENGTH].strip("-") or "chat"
    name = " ".join(_UNSAFE.sub(" ", title).split())[:NAME_LENGTH].strip(" .") or "chat"
    full = quote(f"{name} {day}.{ending}", safe="")
    return f"attachment; filename={slug}-{day}.{ending}; filename*=UTF-8''{full}"


def _place(whose: str | None) -> Slot:
    # A reader that takes its time holds a thread, so downloads take places as streams do.
    most = max_held_threads(host_of(request.environ))
    slot = conversation().slots.take(most, f"download {whose}", DOWNLOADS_OF_ONE)
    if slot is None:
        raise TooManyDownloadsError
    return slot


def _pieces(app: Flask, written: Iterator[str]) -> Iterator[bytes]:
    kept: list[str] = []
    length = 0
    try:
        for text in written:
            kept.append(text)
            length += len(text)
            if length >= PIECE_CHARACTERS:
                yield "".join(kept).encode()
                kept, length = [], 0
    except UNAVAILABLE as error:
        with app.app_context():
            log_unavailable(error)
        # Not an end like any other: the browser must see that the file is not whole.
        raise
    yield "".join(kept).encode()


def _app() -> Flask:
    return this_app()
