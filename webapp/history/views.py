"""The views of the history: list, search, and the changes of a chat."""

from __future__ import annotations

import uuid

from flask import Blueprint, make_response, redirect, render_template, url_for
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from webapp.accounts.guard import login_needed
from webapp.accounts.login import owner
from webapp.chats.store import my_chat
from webapp.history import sidebar
from webapp.history.changing import (
    delete_all_chats,
    delete_chat,
    pin_chat,
    rename_chat,
    restore_chat,
)
from webapp.history.deletion_job import delete_soon
from webapp.history.forms import InvalidTitleError, PinForm, TitleForm, read_query
from webapp.pages.recovered_text import register_text_recovery
from webapp.turns.asking import stop_turn
from webapp.web.forms import expect_no_fields
from webapp.web.htmx import came_from_page, go_to, swap_whole, wants_fragment
from webapp.web.log import log_event

blueprint = Blueprint("history", __name__)
register_text_recovery(blueprint)


@blueprint.get("/chats")
@login_needed
def listing() -> str:
    """Show the chats of this user: newest first, or the results of a search."""
    query = read_query()
    return sidebar.list_html(query) if wants_fragment() else sidebar.page_html(query)


@blueprint.get("/chats/<uuid:chat_id>/menu")
@login_needed
def menu(chat_id: uuid.UUID) -> str:
    """Show the menu of a chat."""
    chat = my_chat(chat_id)
    if wants_fragment():
        return sidebar.item_html(chat, is_open=True)
    return sidebar.chat_page_html(chat)


@blueprint.post("/chats/<uuid:chat_id>/title")
@login_needed
def set_title(chat_id: uuid.UUID) -> Response:
    """Give a chat another title."""
    chat = my_chat(chat_id)
    form = TitleForm()
    try:
        rename_chat(chat, form.new_title())
    except InvalidTitleError as error:
        problem = f"{error.message} {error.advice}"
        more = {"draft": form.title.data or "", "problem": problem}
        if not wants_fragment():
            return make_response(sidebar.chat_page_html(chat, **more), error.code)
        html = sidebar.item_html(chat, is_open=True, **more)
        response = swap_whole(html, f"#item-{chat.id}", "outerHTML")
        response.status_code = error.code
        return response
    if not wants_fragment():
        return redirect(url_for("history.menu", chat_id=chat.id), 303)
    is_open_page = came_from_page(url_for("chats.show", chat_id=chat.id))
    return make_response(sidebar.item_html(chat, is_open=False, names_page=is_open_page))


@blueprint.post("/chats/<uuid:chat_id>/pin")
@login_needed
def set_pin(chat_id: uuid.UUID) -> Response:
    """Pin a chat to the top, or unpin it."""
    chat = my_chat(chat_id)
    form = PinForm()
    pin_chat(chat, pinned=form.is_pinned())
    if wants_fragment():
        # The chat moves, so the page asks for the whole list again.
        closed = sidebar.item_html(chat, is_open=False)
        return make_response(closed + render_template("chats/_listed.html"))
    return redirect(url_for("history.menu", chat_id=chat.id), 303)


@blueprint.post("/chats/<uuid:chat_id>/delete")
@login_needed
def delete(chat_id: uuid.UUID) -> Response:
    """Delete a chat, and offer to restore it."""
    chat = my_chat(chat_id)
    expect_no_fields()
    stop_turn(chat, None)
    delete_chat(chat)
    log_event("chat.deleted", owner=chat.owner, chat=chat.id)
    delete_soon()
    if not wants_fragment():
        return redirect(url_for("history.listing", deleted=chat.id), 303)
    if came_from_page(url_for("chats.show", chat_id=chat.id)):
        return go_to(url_for("chats.new", deleted=chat.id))
    deleted = sidebar.DeletedChat(chat.id, chat.title or "")
    return make_response(render_template("history/_gone.html", deleted=deleted))


@blueprint.post("/chats/<uuid:chat_id>/restore")
@login_needed
def restore(chat_id: uuid.UUID) -> Response:
    """Restore a deleted chat."""
    expect_no_fields()
    chats_of = owner()
    if chats_of is None or not restore_chat(chats_of, chat_id):
        log_event("chat.not_found", owner=chats_of, chat=chat_id)
        raise NotFound
    return go_to(url_for("chats.show", chat_id=chat_id))


@blueprint.post("/chats/clear")
@login_needed
def clear() -> Response:
    """Delete all chats of this user."""
    expect_no_fields()
    chats_of = owner()
    if chats_of is not None:
        log_event("chats.cleared", owner=chats_of, count=delete_all_chats(chats_of))
        delete_soon()
    return go_to(url_for("history.listing"))
