"""What the history shows: the list beside a chat, its page, and one chat with what can be done."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from flask import render_template, request, url_for
from werkzeug.exceptions import NotFound

from webapp.accounts.login import owner
from webapp.authoring.types import ChatProfile
from webapp.chats.snapshots import as_it_looked
from webapp.chats.store import StoredChat
from webapp.database.engines import utc_now
from webapp.history.changing import deleted_title
from webapp.history.forms import Asked
from webapp.history.groups import PINNED, Group, grouped
from webapp.history.listing import Item, get_item, listed, profiles_in_history
from webapp.history.search import Found, search
from webapp.pages.chat_page import Notice
from webapp.profiles.offer import Offer, current_choice, offered_profiles
from webapp.site import settings
from webapp.web.htmx import came_from, wants_fragment

IMPORTED = "The chats were imported."


@dataclass(frozen=True)
class Listing:
    """Chats under their headings, and what they were asked with."""

    groups: list[Group]
    asked: Asked
    next: str | None = None
    nothing_to_look_for: bool = False


def listing_of(asked: Asked) -> Listing:
    """Return the chats of this user that were asked for, from one page to the next."""
    whose = owner()
    if whose is None:
        return Listing([], asked)
    if asked.text.strip():
        return _searched(search(whose, asked.text, asked.profile, asked.before_entry), asked)
    page = listed(whose, asked.profile, asked.before)
    after = asked.before.at if asked.before else None
    zone = settings().zone
    groups = grouped(page.items, utc_now(), zone, after)
    if page.pinned:
        groups.insert(0, Group(PINNED, tuple(page.pinned)))
    return Listing(groups, asked, page.next)


def history_of_page() -> Listing:
    """Return what stands beside a chat: the newest chats of whoever looks at it."""
    return listing_of(Asked("", None, None, None))


def list_html(asked: Asked) -> str:
    """Return the list as a fragment, or what comes after another page of it."""
    goes_on = asked.before is not None or asked.before_entry is not None
    template = "history/_groups.html" if goes_on else "history/_list.html"
    return render_template(template, history=listing_of(asked), **_common())


def page_html(asked: Asked) -> str:
    """Return the page with all chats."""
    whose = owner()
    return render_template(
        "history/page.html",
        history=listing_of(asked),
        history_beside=False,
        names=profiles_in_history(whose) if whose else [],
        notices=[Notice(IMPORTED)] if "imported" in request.args else [],
        **_common(),
    )


def item_html(chat: StoredChat, *, is_open: bool, **more: Any) -> str:
    """Return one chat as a fragment of the list, open for changes or not."""
    return render_template(
        "history/_item.html", item=_item(chat), is_open=is_open, **more, **_common()
    )


def chat_page_html(chat: StoredChat, **more: Any) -> str:
    """Return a page with what can be done with a chat."""
    return render_template(
        "history/chat_page.html", item=_item(chat), history_beside=False, **more, **_common()
    )


@dataclass(frozen=True)
class Deleted:
    """A chat that was deleted and can be brought back."""

    id: uuid.UUID
    title: str


def deleted_chat() -> Deleted | None:
    """Return the deleted chat that this page offers to bring back, if its address names one."""
    chat_id = _id(_asked_of_page("deleted"))
    whose = None if chat_id is None else owner()
    if chat_id is None or whose is None:
        return None
    title = deleted_title(whose, chat_id)
    return None if title is None else Deleted(chat_id, title)


def face_in(offer: Offer) -> Callable[[Item], ChatProfile | None]:
    """Return what finds the profile of a chat: as it looks now, or as the chat remembers it."""

    def face_of(item: Item) -> ChatProfile | None:
        return offer.find(item.profile) or as_it_looked(item.profile, item.snapshots)

    return face_of


def _searched(found: Found, asked: Asked) -> Listing:
    items = [
        Item(
            id=hit.chat_id,
            title=hit.title,
            profile=hit.profile,
            snapshots=hit.snapshots,
            pinned=hit.pinned,
            active_at=hit.active_at,
            snippet=hit.snippet,
        )
        for hit in found.hits
    ]
    groups = [Group(None, tuple(items))] if items else []
    following = None if found.next is None else str(found.next)
    return Listing(groups, asked, following, found.nothing_to_look_for)


def _item(chat: StoredChat) -> Item:
    item = get_item(chat.owner, chat.id)
    if item is None:  # deleted since
        raise NotFound
    return item


def _common() -> dict[str, Any]:
    offer = offered_profiles()
    return {
        "offer": offer,
        "current": offer.default(current_choice()),
        "face_of": face_in(offer),
        "current_chat": _current_chat(),
        # There the groups come right after the page's own heading.
        "own_page": _path_of_page() == url_for("history.listing"),
    }


def _id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _current_chat() -> str | None:
    """Return the id of the chat on the page, which the list marks."""
    _, _, last = _path_of_page().rpartition("/chats/")
    return last or None


def _path_of_page() -> str:
    """Return the path of the page, also where only a part of it is drawn anew."""
    page = came_from() if wants_fragment() else request.script_root + request.path
    return (page or "").partition("?")[0]


def _asked_of_page(name: str) -> str:
    """Return a parameter of the page's address, also where only a part of it is drawn anew."""
    if not wants_fragment():
        return request.args.get(name, "")
    _, _, query = (came_from() or "").partition("?")
    return dict(parse_qsl(query)).get(name, "")
