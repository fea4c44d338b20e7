"""Answering what the app has asked."""

from __future__ import annotations

import uuid

from flask import Blueprint
from werkzeug.wrappers import Response

from webapp.accounts.guard import login_needed
from webapp.chats.store import my_chat
from webapp.pages.questions.answers import refuse_unknown_fields, take_answer
from webapp.pages.recovered_text import register_text_recovery
from webapp.turns.questions.answering import find_question

blueprint = Blueprint("questions", __name__)
register_text_recovery(blueprint)


@blueprint.post("/chats/<uuid:chat_id>/questions/<uuid:question_id>")
@login_needed
def answer(chat_id: uuid.UUID, question_id: uuid.UUID) -> Response:
    """Take the answer to a question of the app."""
    refuse_unknown_fields()
    chat = my_chat(chat_id)
    return take_answer(chat, find_question(chat, question_id))
