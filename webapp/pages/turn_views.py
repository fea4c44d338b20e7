"""Saying something in a chat, and watching, stopping and repeating the answer."""

from __future__ import annotations

import uuid

from flask import Blueprint, make_response, redirect, request, url_for
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response

from webapp.accounts.guard import login_needed
from webapp.chats.store import StoredChat, my_chat
from webapp.pages.forms import EditForm, MessageForm, RetryForm, StopForm
from webapp.pages.recovered_text import keep_texts_of
from webapp.pages.turn_responses import (
    answer_to,
    asked_before,
    followed,
    not_taken,
    replaced_by,
    resumed,
    went_on,
)
from webapp.turns.asking import ask, ask_again, profile_of, stop_turn
from webapp.turns.asking import resume as resume_chat
from webapp.turns.claiming import NotOverError
from webapp.turns.form_keys import AlreadyAskedError, sent_with
from webapp.turns.replacing import answer_to_replace, question_to_edit
from webapp.turns.stored_turns import get_turn, last_turn, question_to_retry
from webapp.web.forms import expect_no_fields
from webapp.web.htmx import wants_fragment

blueprint = Blueprint("turns", __name__)
keep_texts_of(blueprint)


@blueprint.post("/chats/<uuid:chat_id>/messages")
@login_needed
def say(chat_id: uuid.UUID) -> Response:
    """Take a message, and answer with what comes of it."""
    chat = my_chat(chat_id)
    form = MessageForm()
    try:
        profile = profile_of(chat)
        asked = ask(chat, profile, form.question())
    except AlreadyAskedError as error:
        if error.content == form.question().content:
            return asked_before(chat, from_composer=True)
        return not_taken(chat, form.draft, error.with_another_text())
    except NotFound:
        raise
    except HTTPException as error:
        if _was_said(chat, form):
            return asked_before(chat, from_composer=True)
        return not_taken(chat, form.draft, error)
    return answer_to(chat, asked)


def _was_said(chat: StoredChat, form: MessageForm) -> bool:
    # What would be refused now may have been taken the first time (R57).
    try:
        question = form.question()
    except HTTPException:
        return False
    return sent_with(chat.id, question.key) == question.content


@blueprint.post("/chats/<uuid:chat_id>/retry")
@login_needed
def retry(chat_id: uuid.UUID) -> Response:
    """Answer a message once more, after an answer that did not come to its end."""
    chat = my_chat(chat_id)
    form = RetryForm()
    if sent_with(chat.id, form.form_key()) is not None:
        return asked_before(chat)
    profile = profile_of(chat)
    try:
        question_id = question_to_retry(chat, form.turn_id())
        asked = ask_again(chat, profile, question_id, form.form_key())
    except AlreadyAskedError:
        return asked_before(chat)
    return answer_to(chat, asked)


@blueprint.post("/chats/<uuid:chat_id>/resume")
@login_needed
def resume(chat_id: uuid.UUID) -> Response:
    """Resume a chat that is over; of one that is not, show how it stands."""
    chat = my_chat(chat_id)
    expect_no_fields()
    try:
        asked = resume_chat(chat, profile_of(chat))
    except NotOverError:
        return asked_before(chat)
    except NotFound:
        raise
    except HTTPException as error:
        return not_taken(chat, "", error)
    return resumed(chat, asked)


@blueprint.post("/chats/<uuid:chat_id>/edit")
@login_needed
def edit(chat_id: uuid.UUID) -> Response:
    """Take another text for the last message, and answer that instead."""
    chat = my_chat(chat_id)
    form = EditForm()
    message_id = form.message_id()
    try:
        profile = profile_of(chat)
        replaced = question_to_edit(chat, message_id)
        asked = ask(chat, profile, form.question(), replaced)
    except AlreadyAskedError as error:
        if error.content == form.question().content:
            return asked_before(chat)
        return not_taken(chat, form.draft, error.with_another_text(), message_id)
    except NotFound:
        raise
    except HTTPException as error:
        if _was_said(chat, form):
            return asked_before(chat)
        return not_taken(chat, form.draft, error, message_id)
    return replaced_by(chat, asked)


@blueprint.post("/chats/<uuid:chat_id>/regenerate")
@login_needed
def regenerate(chat_id: uuid.UUID) -> Response:
    """Answer the last message once more, in the place of its answer."""
    chat = my_chat(chat_id)
    form = RetryForm()
    if sent_with(chat.id, form.form_key()) is not None:
        return asked_before(chat)
    profile = profile_of(chat)
    try:
        replaced = answer_to_replace(chat, form.turn_id())
        asked = ask_again(chat, profile, replaced.question_id, form.form_key(), replaced)
    except AlreadyAskedError:
        return asked_before(chat)
    return replaced_by(chat, asked)


@blueprint.post("/chats/<uuid:chat_id>/stop")
@login_needed
def stop(chat_id: uuid.UUID) -> Response:
    """Stop the answer that is being written; whoever watches is told by the turn itself."""
    chat = my_chat(chat_id)
    form = StopForm()
    stop_turn(chat, form.turn_id())
    if wants_fragment():
        return make_response("", 204)
    return redirect(url_for("chats.show", chat_id=chat.id), 303)


@blueprint.get("/chats/<uuid:chat_id>/turns/<uuid:turn_id>")
@login_needed
def follow(chat_id: uuid.UUID, turn_id: uuid.UUID) -> Response:
    """Tell a page how a turn goes on."""
    chat = my_chat(chat_id)
    turn = get_turn(chat, turn_id)
    if not wants_fragment():
        return redirect(url_for("chats.show", chat_id=chat.id), 303)
    return followed(chat, turn, shown_as_lost="lost" in request.args)


@blueprint.get("/chats/<uuid:chat_id>/news")
@login_needed
def news(chat_id: uuid.UUID) -> Response:
    """Tell a page that was idle how its chat stands, if it has gone on after the turn named."""
    chat = my_chat(chat_id)
    if not wants_fragment():
        return redirect(url_for("chats.show", chat_id=chat.id), 303)
    last = last_turn(chat)
    known = (request.args.get("after"), request.args.get("under"))
    if known == (str(last.id) if last else "", chat.profile or ""):
        return make_response("", 204)
    return went_on(chat, known[1], request.args.get("first"))
