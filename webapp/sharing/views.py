"""Sharing a chat, and reading one that is shared."""

from __future__ import annotations

import re
import uuid

from flask import Blueprint, Response, make_response, redirect, request, url_for
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response as BaseResponse

from webapp.accounts.guard import login_needed
from webapp.chats.store import StoredChat, my_chat
from webapp.sharing import links
from webapp.sharing.access import refuse_unless_readable, sharing_needed
from webapp.sharing.shared_chat import find_shared
from webapp.sharing.shared_page import manage_html, shared_html
from webapp.web.forms import expect_no_fields
from webapp.web.htmx import wants_fragment
from webapp.web.log import log_event

blueprint = Blueprint("sharing", __name__)

SHARED = "This chat is shared. Whoever you send the link can read it now."
STOPPED = "This chat is not shared any more. The link leads nowhere now."
_SEQUENCE = re.compile(r"[0-9]{1,9}", re.ASCII)


@blueprint.get("/chats/<uuid:chat_id>/share")
@login_needed
@sharing_needed
def manage(chat_id: uuid.UUID) -> str:
    """Show whether and how a chat is shared."""
    chat = my_chat(chat_id)
    return manage_html(chat, "sharing/_manage.html" if wants_fragment() else "sharing/manage.html")


@blueprint.post("/chats/<uuid:chat_id>/share")
@login_needed
@sharing_needed
def share(chat_id: uuid.UUID) -> BaseResponse:
    """Share a chat as it is now, under the link that it has or a new one."""
    chat = my_chat(chat_id)
    expect_no_fields()
    links.share(chat)
    log_event("chat.shared", owner=chat.owner, chat=chat.id)
    return _changed(chat, SHARED)


@blueprint.post("/chats/<uuid:chat_id>/unshare")
@login_needed
@sharing_needed
def unshare(chat_id: uuid.UUID) -> BaseResponse:
    """Take the link of a chat back, for good."""
    chat = my_chat(chat_id)
    expect_no_fields()
    if links.unshare(chat):
        log_event("chat.unshared", owner=chat.owner, chat=chat.id)
    return _changed(chat, STOPPED)


@blueprint.get("/shared/<token>")
@login_needed
@sharing_needed
def view(token: str) -> Response:
    """Show a shared chat, to read."""
    chat = find_shared(token)
    refuse_unless_readable(chat)
    response = make_response(shared_html(chat, _before()))
    # Who finds it by a search engine was not sent it.
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _changed(chat: StoredChat, notice: str) -> BaseResponse:
    if wants_fragment():
        return make_response(manage_html(chat, "sharing/_changed.html", notice))
    return redirect(url_for("sharing.manage", chat_id=chat.id), 303)


def _before() -> int | None:
    asked = request.args.getlist("before")
    if not asked:
        return None
    if len(asked) > 1 or not _SEQUENCE.fullmatch(asked[0]):
        raise BadRequest
    return int(asked[0])
