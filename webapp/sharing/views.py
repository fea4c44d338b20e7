"""Share a chat, and read a shared chat."""

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
from webapp.sharing.shared_page import render_share_settings, render_shared_chat
from webapp.web.forms import expect_no_fields
from webapp.web.htmx import wants_fragment
from webapp.web.log import log_event

blueprint = Blueprint("sharing", __name__)

SHARED = "This chat is shared. Anyone with the link can read it."
STOPPED = "This chat is no longer shared. The link no longer works."
_SEQUENCE = re.compile(r"[0-9]{1,9}", re.ASCII)


@blueprint.get("/chats/<uuid:chat_id>/share")
@login_needed
@sharing_needed
def manage(chat_id: uuid.UUID) -> str:
    """Show whether and how a chat is shared."""
    chat = my_chat(chat_id)
    template = "sharing/_manage.html" if wants_fragment() else "sharing/manage.html"
    return render_share_settings(chat, template)


@blueprint.post("/chats/<uuid:chat_id>/share")
@login_needed
@sharing_needed
def share(chat_id: uuid.UUID) -> BaseResponse:
    """Share a chat as it is now, under its link or a new one."""
    chat = my_chat(chat_id)
    expect_no_fields()
    links.share(chat)
    log_event("chat.shared", owner=chat.owner, chat=chat.id)
    return _respond_changed(chat, SHARED)


@blueprint.post("/chats/<uuid:chat_id>/unshare")
@login_needed
@sharing_needed
def unshare(chat_id: uuid.UUID) -> BaseResponse:
    """Delete the link of a chat for good."""
    chat = my_chat(chat_id)
    expect_no_fields()
    if links.unshare(chat):
        log_event("chat.unshared", owner=chat.owner, chat=chat.id)
    return _respond_changed(chat, STOPPED)


@blueprint.get("/shared/<token>")
@login_needed
@sharing_needed
def view(token: str) -> Response:
    """Show a shared chat: its newest messages, or those before the one that ``before`` names."""
    chat = find_shared(token)
    refuse_unless_readable(chat)
    before = request.args.getlist("before")
    if len(before) > 1 or not all(_SEQUENCE.fullmatch(number) for number in before):
        raise BadRequest
    response = make_response(render_shared_chat(chat, int(before[0]) if before else None))
    # A link is for those it was sent to, and not for whoever finds it by a search engine.
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _respond_changed(chat: StoredChat, notice: str) -> BaseResponse:
    if wants_fragment():
        return make_response(render_share_settings(chat, "sharing/_changed.html", notice))
    return redirect(url_for("sharing.manage", chat_id=chat.id), 303)
