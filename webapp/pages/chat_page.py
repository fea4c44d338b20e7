"""What the chat page and its fragments show: gathered here, drawn by the templates."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from flask import render_template, url_for
from flask_wtf.csrf import generate_csrf

from webapp.accounts.login import draft_owner
from webapp.authoring.chat_message import USER, ChatMessage
from webapp.authoring.types import ChatProfile
from webapp.chats.snapshots import as_it_looked, as_they_look
from webapp.chats.store import StoredChat
from webapp.database.engines import release_connection
from webapp.engine.phases import TurnStatus
from webapp.pages.message_actions import Actions, actions_of
from webapp.pages.participants import Faces, faces_of
from webapp.pages.reading import Said, said_before, said_in
from webapp.profiles.icons import label
from webapp.profiles.offer import Offer, current_choice, offered_profiles
from webapp.profiles.starters import StarterList, list_starters
from webapp.site import chat_app, settings
from webapp.turns.resuming import resume_callback
from webapp.turns.stored_turns import StoredTurn

VANISHED = "The profile “{}” is no longer available, so this chat uses another one."
VANISHED_BEFORE = "The profile you chose is no longer available, so this chat uses another one."
PICK = " You can pick a different profile at the top."


@dataclass(frozen=True)
class Notice:
    """What a page has to say; a ``{}`` in the text stands for ``name``."""

    text: str
    name: str = ""
    is_error: bool = False


@dataclass(frozen=True)
class Group:
    """Messages that stand together: what the app said in one turn, or what the user wrote."""

    turn_id: uuid.UUID | None
    messages: tuple[ChatMessage, ...]


@dataclass(frozen=True, kw_only=True)
class Controls:
    """What stands under the messages: Stop and how to go on watching, or Try again, or nothing.

    Complete in itself, as it is also drawn when its request is long over.
    """

    status: str
    chat_id: uuid.UUID
    turn_id: uuid.UUID | None
    token: str
    chat: str
    stop: str
    retry: str
    regenerate: str
    follow: str
    news: str
    # `page`: it begins by itself; `poll`: it asks now and again; `stream`: another request tells.
    watch: str = "page"
    every: str = "1s"
    key: uuid.UUID | None = None

    def ended(self, status: str) -> Controls:
        """Return what stands there when the turn has ended."""
        return replace(self, status=status, key=uuid.uuid4())


def controls_of(chat: StoredChat, turn: StoredTurn | None) -> Controls:
    """Return the controls of a turn for this viewer."""
    chat_id = chat.id
    turn_id = turn.id if turn else None
    answers = turn is not None and turn.question_id is not None
    return Controls(
        status=turn.status if turn else TurnStatus.COMPLETE,
        chat_id=chat_id,
        turn_id=turn_id,
        token=generate_csrf(),
        chat=url_for("chats.show", chat_id=chat_id),
        stop=url_for("turns.stop", chat_id=chat_id),
        # The start of a chat answers nothing that could be answered again.
        retry=url_for("turns.retry", chat_id=chat_id) if answers else "",
        regenerate=url_for("turns.regenerate", chat_id=chat_id) if answers else "",
        follow=url_for("turns.follow", chat_id=chat_id, turn_id=turn_id) if turn_id else "",
        news=url_for("turns.news", chat_id=chat_id, after=turn_id or "", under=chat.profile or ""),
        key=uuid.uuid4(),
    )


def chat_html(
    chat: StoredChat,
    template: str,
    notices: Sequence[Notice] = (),
    draft: str = "",
    said: Said | None = None,
    **more: Any,
) -> str:
    """Return a chat as HTML, drawn by a template of the page or of a fragment."""
    offer = offered_profiles()
    current = offer.find(chat.profile)
    withdrawn = chat.profile is not None and current is None
    said = said or said_in(chat)
    messages, turn = said.messages, said.turn
    suggested = StarterList() if chat.written or withdrawn else list_starters(current)
    values: dict[str, Any] = {
        "messages": messages,
        "groups": _groups(messages, turn.id if turn and turn.seems_to_run else None),
        "controls": controls_of(chat, turn),
        "actions": _actions(chat, said, offered=not withdrawn),
        "faces": _faces(chat, messages),
        "earlier": said.earlier,
        "withdrawn": withdrawn,
        "ways_on": ways_on(offer) if withdrawn else [],
        "resumes": not withdrawn and chat.ended_at is not None and resume_callback() is not None,
        "written": chat.written,
        "starters": suggested.starters,
        "notices": [*notices, *_problems(suggested)],
    }
    # Authors are shown under names that the app's own code gives them (R59).
    release_connection()
    shown = as_it_looked(chat.profile, chat.snapshots) if withdrawn else current
    return render_template(template, **_page(chat, shown), **{**values, "draft": draft, **more})


def as_it_stands(chat: StoredChat, under: str | None) -> str:
    """Return a chat as HTML, for a page that shows it as it was.

    Parameters
    ----------
    under:
        The profile that the page shows; where the chat has gone on with another one, the selector
        beside it follows.
    """
    html = chat_html(chat, "chats/_chat.html")
    if chat.profile == under:
        return html
    profile = offered_profiles().find(chat.profile)
    now = label(profile) if profile else ""
    selector = url_for("chats.selector", chat_id=chat.id)
    return html + render_template("chats/_switched.html", selector=selector, now=now)


def earlier_html(chat: StoredChat, template: str, before: int) -> str:
    """Return the messages before the one with that number, as HTML: a page or a fragment."""
    said = said_before(chat, before)
    shown = offered_profiles().find(chat.profile) or as_it_looked(chat.profile, chat.snapshots)
    page = _page(chat, shown)
    release_connection()
    return render_template(
        template,
        **page,
        faces=_faces(chat, said.messages),
        actions=actions_of(chat.id, None),
        groups=_groups(said.messages, None),
        earlier=said.earlier,
        notices=[],
    )


def new_chat_html(current: ChatProfile | None, notices: Sequence[Notice], **more: Any) -> str:
    """Return the page of a chat that is about to start."""
    suggested = list_starters(current)
    return render_template(
        "chats/page.html",
        **_page(None, current),
        messages=[],
        groups=[],
        starters=suggested.starters,
        notices=[*notices, *_problems(suggested)],
        **more,
    )


def vanished_notice(offer: Offer, name: str | None = None) -> Notice:
    """Return what is said when the chosen profile is not offered any more."""
    way_on = PICK if len(offer.profiles) > 1 else ""
    return Notice((VANISHED if name else VANISHED_BEFORE) + way_on, name or "")


def ways_on(offer: Offer) -> list[ChatProfile]:
    """Return the profiles with which a withdrawn chat can go on, the default first."""
    first = offer.default(current_choice())
    return [] if first is None else [first, *(p for p in offer.profiles if p is not first)]


def _faces(chat: StoredChat, messages: list[ChatMessage]) -> Faces:
    under = {message.profile for message in messages}
    return faces_of(as_they_look(under, offered_profiles().by_name, chat.snapshots))


def _page(chat: StoredChat | None, current: ChatProfile | None) -> dict[str, Any]:
    return {
        "chat": chat,
        "offer": offered_profiles(),
        "current": current,
        "key": uuid.uuid4(),
        "answers": chat_app().get("on_message") is not None,
        "starter_click": settings().starters,
        "draft_owner": draft_owner(),
    }


def _actions(chat: StoredChat, said: Said, *, offered: bool) -> Actions | None:
    written = [message.id for message in said.messages if message.kind == USER]
    if not written and said.earlier is None:
        return None  # before the user has written there is nothing to rate or to edit
    return actions_of(chat.id, written[-1] if written else None, offered=offered)


def _problems(suggested: StarterList) -> list[Notice]:
    return [Notice(suggested.problem, is_error=True)] if suggested.problem else []


def _groups(messages: list[ChatMessage], awaited: uuid.UUID | None) -> list[Group]:
    groups = [
        Group(turn_id, tuple(said))
        for turn_id, said in groupby(messages, lambda m: None if m.kind == USER else m.turn_id)
    ]
    if awaited is not None and all(group.turn_id != awaited for group in groups):
        groups.append(Group(awaited, ()))
    return groups
