"""The chat page."""

from __future__ import annotations

import uuid

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response

from webapp.accounts.guard import login_needed
from webapp.accounts.sessions.recent_action import is_recent_action, remember_action
from webapp.chats.snapshots import profile_from_snapshot
from webapp.chats.store import my_chat
from webapp.pages.chat_page import (
    Notice,
    render_chat,
    render_earlier_messages,
    render_new_chat,
    vanished_notice,
)
from webapp.pages.forms import PROMPT_LIMIT, ProfileForm, StartForm
from webapp.pages.message_pages import MessagePage, find_message, parse_sequence
from webapp.pages.start_links import StartLink, open_link, parse_link
from webapp.profiles.offer import offered_profiles, site_values
from webapp.turns.ending import end_other_chats
from webapp.turns.starting import continue_chat, start_chat
from webapp.turns.switching import current_profile_name, switch_chat
from webapp.web.htmx import at_address, came_from, swap_whole, wants_fragment

blueprint = Blueprint("chats", __name__)

IMPORTED = "This chat was imported. You can read it and continue it."


@blueprint.get("/")
@login_needed
def new() -> tuple[str, int]:
    """Show the page of a chat that is about to start, as its link asks. This stores nothing."""
    asked = parse_link(request.args)
    page = open_link(asked)
    html = render_new_chat(
        page.profile,
        page.notices,
        draft=asked.prompt,
        linked=bool(asked.prompt),
        asked_for=None if page.refused else asked.profile,
        refused=page.refused,
    )
    return html, 403 if page.refused else 200


@blueprint.get("/p/<path:name>")
def link(name: str) -> Response:
    """Redirect from the short form of a link. This looks up no profile, so it gives none away."""
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
    chat, prompt = started.chat, form.prompt.data or None
    if not wants_fragment():
        # The next page shows the notice. It does not name the profile: anyone could put a name into
        # the address.
        vanished = "" if started.vanished else None
        if started.vanished:
            remember_action("vanished")
        url = url_for("chats.show", chat_id=chat.id, prompt=prompt, vanished=vanished)
        return redirect(url, 303)

    # Back must not lead to a chat that is gone, nor to the start page, which starts another one.
    start_page = url_for("chats.new")
    gone = [url_for("chats.show", chat_id=row.id) for row in started.replaced]
    page, _, _ = (came_from() or start_page).partition("?")
    is_left = page in [start_page, *gone]
    # If the page stays in the history of the browser, the text of its link was sent there.
    prompt = prompt if is_left else None
    vanished_name = started.vanished
    html = render_chat(
        chat,
        "chats/_started.html",
        [] if vanished_name is None else [vanished_notice(offered_profiles(), vanished_name)],
        prompt or "",
        page=MessagePage(started.messages, started.turn),
        linked=bool(prompt),
        selector_stays=form.shown.data == (started.profile.name if started.profile else ""),
        # The selector and the notices are outside the chat, and are swapped in their own places.
        oob=True,
    )
    return at_address(html, url_for("chats.show", chat_id=chat.id, prompt=prompt), replace=is_left)


@blueprint.get("/chats/<uuid:chat_id>")
@login_needed
def show(chat_id: uuid.UUID) -> str:
    """Show a chat: its newest messages, or those before the one that ``before`` names."""
    chat = my_chat(chat_id)
    if "before" in request.args:
        before = request.args.getlist("before")
        if len(before) > 1:  # which one?
            raise BadRequest
        template = "chats/_earlier.html" if wants_fragment() else "chats/earlier.html"
        return render_earlier_messages(chat, template, parse_sequence(before[0]))
    # Once the user has written, the text of the link was sent or is not wanted.
    asked = StartLink() if chat.written else parse_link(request.args)
    has_vanished = "vanished" in request.args and is_recent_action("vanished")
    was_imported = "imported" in request.args and is_recent_action("import")
    notices = [vanished_notice(offered_profiles())] if has_vanished else []
    notices += [Notice(IMPORTED)] if was_imported else []
    return render_chat(
        chat,
        "chats/_chat.html" if wants_fragment() else "chats/page.html",
        [*notices, *asked.notices],
        asked.prompt,
        linked=bool(asked.prompt),
    )


@blueprint.get("/chats/<uuid:chat_id>/messages/<uuid:message_id>")
@login_needed
def message_text(chat_id: uuid.UUID, message_id: uuid.UUID) -> Response:
    """Show a message as it was written, which is what its Copy button copies."""
    text = find_message(my_chat(chat_id), message_id).content
    return current_app.response_class(text, mimetype="text/plain")


@blueprint.post("/chats/<uuid:chat_id>/continue")
@login_needed
def continue_with(chat_id: uuid.UUID) -> Response:
    """Continue a chat whose profile was withdrawn: start one with another profile and a copy."""
    chat = my_chat(chat_id)
    form = ProfileForm()
    started = continue_chat(chat, form.name())
    end_other_chats(started.chat, started.replaced)
    url = url_for("chats.show", chat_id=started.chat.id)
    if not wants_fragment():
        return redirect(url, 303)
    html = render_chat(started.chat, "chats/_started.html", oob=True)
    return at_address(html, url, replace=False)


@blueprint.post("/chats/<uuid:chat_id>/profile")
@login_needed
def switch(chat_id: uuid.UUID) -> Response:
    """Switch the profile of a chat."""
    chat = my_chat(chat_id)
    form = ProfileForm()
    switched = switch_chat(chat, form.name())
    if not wants_fragment():
        return redirect(url_for("chats.show", chat_id=chat.id), 303)
    now = offered_profiles().find(switched.profile) if switched is not chat else None
    html = render_chat(switched, "chats/_started.html", oob=True, now_with=now)
    return swap_whole(html, "#chat")


@blueprint.get("/chats/<uuid:chat_id>/profile")
@login_needed
def selector(chat_id: uuid.UUID) -> str | Response:
    """Show the profile selector of a chat, for pages whose own is out of date."""
    chat = my_chat(chat_id)
    if not wants_fragment():
        return redirect(url_for("chats.show", chat_id=chat.id), 303)
    offer, name = offered_profiles(), current_profile_name(chat)
    current = offer.find(name) or profile_from_snapshot(name, chat.snapshots)
    values = site_values(current)
    html = render_template("profiles/_selector.html", offer=offer, current=current, chat=chat)
    if values["several_site_names"]:
        html += render_template("chats/_site_name.html", **values)
    return html
