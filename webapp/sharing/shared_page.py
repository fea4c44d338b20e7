"""What the pages of sharing show: for the owner of a link, and for whoever reads under it."""

from __future__ import annotations

from dataclasses import replace

from flask import render_template, request, url_for

from webapp.chats.snapshots import as_it_looked
from webapp.chats.store import StoredChat
from webapp.database.engines import release_connection
from webapp.pages.chat_page import Notice
from webapp.pages.participants import Face, Faces, faces_of
from webapp.profiles.offer import current_choice, offered_profiles
from webapp.sharing.links import link_of
from webapp.sharing.shared_chat import FoundChat, messages_before
from webapp.turns.asking import YOU


def manage_html(chat: StoredChat, template: str, notice: str | None = None) -> str:
    """Return how a chat is shared, for its owner, drawn by a template of the page or a fragment."""
    offer = offered_profiles()
    link = link_of(chat)
    return render_template(
        template,
        chat=chat,
        link=link,
        address=_whole_address(link.token) if link else "",
        notices=[Notice(notice)] if notice else [],
        offer=offer,
        current=offer.find(chat.profile) or offer.default(current_choice()),
    )


def shared_html(chat: FoundChat, before: int | None) -> str:
    """Return a shared chat as a page to read."""
    part = messages_before(chat, before)
    profile = as_it_looked(chat.profile, chat.snapshots)
    # Authors are shown under names that the app's own code gives them (R59).
    release_connection()
    return render_template(
        "sharing/shared.html",
        chat=chat,
        profile=profile,
        messages=part.messages,
        faces=_faces_then(chat),
        first_shown=part.messages[0].sequence if part.more else None,
        is_newest=before is None,
    )


def _faces_then(chat: FoundChat) -> Faces:
    # Each profile as it looked at its time; and who wrote is "User": the link shows what was said,
    # not by whom.
    looked = [as_it_looked(name, chat.snapshots) for name in chat.snapshots]
    return replace(faces_of(p for p in looked if p is not None), viewer=Face(YOU))


def _whole_address(token: str) -> str:
    # The one address that is not relative (R46): it is copied and sent, so it needs its host. That
    # is the one of this request, which was looked up in WEBAPP_TRUSTED_HOSTS before anything else,
    # and nothing that is stored, cached or sent to others is made of it.
    return request.host_url.removesuffix("/") + url_for("sharing.view", token=token)
