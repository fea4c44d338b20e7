"""An export as a download, sent while it is read from the database."""

from __future__ import annotations

import logging
import re
import unicodedata
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from urllib.parse import quote

from flask import Flask, Response, request

from webapp.accounts.login import owner
from webapp.database.engines import release_connection, utc_now
from webapp.files.contents import FilesUnavailableError
from webapp.site import this_app
from webapp.transfer.as_json import json_export
from webapp.transfer.as_markdown import markdown_export
from webapp.transfer.export_data import ExportedChats, has_files
from webapp.transfer.zip_export import join_pieces, zip_export
from webapp.turns.runtime import conversation
from webapp.web.downloads.answer import DOWNLOADS_OF_ONE, TooManyDownloadsError
from webapp.web.errors import UNAVAILABLE, log_unavailable
from webapp.web.log import log_event
from webapp.web.refusals import Refusal
from webapp.web.server import give_up_silent_readers, host_of, max_held_threads, wait_again

Writer = Callable[[ExportedChats, datetime], Iterator[str]]
# How an export is written, its media type, and how its file name ends.
FORMATS: dict[str, tuple[Writer, str, str]] = {
    "markdown": (markdown_export, "text/markdown; charset=utf-8", "md"),
    "json": (json_export, "application/json", "json"),
}
NAME_LENGTH = 60
# Characters that file systems or shells do not accept, or that change the direction of writing.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u200e\u200f\u202a-\u202e\u2066-\u2069]+')


class UnknownFormatError(Refusal):
    """A format in which no chat is exported."""

    code = 400
    title = "Unknown format"
    message = "A chat can be exported as markdown or json."
    advice = "Go back and use the buttons on the page."


def read_format() -> str:
    """Return the format that the request names, or Markdown.

    Raises
    ------
    UnknownFormatError
        There is no such format, or the request names several.
    """
    names = request.args.getlist("format") or ["markdown"]
    if len(names) > 1 or names[0] not in FORMATS:
        raise UnknownFormatError
    return names[0]


def send_export(ids: list[uuid.UUID], title: str, form: str) -> Response:
    """Send some chats of this user as a file. With files, that is a zip of all formats.

    Raises
    ------
    TooManyDownloadsError
        No thread is free, or this user has too many downloads already.
    """
    write, media_type, ending = FORMATS[form]
    user, now = owner(), utc_now()
    # A slow reader holds a thread, so downloads take slots as streams do.
    most = max_held_threads(host_of(request.environ))
    slot = conversation().slots.take(most, f"download {user}", DOWNLOADS_OF_ONE)
    if slot is None:
        raise TooManyDownloadsError

    chats = ExportedChats(this_app(), user, ids)
    pieces = join_pieces(write(chats, now))
    if has_files(user, ids):
        pieces, media_type, ending = zip_export(chats, now), "application/zip", "zip"
    log_event("chats.exported", owner=user, chats=len(ids), format=form)
    release_connection()
    response = Response(_log_outage(chats.app, pieces), content_type=media_type)
    connection = give_up_silent_readers(request.environ)
    response.call_on_close(slot.give_back)
    response.call_on_close(lambda: wait_again(connection))
    response.headers["Content-Disposition"] = disposition(title, now, ending)
    return response


def disposition(title: str, now: datetime, ending: str) -> str:
    """Return the header with the name of a file: in ASCII, and in full as in RFC 5987.

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


def _log_outage(app: Flask, pieces: Iterator[bytes]) -> Iterator[bytes]:
    # The connection must break, so that the browser sees that the file is not complete.
    try:
        yield from pieces
    except UNAVAILABLE as error:
        with app.app_context():
            log_unavailable(error)
        raise
    except FilesUnavailableError as error:
        with app.app_context():
            log_event("files.unavailable", level=logging.ERROR, error=str(error))
        raise
