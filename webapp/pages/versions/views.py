"""The views of earlier versions of a chat, and of the form with which a message is edited."""

from __future__ import annotations

import uuid

from flask import Blueprint, request
from werkzeug.exceptions import BadRequest

from webapp.accounts.guard import login_needed
from webapp.chats.store import my_chat
from webapp.pages.message_pages import parse_sequence
from webapp.pages.versions.version_page import render_edit_form, render_version

blueprint = Blueprint("versions", __name__)


@blueprint.get("/chats/<uuid:chat_id>/versions/<uuid:turn_id>")
@login_needed
def show(chat_id: uuid.UUID, turn_id: uuid.UUID) -> str:
    """Show a chat as it was right before a turn took the place of something."""
    chat = my_chat(chat_id)
    before = request.args.getlist("before")
    if len(before) > 1:  # which one?
        raise BadRequest
    return render_version(chat, turn_id, parse_sequence(before[0]) if before else None)


@blueprint.get("/chats/<uuid:chat_id>/messages/<uuid:message_id>/edit")
@login_needed
def edit_form(chat_id: uuid.UUID, message_id: uuid.UUID) -> str:
    """Show the form with which a message is edited: alone, or in the place of its link."""
    return render_edit_form(my_chat(chat_id), message_id)
