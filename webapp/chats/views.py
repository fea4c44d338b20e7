"""The chat page."""

from __future__ import annotations

import uuid

from flask import Blueprint, redirect, request, url_for
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from webapp.accounts.guard import login_needed
from webapp.accounts.login import owner
from webapp.chats.ending import end_other_chats
from webapp.chats.forms import StartForm
from webapp.chats.pages import chat_html, earlier_html, new_chat_html, vanished_notice
from webapp.chats.reading import Said, number_from
from webapp.chats.start import StartedChat, start_chat
from webapp.chats.store import get_chat
from webapp.profiles.offer import chosen_name, offered_profiles, vanished_choice
from webapp.web.htmx import at_address, came_from, wants_fragment

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
    """Show a chat: its newest messages, or those before the one that ``before`` names."""
    chat = get_chat(chat_id, owner())
    if "before" in request.args:
        template = "chats/_earlier.html" if wants_fragment() else "chats/earlier.html"
        return earlier_html(chat, template, _before())
    notices = [vanished_notice(offered_profiles())] if "vanished" in request.args else []
    return chat_html(chat, "chats/_chat.html" if wants_fragment() else "chats/page.html", notices)


def _before() -> int:
    given = request.args.getlist("before")
    if len(given) > 1:  # which one was meant? (R31)
        raise BadRequest
    return number_from(given[0])


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
