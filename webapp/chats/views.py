"""The chat page."""

from __future__ import annotations

import uuid

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from webapp.accounts.guard import login_needed
from webapp.accounts.login import owner
from webapp.chats.ending import end_other_chats
from webapp.chats.forms import ProfileForm, StartForm
from webapp.chats.pages import Said, chat_html, new_chat_html, vanished_notice
from webapp.chats.snapshots import as_it_looked
from webapp.chats.start import StartedChat, continue_chat, start_chat
from webapp.chats.store import get_chat
from webapp.chats.switching import name_by_now, switch_chat
from webapp.profiles.offer import chosen_name, offered_profiles, vanished_choice
from webapp.web.htmx import at_address, came_from, swap_whole, wants_fragment

blueprint = Blueprint("chats", __name__)


@blueprint.get("/")
@login_needed
def new() -> str:
    """Show the page of a chat that is about to start; writes nothing."""
    offer = offered_profiles()
    vanished = vanished_choice()
    notices = [] if vanished is None else [vanished_notice(offer, vanished)]
    return new_chat_html(offer.default(chosen_name()), notices)


@blueprint.post("/chats")
@login_needed
def start() -> Response:
    """Start a chat, with the chosen profile or the default one."""
    form = StartForm()
    form.refuse_strange_fields()
    if not form.validate():
        raise BadRequest
    started = start_chat(form.profile.data)
    end_other_chats(started.chat, started.replaced)
    url = url_for("chats.show", chat_id=started.chat.id)
    if not wants_fragment():
        # Said by the page that comes next; without the name, which anybody could put there.
        return redirect(f"{url}?vanished" if started.vanished else url, 303)
    replaced = [row.id for row in started.replaced]
    return at_address(_started(started), url, replace=_is_left_for_good(replaced))


@blueprint.get("/chats/<uuid:chat_id>")
@login_needed
def show(chat_id: uuid.UUID) -> str:
    """Show a chat."""
    chat = get_chat(chat_id, owner())
    notices = [vanished_notice(offered_profiles())] if "vanished" in request.args else []
    return chat_html(chat, "chats/_chat.html" if wants_fragment() else "chats/page.html", notices)


@blueprint.post("/chats/<uuid:chat_id>/continue")
@login_needed
def continue_with(chat_id: uuid.UUID) -> Response:
    """Start a chat that goes on with what was said in one whose profile was withdrawn."""
    chat = get_chat(chat_id, owner())
    form = ProfileForm()
    form.refuse_strange_fields()
    started = continue_chat(chat, form.name())
    end_other_chats(started.chat, started.replaced)
    url = url_for("chats.show", chat_id=started.chat.id)
    if not wants_fragment():
        return redirect(url, 303)
    html = chat_html(started.chat, "chats/_started.html", oob=True)
    return at_address(html, url, replace=False)


@blueprint.post("/chats/<uuid:chat_id>/profile")
@login_needed
def switch(chat_id: uuid.UUID) -> Response:
    """Let a chat go on under another profile."""
    chat = get_chat(chat_id, owner())
    form = ProfileForm()
    form.refuse_strange_fields()
    switched = switch_chat(chat, form.name())
    if not wants_fragment():
        return redirect(url_for("chats.show", chat_id=chat.id), 303)
    now = offered_profiles().find(switched.profile) if switched is not chat else None
    html = chat_html(switched, "chats/_started.html", oob=True, now_with=now)
    return swap_whole(html, "#chat")


@blueprint.get("/chats/<uuid:chat_id>/profile")
@login_needed
def selector(chat_id: uuid.UUID) -> str | Response:
    """Show what can be picked in a chat: the selector, for pages whose own is out of date."""
    chat = get_chat(chat_id, owner())
    if not wants_fragment():
        return redirect(url_for("chats.show", chat_id=chat.id), 303)
    offer, name = offered_profiles(), name_by_now(chat)
    return render_template(
        "profiles/_selector.html",
        offer=offer,
        current=offer.find(name) or as_it_looked(name, chat.snapshots),
        chat=chat,
    )


def _is_left_for_good(replaced: list[uuid.UUID]) -> bool:
    # Back must not lead to a chat that is gone, nor to the start page, which starts another one.
    gone = [url_for("chats.show", chat_id=old) for old in replaced]
    start_page = url_for("chats.new")
    page, _, _ = (came_from() or start_page).partition("?")
    return page in [start_page, *gone]


def _started(started: StartedChat) -> str:
    vanished = started.vanished
    return chat_html(
        started.chat,
        "chats/_started.html",
        [] if vanished is None else [vanished_notice(offered_profiles(), vanished)],
        said=Said(started.messages, started.turn),
        # The selector and the notices stand outside the chat, and are swapped in their own places.
        oob=True,
    )
