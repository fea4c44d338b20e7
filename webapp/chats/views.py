"""The chat page."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from webapp.accounts.guard import login_needed
from webapp.accounts.login import owner
from webapp.authoring.types import ChatProfile, Starter
from webapp.chats.forms import StartForm
from webapp.chats.models import Chat
from webapp.chats.start import StartedChat, start_chat
from webapp.chats.store import get_chat, messages_of
from webapp.profiles.offer import Offer, chosen_name, offered_profiles, vanished_choice
from webapp.web.htmx import at_address, came_from, wants_fragment

blueprint = Blueprint("chats", __name__)

VANISHED = "The profile “{}” is no longer available, so this chat uses another one."
VANISHED_BEFORE = "The profile you chose is no longer available, so this chat uses another one."
PICK = " You can pick a different profile at the top."
WITHDRAWN = (
    "The profile “{}” of this chat is no longer available. "
    "You can read the chat, and start a new one with another profile."
)


@dataclass(frozen=True)
class Notice:
    """What a page has to say; a ``{}`` in the text stands for ``name``."""

    text: str
    name: str = ""


@blueprint.get("/")
@login_needed
def new() -> str:
    """Show the page of a chat that is about to start; writes nothing."""
    offer = offered_profiles()
    current = offer.default(chosen_name())
    return render_template(
        "chats/page.html",
        chat=None,
        messages=[],
        offer=offer,
        current=current,
        starters=_starters(current),
        notices=_notices(offer, vanished_choice()),
    )


@blueprint.post("/chats")
@login_needed
def start() -> Response:
    """Start a chat, with the chosen profile or the default one."""
    form = StartForm()
    form.refuse_strange_fields()
    if not form.validate():
        raise BadRequest
    started = start_chat(form.profile.data)
    url = url_for("chats.show", chat_id=started.chat.id)
    if not wants_fragment():
        # Said by the page that comes next; without the name, which anybody could put there.
        return redirect(f"{url}?vanished" if started.vanished else url, 303)
    return at_address(_started(started), url, replace=_is_left_for_good(started.replaced))


@blueprint.get("/chats/<uuid:chat_id>")
@login_needed
def show(chat_id: uuid.UUID) -> str:
    """Show a chat."""
    chat = get_chat(chat_id, owner())
    messages = messages_of(chat)
    offer = offered_profiles()
    current = offer.find(chat.profile)
    withdrawn = chat.profile is not None and current is None
    vanished = "vanished" in request.args
    return render_template(
        "chats/_chat.html" if wants_fragment() else "chats/page.html",
        chat=chat,
        messages=messages,
        offer=offer,
        current=_name_only(chat.profile) if withdrawn else current,
        starters=_starters(current),
        notices=_withdrawn(chat) if withdrawn else _vanished(offer) if vanished else [],
    )


def _is_left_for_good(replaced: list[uuid.UUID]) -> bool:
    # Back must not lead to a chat that is gone, nor to the start page, which starts another one.
    gone = [url_for("chats.show", chat_id=old) for old in replaced]
    start_page = url_for("chats.new")
    page, _, _ = (came_from() or start_page).partition("?")
    return page in [start_page, *gone]


def _started(started: StartedChat) -> str:
    return render_template(
        "chats/_started.html",
        chat=started.chat,
        messages=started.messages,
        offer=offered_profiles(),
        current=started.profile,
        starters=_starters(started.profile),
        notices=_notices(offered_profiles(), started.vanished),
        # The selector and the notices stand outside the chat, and are swapped in their own places.
        oob=True,
    )


def _starters(profile: ChatProfile | None) -> list[Starter]:
    return list(profile.starters or []) if profile else []


def _notices(offer: Offer, vanished: str | None) -> list[Notice]:
    return [] if vanished is None else [Notice(VANISHED + _way_on(offer), vanished)]


def _vanished(offer: Offer) -> list[Notice]:
    return [Notice(VANISHED_BEFORE + _way_on(offer))]


def _withdrawn(chat: Chat) -> list[Notice]:
    return [Notice(WITHDRAWN, chat.profile or "")]


def _way_on(offer: Offer) -> str:
    return PICK if len(offer.profiles) > 1 else ""


def _name_only(name: str | None) -> ChatProfile | None:
    # What is left of a profile that is no longer offered: its name, as the chat keeps it.
    return ChatProfile(name=name, markdown_description="") if name else None
