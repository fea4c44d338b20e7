"""The files of messages."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response

from webapp.accounts.guard import login_needed
from webapp.accounts.login import owner
from webapp.database.engines import release_connection
from webapp.elements.access import FoundFile, find_file
from webapp.elements.pieces import reading_file
from webapp.files.names import content_disposition
from webapp.files.store import file_store
from webapp.files.types import ACTIVE, PDF, SVG, UNKNOWN, is_shown
from webapp.site import settings
from webapp.turns.runtime import conversation
from webapp.web.downloads.answer import Content, answer_with
from webapp.web.downloads.sources import FileSource, PieceSource, Source

blueprint = Blueprint("files", __name__)

# A page that such a file would be can do nothing, and knows nobody.
POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'"
# The browser's own player asks for the file anew. Without its origin, it would not get it.
MEDIA_POLICY = (
    "sandbox allow-same-origin; default-src 'none'; media-src 'self'; frame-ancestors 'none'"
)
# A page of ours may show it in the browser's own viewer.
PDF_POLICY = "sandbox; default-src 'none'; frame-ancestors 'self'"
# How long a browser need not ask again. Then it asks whether the file is still the same.
KEPT_SECONDS = 7 * 24 * 3_600
FIXED = f"private, max-age={KEPT_SECONDS}, immutable"
ASKED_AGAIN = "private, no-cache"


@blueprint.get("/files/<uuid:file_id>/<name>")
@login_needed
def show_file(file_id: uuid.UUID, name: str) -> Response:
    """Send a file of a chat to somebody who may see the chat.

    The name in the address is for the browser, which saves a file under it.
    """
    del name
    found = find_file(file_id)
    release_connection()
    with reading_file(file_id):
        return answer_with(_content_of(found), owner() or "", conversation().slots)


def _content_of(found: FoundFile) -> Content:
    mime = found.mime
    if ACTIVE.fullmatch(mime) and mime != SVG:
        # A picture needs its type to be shown in a page. Nothing else does.
        mime = UNKNOWN
    elif mime.startswith("text/"):
        mime = f"{mime}; charset=utf-8"
    policy = POLICY
    if mime.startswith(("audio/", "video/")):
        policy = MEDIA_POLICY
    elif mime == PDF:
        policy = PDF_POLICY
    return Content(
        size=found.size,
        etag=found.sha256,
        mime=mime,
        disposition=content_disposition(found.name, shown=is_shown(found.mime)),
        policy=policy,
        cache=FIXED if found.is_fixed else ASKED_AGAIN,
        open=lambda start, stop: _open(found.sha256, start, stop),
        sent_by_proxy=_proxy_header(found.sha256),
    )


def _open(sha256: str, start: int, stop: int) -> Source:
    store = file_store()
    path = store.path(sha256)
    if path is not None:
        return FileSource(path, start, stop)
    return PieceSource(store.read(sha256, start, stop), stop - start)


def _proxy_header(sha256: str) -> tuple[str, str] | None:
    """Return the header with which a proxy sends the file, if the site has such a proxy."""
    name, _, location = settings().files_sendfile.partition(":")
    path = file_store().path(sha256) if name else None
    if path is None:
        return None
    if not location:
        return name, str(path)
    return name, f"{location.rstrip('/')}/{path.parent.name}/{path.name}"
