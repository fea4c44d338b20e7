"""Saying something in a chat, and watching, stopping and repeating the answer."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import cast

from flask import Blueprint, make_response, redirect, request, url_for
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response

from webapp.accounts.guard import login_needed
from webapp.accounts.sessions.visitor_limits import visitors_files
from webapp.authoring.profiles.profile import ChatProfile
from webapp.chats.store import StoredChat, my_chat
from webapp.files.receiving import received_files
from webapp.files.upload_rules import find_upload_rules
from webapp.pages.composer_choices import read_choices
from webapp.pages.forms import (
    EditForm,
    KeyedForm,
    MessageForm,
    PressForm,
    RetryForm,
    StopForm,
    WindowForm,
)
from webapp.pages.late_news import find_late_end, shows_all
from webapp.pages.questions.answers import find_asked, take_text_answer
from webapp.pages.recovered_text import CHOOSE_AGAIN, has_files, register_text_recovery
from webapp.pages.turn_responses import (
    respond_as_it_stands,
    respond_pressed,
    respond_refused,
    respond_replaced,
    respond_resumed,
    respond_started,
    respond_to_follower,
    respond_with_news,
)
from webapp.profiles.answering import allows_editing
from webapp.profiles.icons import label
from webapp.site import settings
from webapp.turns.actions.pressing import press_action
from webapp.turns.asking import (
    StartedTurn,
    answer_to_replace,
    ask,
    ask_again,
    profile_of,
    stop_turn,
)
from webapp.turns.asking import resume as resume_chat
from webapp.turns.claiming import ChatNotEndedError
from webapp.turns.form_keys import AlreadyAskedError, FormReusedError, find_sent_message
from webapp.turns.replacing import EditingOffError, question_to_edit
from webapp.turns.stored_turns import get_turn, last_turn, turn_to_retry
from webapp.turns.windows.receiving import take_window_message
from webapp.web.forms import expect_no_fields
from webapp.web.htmx import STOPPED, wants_fragment
from webapp.web.request_guards import FormRequest

blueprint = Blueprint("turns", __name__)
register_text_recovery(blueprint)


@blueprint.post("/chats/<uuid:chat_id>/messages")
@login_needed
def say(chat_id: uuid.UUID) -> Response:
    """Take a message, and answer it. While the app asks for a text, the message is the answer."""
    chat = my_chat(chat_id)
    asked = find_asked(chat)
    if asked is not None:
        return take_text_answer(chat, asked)
    form = MessageForm()

    def begin(profile: ChatProfile | None) -> StartedTurn:
        sent = cast(FormRequest, request)
        if not sent.has_parts:
            return ask(chat, profile, form.question(choices=read_choices(form, chat, profile)))
        # Before the files are read: its text may be too long, or its key malformed.
        form.question(has_files=sent.multipart.has_files)
        choices = read_choices(form, chat, profile)
        rules = find_upload_rules(profile)
        with (
            visitors_files(sent.content_length or 0),
            received_files(sent, rules, chat.owner) as files,
        ):
            return ask(chat, profile, form.question(files, choices=choices))

    return _attempt(chat, form, begin, respond_started)


@blueprint.post("/chats/<uuid:chat_id>/retry")
@login_needed
def retry(chat_id: uuid.UUID) -> Response:
    """Answer a message once more, after an answer that failed or was stopped."""
    chat = my_chat(chat_id)
    form = RetryForm()
    turn_id, key = form.turn_id(), form.form_key()

    def begin(profile: ChatProfile | None) -> StartedTurn:
        turn = turn_to_retry(chat, turn_id)
        if turn.action_id is not None:
            return press_action(chat, profile, turn.action_id, key, fields=None)
        return ask_again(chat, profile, cast(uuid.UUID, turn.question_id), key)

    return _attempt(chat, form, begin, respond_started)


@blueprint.post("/chats/<uuid:chat_id>/actions/<uuid:action_id>")
@login_needed
def press(chat_id: uuid.UUID, action_id: uuid.UUID) -> Response:
    """Run what the app file has for a button."""
    chat = my_chat(chat_id)
    form = PressForm()
    key, fields, message_id = form.form_key(), form.fields(), form.message_id()

    def begin(profile: ChatProfile | None) -> StartedTurn:
        return press_action(chat, profile, action_id, key, fields, message_id)

    return _attempt(chat, form, begin, respond_pressed)


@blueprint.post("/chats/<uuid:chat_id>/resume")
@login_needed
def resume(chat_id: uuid.UUID) -> Response:
    """Resume a chat that has ended; if it has not, show how it stands."""
    chat = my_chat(chat_id)
    expect_no_fields()

    def begin(profile: ChatProfile | None) -> StartedTurn:
        return resume_chat(chat, profile)

    return _attempt(chat, None, begin, respond_resumed)


@blueprint.post("/chats/<uuid:chat_id>/edit")
@login_needed
def edit(chat_id: uuid.UUID) -> Response:
    """Take another text for the last message, and answer that instead."""
    chat = my_chat(chat_id)
    form = EditForm()
    message_id = form.message_id()

    def begin(profile: ChatProfile | None) -> StartedTurn:
        if not allows_editing(profile):
            site = settings().site_name or "Chat Profiles"
            raise EditingOffError(subject=label(profile) if profile else site)
        replacement = question_to_edit(chat, message_id)
        question = form.question(has_files=bool(replacement.elements))
        return ask(chat, profile, question, replacement)

    return _attempt(chat, form, begin, respond_replaced)


@blueprint.post("/chats/<uuid:chat_id>/regenerate")
@login_needed
def regenerate(chat_id: uuid.UUID) -> Response:
    """Answer the last message once more, in the place of its answer."""
    chat = my_chat(chat_id)
    form = RetryForm()
    turn_id, key = form.turn_id(), form.form_key()

    def begin(profile: ChatProfile | None) -> StartedTurn:
        replacement = answer_to_replace(chat, turn_id)
        return ask_again(chat, profile, replacement.question_id, key, replacement)

    return _attempt(chat, form, begin, respond_replaced)


def _attempt(
    chat: StoredChat,
    form: MessageForm | RetryForm | PressForm | WindowForm | None,
    begin: Callable[[ChatProfile | None], StartedTurn],
    respond: Callable[[StoredChat, StartedTurn], Response],
) -> Response:
    """Begin a turn under the chat's profile, and respond with it.

    A form that was sent before begins nothing: the response shows the chat as it stands. If the
    turn is refused, the response keeps the text that was written.
    """
    # Its field is free for the next message.
    from_composer = isinstance(form, MessageForm) and not isinstance(form, EditForm)
    try:
        started = begin(profile_of(chat))
    except ChatNotEndedError:
        return respond_as_it_stands(chat)
    except AlreadyAskedError:
        return respond_as_it_stands(chat, from_composer=from_composer)
    except NotFound:
        raise
    except FormReusedError as error:
        if isinstance(form, PressForm):
            raise
        refusal: HTTPException = error
    except HTTPException as error:
        # What is refused now may have been accepted the first time.
        if _was_sent(chat, form):
            return respond_as_it_stands(chat, from_composer=from_composer)
        if isinstance(form, RetryForm | PressForm | WindowForm):  # in which nothing was written
            raise
        refusal = error
    else:
        return respond(chat, started)
    draft = form.draft if isinstance(form, MessageForm) else ""
    replaces = form.message_id() if isinstance(form, EditForm) else None
    again = CHOOSE_AGAIN if from_composer and has_files() else ""
    return respond_refused(chat, draft, refusal, replaces, again)


def _was_sent(chat: StoredChat, form: KeyedForm | None) -> bool:
    if form is None:
        return False
    try:
        content = None
        if isinstance(form, MessageForm):
            content = form.question(has_files=True).content
        sent = find_sent_message(chat.id, form.form_key())
    except HTTPException:
        return False
    return sent is not None and content in (None, sent.content)


@blueprint.post("/chats/<uuid:chat_id>/stop")
@login_needed
def stop(chat_id: uuid.UUID) -> Response:
    """Stop the answer that is being written; whoever watches is told by the turn itself."""
    chat = my_chat(chat_id)
    form = StopForm()
    stop_turn(chat, form.turn_id())
    if wants_fragment():
        return make_response("", 204, [STOPPED])
    return redirect(url_for("chats.show", chat_id=chat.id), 303)


@blueprint.get("/chats/<uuid:chat_id>/turns/<uuid:turn_id>")
@login_needed
def follow(chat_id: uuid.UUID, turn_id: uuid.UUID) -> Response:
    """Tell a page how a turn goes on."""
    chat = my_chat(chat_id)
    turn = get_turn(chat, turn_id)
    if not wants_fragment():
        return redirect(url_for("chats.show", chat_id=chat.id), 303)
    return respond_to_follower(
        chat,
        turn,
        shown_as_lost="lost" in request.args,
        waits_for=request.args.get("waiting", ""),
    )


@blueprint.post("/chats/<uuid:chat_id>/window-messages")
@login_needed
def hear_window(chat_id: uuid.UUID) -> Response:
    """Run what the app file has for messages of the page around the chat."""
    chat = my_chat(chat_id)
    form = WindowForm()
    key, message = form.form_key(), form.message()

    def begin(profile: ChatProfile | None) -> StartedTurn:
        return take_window_message(chat, profile, key, message)

    return _attempt(chat, form, begin, respond_resumed)


@blueprint.get("/chats/<uuid:chat_id>/news")
@login_needed
def news(chat_id: uuid.UUID) -> Response:
    """Tell a page that was idle how its chat stands, if it has gone on after the turn named."""
    chat = my_chat(chat_id)
    if not wants_fragment():
        return redirect(url_for("chats.show", chat_id=chat.id), 303)
    last = last_turn(chat)
    known = (request.args.get("after"), request.args.get("under"))
    until = find_late_end(chat, request.args.get("until", ""))
    is_same = known == (str(last.id) if last else "", chat.profile or "")
    if is_same and ("until" not in request.args or shows_all(chat, until)):
        return make_response("", 204)
    return respond_with_news(chat, known[1], request.args.get("first"), until)
