"""The HTML of the history: the list beside a chat, the page of all chats, the menu of a chat."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import parse_qsl

from flask import render_template, request, url_for
from werkzeug.exceptions import NotFound

from webapp.accounts.login import owner
from webapp.accounts.sessions.recent_action import is_recent_action
from webapp.authoring.profiles.profile import ChatProfile
from webapp.chats.snapshots import profile_from_snapshot
from webapp.chats.store import StoredChat
from webapp.clock import viewer_clock
from webapp.history.changing import find_deleted_title
from webapp.history.forms import HistoryQuery
from webapp.history.groups import PINNED, ChatGroup, begin_with_today, group_by_day
from webapp.history.listing import HistoryItem, add_looks, get_item, list_chats, profiles_in_history
from webapp.history.search.results import search
from webapp.pages.chat_page import Notice
from webapp.profiles.offer import Offer, current_choice, offered_profiles
from webapp.web.htmx import came_from, wants_fragment

IMPORTED = "The chats were imported."


@dataclass(frozen=True)
class HistoryList:
    """Chats under their headings, and the query that found them."""

    groups: list[ChatGroup]
    query: HistoryQuery
    next: str | None = None
    is_empty_query: bool = False

    @property
    def has_chats(self) -> bool:
        """Whether any chat was found."""
        return any(group.items for group in self.groups)


def find_chats(query: HistoryQuery) -> HistoryList:
    """Return the chats of this user that match a query."""
    chats_of = owner()
    if chats_of is None:  # the first page of a browser on a site without sign-in
        return HistoryList(begin_with_today([], today()), query)
    if query.text.strip():
        found = search(chats_of, query.text, query.profile, query.before_entry)
        hits = [
            HistoryItem(
                id=hit.chat_id,
                title=hit.title,
                profile=hit.profile,
                pinned=hit.pinned,
                active_at=hit.active_at,
                snippet=hit.snippet,
            )
            for hit in found.hits
        ]
        groups = [ChatGroup(None, tuple(_with_looks(hits)))] if hits else []
        following = None if found.next is None else str(found.next)
        return HistoryList(groups, query, following, found.is_empty_query)

    page = list_chats(chats_of, query.profile, query.before)
    after = query.before.time if query.before else None
    items = _with_looks([*page.pinned, *page.items])
    pinned, items = items[: len(page.pinned)], items[len(page.pinned) :]
    groups = group_by_day(items, viewer_clock(), after)
    if query == HistoryQuery():
        groups = begin_with_today(groups, today())
    if pinned:
        groups.insert(0, ChatGroup(PINNED, tuple(pinned)))
    return HistoryList(groups, query, page.next)


def newest_history() -> HistoryList:
    """Return the newest chats of this user, for the list beside a chat."""
    return find_chats(HistoryQuery())


def today() -> date:
    """Return the day that it is for the viewer."""
    clock = viewer_clock()
    return clock.local(clock.now).date()


def list_html(query: HistoryQuery) -> str:
    """Return the list as a fragment, or its next page."""
    is_next_page = query.before is not None or query.before_entry is not None
    template = "history/_groups.html" if is_next_page else "history/_list.html"
    return render_template(template, history=find_chats(query), **_common())


def page_html(query: HistoryQuery) -> str:
    """Return the page of all chats."""
    chats_of = owner()
    was_imported = "imported" in request.args and is_recent_action("import")
    return render_template(
        "history/page.html",
        history=find_chats(query),
        history_beside=False,
        names=profiles_in_history(chats_of) if chats_of else [],
        notices=[Notice(IMPORTED)] if was_imported else [],
        **_common(),
    )


def item_html(chat: StoredChat, *, is_open: bool, **more: Any) -> str:
    """Return one chat of the list as a fragment, with its menu open or closed."""
    return render_template(
        "history/_item.html", item=_item(chat), is_open=is_open, **more, **_common()
    )


def chat_page_html(chat: StoredChat, **more: Any) -> str:
    """Return the menu of a chat as a page."""
    return render_template(
        "history/chat_page.html", item=_item(chat), history_beside=False, **more, **_common()
    )


@dataclass(frozen=True)
class DeletedChat:
    """A deleted chat that can be restored."""

    id: uuid.UUID
    title: str


def find_deleted_chat() -> DeletedChat | None:
    """Return the deleted chat that this page offers to restore, if its address names one."""
    # A request for a fragment of the page has the address of the page in a header.
    _, _, query = (came_from() or "").partition("?")
    parameters = dict(parse_qsl(query)) if wants_fragment() else request.args
    try:
        chat_id = uuid.UUID(parameters.get("deleted", ""))
    except ValueError:
        return None
    chats_of = owner()
    title = find_deleted_title(chats_of, chat_id) if chats_of else None
    return None if title is None else DeletedChat(chat_id, title)


def profile_finder(offer: Offer) -> Callable[[HistoryItem], ChatProfile | None]:
    """Return a function that finds the profile of a chat: as it is now, or as it was."""

    def find_profile(item: HistoryItem) -> ChatProfile | None:
        return offer.find(item.profile) or profile_from_snapshot(item.profile, item.snapshots)

    return find_profile


def _item(chat: StoredChat) -> HistoryItem:
    item = get_item(chat.owner, chat.id)
    if item is None:  # deleted since
        raise NotFound
    return _with_looks([item])[0]


def _with_looks(items: list[HistoryItem]) -> list[HistoryItem]:
    offer = offered_profiles()
    return add_looks(items, lambda name: offer.find(name) is not None)


def _common() -> dict[str, Any]:
    offer = offered_profiles()
    return {
        "offer": offer,
        "current": offer.default(current_choice()),
        "profile_of": profile_finder(offer),
        # The list marks the chat on the page.
        "current_chat": _page_path().rpartition("/chats/")[2] or None,
        # On that page the groups follow the heading of the page.
        "own_page": _page_path() == url_for("history.listing"),
    }


def _page_path() -> str:
    """Return the path of the page, also if the request wants a fragment of it."""
    page = came_from() if wants_fragment() else request.script_root + request.path
    return (page or "").partition("?")[0]
