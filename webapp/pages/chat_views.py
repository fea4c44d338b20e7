"""The chat page."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from webapp.accounts.guard import login_needed
from webapp.chats.snapshots import as_it_looked
from webapp.chats.store import my_chat
from webapp.pages.chat_page import Notice, chat_html, earlier_html, new_chat_html, vanished_notice
from webapp.pages.forms import PROMPT_LIMIT, ProfileForm, StartForm
from webapp.pages.reading import Said, number_from
from webapp.pages.start_links import Link, link_in, opening_of
from webapp.profiles.offer import offered_profiles
from webapp.turns.ending import end_other_chats
from webapp.turns.starting import StartedChat, continue_chat, start_chat
from webapp.turns.switching import current_profile_name, switch_chat
from webapp.web.htmx import at_address, came_from, swap_whole, wants_fragment

blueprint = Blueprint("chats", __name__)

IMPORTED = "This chat was imported. You can read it and go on with it."


@blueprint.get("/")
@login_needed
def new() -> tuple[str, int]:
    """Show the page of a chat that is about to start, as a link asks for it; writes nothing."""
    wanted = link_in(request.args)
    opening = opening_of(wanted)
    page = new_chat_html(
        opening.profile,
        opening.notices,
        draft=wanted.prompt,
        linked=bool(wanted.prompt),
        asked_for=None if opening.refused else wanted.profile,
        refused=opening.refused,
    )
    return page, 403 if opening.refused else 200


@blueprint.get("/p/<path:name>")
def link(name: str) -> Response:
    """Lead from the short form of a link to the page that it stands for; knows no profile."""
    prompt = request.args.get("prompt", "")[: PROMPT_LIMIT + 1]
    return redirect(url_for("chats.new", profile=name, prompt=prompt or None), 303)


@blueprint.post("/chats")
@login_needed
def start() -> Response:
    """Start a chat, with the chosen profile or the default one."""
    form = StartForm()
    if not form.validate():
        raise BadRequest
    started = start_chat(form.profile.data)
    end_other_chats(started.chat, started.replaced)
    prompt = form.prompt.data or None
    if not wants_fragment():
        # Said by the page that comes next; without the name, which anybody could put there.
        vanished = "" if started.vanished else None
        return redirect(_address(started, prompt=prompt, vanished=vanished), 303)
    is_left = _is_left_for_good([row.id for row in started.replaced])
    # In a chat that stays, the text of its link has been sent.
    prompt = prompt if is_left else None
    url = _address(started, prompt=prompt)
    return at_address(_started(started, prompt or "", form.shown.data), url, replace=is_left)


@blueprint.get("/chats/<uuid:chat_id>")
@login_needed
def show(chat_id: uuid.UUID) -> str:
    """Show a chat: its newest messages, or those before the one that ``before`` names."""
    chat = my_chat(chat_id)
    if "before" in request.args:
        template = "chats/_earlier.html" if wants_fragment() else "chats/earlier.html"
        return earlier_html(chat, template, _before())
    # Once the user has written, the text was sent, or was not wanted.
    wanted = Link() if chat.written else link_in(request.args)
    notices = [vanished_notice(offered_profiles())] if "vanished" in request.args else []
    notices += [Notice(IMPORTED)] if "imported" in request.args else []
    return chat_html(
        chat,
        "chats/_chat.html" if wants_fragment() else "chats/page.html",
        [*notices, *wanted.notices],
        wanted.prompt,
        linked=bool(wanted.prompt),
    )


def _address(started: StartedChat, **parameters: Any) -> str:
    return url_for("chats.show", chat_id=started.chat.id, **parameters)


def _before() -> int:
    given = request.args.getlist("before")
    if len(given) > 1:  # which one was meant? (R31)
        raise BadRequest
    return number_from(given[0])


@blueprint.post("/chats/<uuid:chat_id>/continue")
@login_needed
def continue_with(chat_id: uuid.UUID) -> Response:
    """Start a chat that goes on with what was said in one whose profile was withdrawn."""
    chat = my_chat(chat_id)
    form = ProfileForm()
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
    chat = my_chat(chat_id)
    form = ProfileForm()
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
    chat = my_chat(chat_id)
    if not wants_fragment():
        return redirect(url_for("chats.show", chat_id=chat.id), 303)
    offer, name = offered_profiles(), current_profile_name(chat)
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


def _started(started: StartedChat, prompt: str, shown: str | None) -> str:
    vanished = started.vanished
    name = started.profile.name if started.profile else ""
    return chat_html(
        started.chat,
        "chats/_started.html",
        [] if vanished is None else [vanished_notice(offered_profiles(), vanished)],
        prompt,
        said=Said(started.messages, started.turn),
        linked=bool(prompt),
        selector_stays=shown == name,
        # The selector and the notices stand outside the chat, and are swapped in their own places.
        oob=True,
    )
