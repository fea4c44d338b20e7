"""Export and import."""

from __future__ import annotations

import logging
import uuid

from flask import Blueprint, Response, make_response, render_template, request, url_for
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response as BaseResponse

from webapp.accounts.guard import login_needed
from webapp.accounts.login import owner
from webapp.accounts.sessions.recent_action import remember_action
from webapp.chats.store import my_chat
from webapp.database.engines import utc_now
from webapp.files.contents import FilesUnavailableError
from webapp.files.upload_rules import megabytes
from webapp.pages.recovered_text import register_text_recovery
from webapp.profiles.offer import current_choice, offered_profiles
from webapp.site import settings
from webapp.transfer.downloads import read_format, send_export
from webapp.transfer.export_data import find_chat_ids
from webapp.transfer.forms import ImportForm
from webapp.transfer.import_data import MOST_CHATS, MOST_MESSAGES
from webapp.transfer.import_limits import TooManyImportsError, only_import
from webapp.transfer.importing import import_sent
from webapp.transfer.strict_json import NotAsExpectedError
from webapp.web.errors import RETRY_SECONDS
from webapp.web.htmx import go_to, wants_fragment
from webapp.web.log import log_event
from webapp.web.uploads.multipart import MULTIPART_TYPE

blueprint = Blueprint("transfer", __name__)
register_text_recovery(blueprint)

NO_STORE = "Files cannot be stored at the moment. Wait a few seconds, then import the file again."


@blueprint.get("/chats/<uuid:chat_id>/export")
@login_needed
def export_chat(chat_id: uuid.UUID) -> Response:
    """Send a chat as a file."""
    chat = my_chat(chat_id)
    return send_export([chat.id], chat.title or "Chat", read_format())


@blueprint.get("/chats/export")
@login_needed
def export_all() -> Response:
    """Send all chats of this user as a file."""
    form = read_format()
    return send_export(find_chat_ids(owner()), "All chats", form)


@blueprint.get("/chats/import")
@login_needed
def import_page() -> Response:
    """Show the form that imports chats."""
    return _page()


@blueprint.post("/chats/import")
@login_needed
def import_chats() -> BaseResponse:
    """Store the chats of an export as new chats of this user."""
    sent = ImportForm().pasted.data
    if sent is None and request.mimetype != MULTIPART_TYPE:
        raise BadRequest
    pasted = sent or ""
    try:
        with only_import(owner()):
            ids = import_sent(pasted, utc_now())
    except NotAsExpectedError as error:
        return _page(pasted, str(error), 422)
    except TooManyImportsError as error:
        page = _page(pasted, error.problem, 429)
        page.headers["Retry-After"] = str(error.seconds)
        return page
    except FilesUnavailableError as error:
        log_event("files.unavailable", level=logging.ERROR, error=str(error))
        page = _page(pasted, NO_STORE, 503)
        page.headers["Retry-After"] = str(RETRY_SECONDS)
        return page
    log_event("chats.imported", owner=owner(), chats=len(ids))
    remember_action("import")
    if len(ids) == 1:
        return go_to(url_for("chats.show", chat_id=ids[0], imported=""))
    return go_to(url_for("history.listing", imported=len(ids)))


def _page(pasted: str = "", problem: str | None = None, status: int = 200) -> Response:
    offer = offered_profiles()
    html = render_template(
        "transfer/_import.html" if wants_fragment() else "transfer/import.html",
        offer=offer,
        current=offer.default(current_choice()),
        pasted=pasted,
        problem=problem,
        most_chats=MOST_CHATS,
        most_messages=MOST_MESSAGES,
        most_file_megabytes=megabytes(settings().file_bytes),
    )
    return make_response(html, status)
