"""What the chat page and its fragments show: gathered here, drawn by the templates."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from flask import current_app, render_template, url_for
from flask_wtf.csrf import generate_csrf

from webapp.accounts.login import draft_owner
from webapp.authoring.types import ChatProfile
from webapp.chats.actions import Actions, actions_of
from webapp.chats.faces import faces_of
from webapp.chats.store import StoredChat, StoredMessage, StoredTurn, said_in
from webapp.chats.turn_rows import LOST
from webapp.database import release_connection
from webapp.engine.work import COMPLETE, RUNNING
from webapp.profiles.offer import Offer, offered_profiles
from webapp.profiles.starters import Suggested, starters_of

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
    messages: tuple[StoredMessage, ...]


@dataclass(frozen=True)
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


def controls_of(chat_id: uuid.UUID, turn: StoredTurn | None) -> Controls:
    """Return the controls of a turn for this viewer."""
    turn_id = turn.id if turn else None
    return Controls(
        turn.status if turn else COMPLETE,
        chat_id,
        turn_id,
        generate_csrf(),
        url_for("chats.show", chat_id=chat_id),
        url_for("turns.stop", chat_id=chat_id),
        # The start of a chat answers nothing that could be answered again.
        url_for("turns.retry", chat_id=chat_id) if turn and turn.question_id else "",
        url_for("turns.regenerate", chat_id=chat_id) if turn and turn.question_id else "",
        url_for("turns.follow", chat_id=chat_id, turn_id=turn_id) if turn_id else "",
        url_for("turns.news", chat_id=chat_id, after=turn_id or ""),
        key=uuid.uuid4(),
    )


@dataclass(frozen=True)
class Said:
    """The messages of a chat, and its last turn."""

    messages: list[StoredMessage]
    turn: StoredTurn | None


def chat_html(
    chat: StoredChat,
    template: str,
    notices: Sequence[Notice] = (),
    draft: str = "",
    said: Said | None = None,
    **more: Any,
) -> str:
    """Return a chat as HTML, drawn by a template of the page or of a fragment."""
    current = offered_profiles().find(chat.profile)
    withdrawn = chat.profile is not None and current is None
    shown = name_only(chat.profile) if withdrawn else current
    said = said or Said(*said_in(chat))
    messages, turn = said.messages, said.turn
    written = any(message.kind == "user" for message in messages)
    suggested = Suggested() if written or withdrawn else starters_of(current)
    values: dict[str, Any] = {
        "messages": messages,
        "groups": _groups(messages, turn.id if turn and turn.status in (RUNNING, LOST) else None),
        "controls": controls_of(chat.id, turn),
        "actions": _actions(chat, messages, offered=not withdrawn),
        "withdrawn": withdrawn,
        "written": written,
        "starters": suggested.starters,
        "notices": [*notices, *_problems(suggested)],
    }
    # Authors are shown under names that the app's own code gives them (R59).
    release_connection()
    return render_template(template, **_page(chat, shown), **{**values, "draft": draft, **more})


def new_chat_html(current: ChatProfile | None, notices: Sequence[Notice]) -> str:
    """Return the page of a chat that is about to start."""
    suggested = starters_of(current)
    return render_template(
        "chats/page.html",
        **_page(None, current),
        messages=[],
        groups=[],
        starters=suggested.starters,
        notices=[*notices, *_problems(suggested)],
    )


def vanished_notice(offer: Offer, name: str | None = None) -> Notice:
    """Return what is said when the chosen profile is not offered any more."""
    way_on = PICK if len(offer.profiles) > 1 else ""
    return Notice((VANISHED if name else VANISHED_BEFORE) + way_on, name or "")


def name_only(name: str | None) -> ChatProfile | None:
    """Return what is left of a profile that is no longer offered: its name, kept by the chat."""
    return ChatProfile(name=name, markdown_description="") if name else None


def _page(chat: StoredChat | None, current: ChatProfile | None) -> dict[str, Any]:
    return {
        "chat": chat,
        "offer": offered_profiles(),
        "current": current,
        "faces": faces_of(current),
        "key": uuid.uuid4(),
        "answers": current_app.extensions["chat_app"].get("on_message") is not None,
        "starter_click": current_app.extensions["settings"].starters,
        "draft_owner": draft_owner(),
    }


def _actions(chat: StoredChat, messages: list[StoredMessage], *, offered: bool) -> Actions | None:
    # Before the user has written there is nothing to rate or to edit.
    written = [message.id for message in messages if message.kind == "user"]
    return actions_of(chat.id, written[-1], offered=offered) if written else None


def _problems(suggested: Suggested) -> list[Notice]:
    return [Notice(suggested.problem, is_error=True)] if suggested.problem else []


def _groups(messages: list[StoredMessage], awaited: uuid.UUID | None) -> list[Group]:
    groups = [
        Group(turn_id, tuple(said))
        for turn_id, said in groupby(messages, lambda m: None if m.kind == "user" else m.turn_id)
    ]
    if awaited is not None and all(group.turn_id != awaited for group in groups):
        groups.append(Group(awaited, ()))
    return groups
