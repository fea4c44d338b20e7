"""Show the settings of a chat, and take what its user sets."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, url_for
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response

from webapp.accounts.guard import login_needed
from webapp.authoring.inputs.reading import list_widgets
from webapp.chats.store import StoredChat, my_chat
from webapp.engine.turn import RunningTurn
from webapp.pages.settings.form import EDIT, SettingsForm, read_settings_form
from webapp.pages.settings.panel import render_settings
from webapp.pages.turn_responses import respond_replaced
from webapp.turns.asking import StartedTurn, profile_of
from webapp.turns.form_keys import AlreadyAskedError
from webapp.turns.settings.changes import NoSettingsError, settings_of
from webapp.turns.settings.saving import edit_settings, save_settings
from webapp.turns.thread_budget import time_to_wait
from webapp.web.htmx import swap_whole, wants_fragment

blueprint = Blueprint("settings", __name__)

# How long a form waits for what the app makes of a change in it.
EDIT_SECONDS = 5.0


@blueprint.get("/chats/<uuid:chat_id>/settings")
@login_needed
def show(chat_id: uuid.UUID) -> str:
    """Show the settings of a chat: the panel, or a page."""
    template = "settings/_panel.html" if wants_fragment() else "settings/page.html"
    return render_settings(my_chat(chat_id), template)


@blueprint.post("/chats/<uuid:chat_id>/settings")
@login_needed
def save(chat_id: uuid.UUID) -> Response:
    """Save the settings of a chat, or let the app see a change that is not saved."""
    chat = my_chat(chat_id)
    form = read_settings_form()
    try:
        profile = profile_of(chat)
        if form.do == EDIT:
            edited = edit_settings(chat, profile, form.change, uuid.uuid4())
            return _respond_edited(chat, form, edited)
        turn = save_settings(chat, profile, form.change, form.key)
    except AlreadyAskedError:
        turn = None
    except (NotFound, NoSettingsError):
        raise
    except HTTPException as error:
        if form.do == EDIT:
            raise
        return _respond_refused(my_chat(chat_id), form, error)
    if not wants_fragment():
        return redirect(url_for("chats.show", chat_id=chat.id), 303)
    closed = render_template("settings/_closed.html")
    if turn is None:
        return make_response(closed)
    response = respond_replaced(chat, StartedTurn(turn, None))
    response.set_data(response.get_data(as_text=True) + closed)
    return response


def _respond_refused(chat: StoredChat, form: SettingsForm, error: HTTPException) -> Response:
    """Show the form with what was sent, and what is to be corrected."""
    template = "settings/_form.html" if wants_fragment() else "settings/page.html"
    html = render_settings(chat, template, form.fields, error)
    response = (
        swap_whole(html, "#settings-form", "outerHTML") if wants_fragment() else make_response(html)
    )
    response.status_code = error.code or 400
    for name, value in error.get_headers():
        if name == "Retry-After":
            response.headers[name] = value
    return response


def _respond_edited(chat: StoredChat, form: SettingsForm, turn: RunningTurn | None) -> Response:
    """Show another form, if the app has made one of a change, and what it said."""
    if turn is None or not wants_fragment():
        return make_response("", 204)
    with time_to_wait(EDIT_SECONDS) as seconds:
        turn.wait_until_stored(seconds)
    has_spoken = not turn.stored or any(not message.removed for message in turn.messages())
    now = my_chat(chat.id)
    before, after = settings_of(chat.inputs), settings_of(now.inputs)
    has_form = turn.chat.inputs.version > 0 and after is not None
    draft = _keep_draft(form, before or {}, after or {})
    if has_spoken:
        response = respond_replaced(chat, StartedTurn(turn, None))
        if has_form:
            html = render_settings(now, "settings/_edited.html", draft=draft)
            response.set_data(response.get_data(as_text=True) + html)
        return response
    if not has_form:
        return make_response("", 204)
    html = render_settings(now, "settings/_form.html", draft=draft)
    return swap_whole(html, "#settings-form")


def _keep_draft(
    form: SettingsForm, before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, list[str]]:
    """Return what the user has in the form for the widgets that the app has left as they were.

    If the app has set values, the form shows those.
    """
    if before.get("values") != after.get("values"):
        return {}
    old = list_widgets(before.get("widgets", ()))
    new = list_widgets(after.get("widgets", ()))
    kept = [widget for widget in new if widget in old and not widget["disabled"]]
    return {widget["id"]: form.fields.get(widget["id"], []) for widget in kept}
