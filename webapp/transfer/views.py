"""Export and import."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response, make_response, render_template, url_for
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response as BaseResponse

from webapp.accounts.guard import login_needed
from webapp.accounts.login import owner, owner_of_new_chats
from webapp.accounts.sessions.recent_action import remember_action
from webapp.accounts.sessions.visitor_limits import count_visitors_start
from webapp.chats.store import my_chat
from webapp.database.engines import read_connection, utc_now
from webapp.pages.recovered_text import register_text_recovery
from webapp.profiles.offer import current_choice, offered_profiles
from webapp.site import settings
from webapp.transfer.downloads import read_format, send_export
from webapp.transfer.export_data import find_chat_ids
from webapp.transfer.forms import ImportForm
from webapp.transfer.import_data import MOST_CHATS, MOST_MESSAGES, parse_export
from webapp.transfer.import_limits import TooManyImportsError, only_import, refuse_too_many
from webapp.transfer.import_rows import store_chats
from webapp.transfer.strict_json import NotAsExpectedError
from webapp.web.htmx import go_to, wants_fragment
from webapp.web.log import log_event

blueprint = Blueprint("transfer", __name__)
register_text_recovery(blueprint)

EMPTY = "There is nothing to import yet. Paste the text of an export in the format JSON."


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
    form = ImportForm()
    pasted = form.pasted.data
    if pasted is None:
        raise BadRequest
    if not pasted.strip():
        return _page(problem=EMPTY, status=422)
    now = utc_now()
    try:
        with only_import(owner()):
            with read_connection() as connection:
                refuse_too_many(connection, settings(), owner(), now)
            chats = parse_export(pasted, now)
            count_visitors_start()
            ids = store_chats(chats, owner_of_new_chats(), now)
    except NotAsExpectedError as error:
        return _page(pasted, str(error), 422)
    except TooManyImportsError as error:
        page = _page(pasted, error.problem, 429)
        page.headers["Retry-After"] = str(error.seconds)
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
    )
    return make_response(html, status)
