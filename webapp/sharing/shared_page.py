"""The pages of sharing: one for the owner of a link, one for its readers."""

from __future__ import annotations

from dataclasses import replace

from flask import render_template, request, url_for

from webapp.chats.snapshots import profile_from_snapshot
from webapp.chats.store import StoredChat
from webapp.clock import viewer_clock
from webapp.database.engines import release_connection
from webapp.pages.chat_page import Notice
from webapp.pages.outline import outline_messages
from webapp.pages.participants import Participant, build_participants
from webapp.profiles.offer import current_choice, offered_profiles
from webapp.sharing.links import find_link
from webapp.sharing.shared_chat import FoundChat, messages_before
from webapp.turns.asking import YOU


def render_share_settings(chat: StoredChat, template: str, notice: str | None = None) -> str:
    """Render whether and how a chat is shared, for its owner, as a page or a fragment."""
    offer = offered_profiles()
    link = find_link(chat)
    # The only address with a host: its owner sends it on. The host of this request was checked
    # against WEBAPP_TRUSTED_HOSTS before. Nothing stored, cached or sent to others is made of it.
    address = (
        request.host_url.removesuffix("/") + url_for("sharing.view", token=link.token)
        if link
        else ""
    )
    return render_template(
        template,
        chat=chat,
        link=link,
        clock=viewer_clock(),
        address=address,
        notices=[Notice(notice)] if notice else [],
        offer=offer,
        current=offer.find(chat.profile) or offer.default(current_choice()),
    )


def render_shared_chat(chat: FoundChat, before: int | None) -> str:
    """Render a shared chat as a page to read."""
    page = messages_before(chat, before)
    messages, steps = outline_messages(page.messages)
    profile = profile_from_snapshot(chat.profile, chat.snapshots)
    # Each profile looks as it did then, and the page names no other. The author of a question is
    # "User": the link shows what was written, not by whom.
    profiles = [profile_from_snapshot(name, chat.snapshots) for name in chat.snapshots]
    shown = (p for p in profiles if p is not None)
    participants = replace(
        build_participants(shown, is_imported=chat.imported_at is not None),
        viewer=Participant(YOU),
        share=chat.token,
    )
    # `@author_rename` runs while the page is rendered, and holds no connection meanwhile.
    release_connection()
    return render_template(
        "sharing/shared.html",
        chat=chat,
        profile=profile,
        messages=messages,
        steps=steps,
        participants=participants,
        first_shown=page.messages[0].sequence if page.has_earlier else None,
        is_newest=before is None,
        is_unfinished=page.is_unfinished,
    )
