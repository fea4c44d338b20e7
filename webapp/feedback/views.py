"""The view that stores the rating of an answer."""

from __future__ import annotations

import uuid

from flask import Blueprint, make_response, redirect, render_template, url_for
from werkzeug.wrappers import Response

from webapp.accounts.guard import login_needed
from webapp.chats.store import my_chat
from webapp.feedback.forms import CommentTooLongError, FeedbackForm
from webapp.feedback.notification import notify_app
from webapp.feedback.ratings import NONE, store_rating
from webapp.pages.chat_addresses import addresses_of
from webapp.pages.chat_page import Notice, render_chat
from webapp.pages.message_actions import RefusedText, build_actions, with_ratings
from webapp.pages.recovered_text import register_text_recovery
from webapp.web.errors import explanation
from webapp.web.htmx import wants_fragment

blueprint = Blueprint("feedback", __name__)
register_text_recovery(blueprint)


@blueprint.post("/chats/<uuid:chat_id>/messages/<uuid:message_id>/feedback")
@login_needed
def rate(chat_id: uuid.UUID, message_id: uuid.UUID) -> Response:
    """Store the rating of an answer."""
    chat = my_chat(chat_id)
    form = FeedbackForm()
    value = form.rating()
    try:
        comment = form.reason()
    except CommentTooLongError as error:
        # With JavaScript, the comment is still in its field.
        if wants_fragment():
            raise
        what = explanation(error)
        notice = Notice(f"{what.title}. {what.message} {what.advice}", is_error=True)
        refused_text = RefusedText(message_id, form.comment.data or "")
        html = render_chat(chat, "chats/page.html", [notice], refused_text=refused_text)
        return make_response(html, error.code)
    change = store_rating(chat, message_id, value, comment)
    if change is not None:
        notify_app(chat, change)
    if not wants_fragment():
        place = f"message-{message_id}"
        return redirect(url_for("chats.show", chat_id=chat.id, _anchor=place), 303)
    message = {"id": message_id}
    if comment is not None:
        return make_response(render_template("chats/_thanks.html", message=message, thanks=True))
    thanks = {} if value == NONE else {"thanks": True}
    actions = with_ratings(build_actions(addresses_of(chat.id), None), chat.id)
    html = render_template("chats/_rating.html", message=message, actions=actions, **thanks)
    return make_response(html)
