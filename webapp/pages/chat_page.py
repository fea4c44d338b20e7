"""The chat page and its fragments: values gathered here, rendered by the templates."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import Any

from flask import render_template

from webapp.accounts.login import draft_owner
from webapp.authoring.chat_message import USER, ChatMessage
from webapp.authoring.profiles.profile import ChatProfile
from webapp.authoring.questions.question import is_within_turn, open_questions, waits_for_text
from webapp.chats.snapshots import profile_from_snapshot, profiles_to_show
from webapp.chats.store import StoredChat
from webapp.database.engines import release_connection
from webapp.engine.phases import TurnStatus
from webapp.files.upload_rules import find_upload_rules
from webapp.pages.chat_addresses import ChatAddresses, addresses_of
from webapp.pages.message_actions import Actions, build_actions, with_ratings
from webapp.pages.message_pages import MessagePage, find_newest_page, find_page_before
from webapp.pages.outline import StepsWithin, outline_messages
from webapp.pages.participants import Participants, build_participants
from webapp.profiles.answering import is_answered
from webapp.profiles.icons import label
from webapp.profiles.offer import (
    Offer,
    current_choice,
    offered_profiles,
    site_values,
    takes_uploads,
)
from webapp.profiles.starters import StarterList, list_starters
from webapp.site import settings
from webapp.turns.late.storing import last_change
from webapp.turns.resuming import resume_callback
from webapp.turns.runtime import conversation
from webapp.turns.stored_turns import StoredTurn
from webapp.web.csrf import csrf_token

VANISHED = "The profile “{}” is no longer available, so this chat uses another one."
VANISHED_BEFORE = "The profile you chose is no longer available, so this chat uses another one."
# How often a page asks whether a question was answered elsewhere, or its time is over.
WAITING_SECONDS = 10
PICK = " You can pick a different profile at the top."


@dataclass(frozen=True)
class Notice:
    """A notice on the page. A ``{}`` in the text stands for ``name``."""

    text: str
    name: str = ""
    is_error: bool = False


@dataclass(frozen=True)
class MessageGroup:
    """Consecutive messages of the app in one turn, or of the user.

    Parameters
    ----------
    messages:
        Those that are in no step.
    steps:
        What is within the steps among them, by their ids.
    """

    turn_id: uuid.UUID | None
    messages: Sequence[ChatMessage]
    steps: StepsWithin = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Controls:
    """What is under the messages: Stop and how the page watches the turn, Try again, or nothing.

    It needs no request, because a stream renders it after its request has ended.
    """

    status: str
    turn_id: uuid.UUID | None
    # The start of a chat answers no question, so it cannot be answered again.
    answers_question: bool
    # What a button has begun can be tried again, too, if it failed.
    may_be_repeated: bool
    is_start: bool
    token: str
    addresses: ChatAddresses
    profile: str | None
    # `page`: the page begins to watch; `poll`: it asks every few seconds; `stream`: it gets events.
    watch: str = "page"
    every: str = "1s"
    # Whether messages are answered here.
    answers: bool = True
    # The ids of the questions of the app that are open, and whether a text answers one of them.
    waits_for: str = ""
    waits_for_text: bool = False
    key: uuid.UUID
    # For how many seconds tasks of a callback that has ended may say more in this chat.
    late: Callable[[], float] = float
    # Until when a page asks for that, in seconds since 1970, and the state that it has seen.
    asks_until: int = 0
    seen: str = ""

    @property
    def late_until(self) -> int:
        """Return until when an idle page asks every few seconds; 0 if it does not."""
        left = self.late()
        return max(self.asks_until, int(time.time() + left) if left else 0)

    @property
    def news(self) -> str:
        """Return where an idle page asks for news."""
        return self.addresses.news(self.turn_id, self.profile, self.late_until, self.seen)

    def with_status(self, status: str) -> Controls:
        """Return the controls of a turn that has ended."""
        return replace(self, status=status, key=uuid.uuid4())

    def waiting_for(self, questions: str, *, text: bool) -> Controls:
        """Return the controls of a turn that waits for its user to answer questions."""
        every = f"{WAITING_SECONDS}s"
        return replace(
            self,
            status=TurnStatus.WAITING,
            waits_for=questions,
            waits_for_text=text,
            every=every,
        )


def build_controls(chat: StoredChat, turn: StoredTurn | None, addresses: ChatAddresses) -> Controls:
    """Return the controls of a turn, for this viewer."""
    return Controls(
        status=turn.status if turn else TurnStatus.COMPLETE,
        turn_id=turn.id if turn else None,
        answers_question=turn is not None and turn.question_id is not None,
        may_be_repeated=turn is not None and turn.may_be_repeated,
        is_start=turn is not None and turn.is_start,
        token=csrf_token(),
        addresses=addresses,
        profile=chat.profile,
        key=uuid.uuid4(),
        late=partial(conversation().late.seconds_left, str(chat.id)),
    )


def render_chat(
    chat: StoredChat,
    template: str,
    notices: Sequence[Notice] = (),
    draft: str = "",
    page: MessagePage | None = None,
    late_until: int = 0,
    **more: Any,
) -> str:
    """Render a chat with a template of the page or of a fragment.

    Parameters
    ----------
    late_until:
        Until when the page asks for late messages, in seconds since 1970.
    """
    offer = offered_profiles()
    current = offer.find(chat.profile)
    withdrawn = chat.profile is not None and current is None
    page = page or find_newest_page(chat)
    addresses = addresses_of(chat.id)
    controls = replace(
        build_controls(chat, page.turn, addresses),
        asks_until=late_until,
        answers=is_answered(current),
    )
    if controls.late_until:
        controls = replace(controls, seen=last_change(chat.id))
    questions = open_questions(page.messages) if controls.status == TurnStatus.RUNNING else ""
    if questions:
        controls = controls.waiting_for(questions, text=waits_for_text(page.messages))
    suggested = StarterList() if chat.written or withdrawn else list_starters(current)
    values: dict[str, Any] = {
        "messages": page.messages,
        "groups": group_messages(page),
        "controls": controls,
        "actions": _build_actions(chat, page, addresses, current),
        "participants": build_participants_of(chat, page),
        "earlier": page.earlier,
        "withdrawn": withdrawn,
        "continue_with": list_profiles_to_continue(offer) if withdrawn else [],
        "resumes": not withdrawn and chat.ended_at is not None and resume_callback() is not None,
        "written": chat.written,
        "inputs": chat.inputs,
        "addresses": addresses,
        "suggested": suggested,
        "notices": [*notices, *_starter_problems(suggested)],
    }
    # `@author_rename` runs while the template is rendered, and holds no connection meanwhile.
    release_connection()
    profile = profile_from_snapshot(chat.profile, chat.snapshots) if withdrawn else current
    return render_template(template, **page_values(chat, profile), **values, draft=draft, **more)


def render_refreshed_chat(chat: StoredChat, under: str | None, late_until: int = 0) -> str:
    """Render a chat for a page that shows an older state of it.

    Parameters
    ----------
    under:
        The profile that the page shows. If the chat has switched to another one, the selector of
        the page follows.
    late_until:
        As for `render_chat`.
    """
    html = render_chat(chat, "chats/_chat.html", late_until=late_until)
    if chat.profile == under:
        return html
    profile = offered_profiles().find(chat.profile)
    now = label(profile) if profile else ""
    selector = addresses_of(chat.id).selector
    return html + render_template("chats/_switched.html", selector=selector, now=now)


def render_earlier_messages(chat: StoredChat, template: str, before: int) -> str:
    """Render the messages before the one with that number, as a page or a fragment."""
    page = find_page_before(chat, before)
    current = offered_profiles().find(chat.profile)
    goes_on = current is not None or chat.profile is None
    values = page_values(chat, shown_profile(chat))
    release_connection()
    return render_template(
        template,
        **values,
        participants=build_participants_of(chat, page),
        actions=with_ratings(
            build_actions(addresses_of(chat.id), None, current, offered=goes_on), chat.id
        ),
        groups=group_messages(replace(page, turn=None)),
        earlier=page.earlier,
        notices=[],
    )


def render_new_chat(current: ChatProfile | None, notices: Sequence[Notice], **more: Any) -> str:
    """Render the page of a chat that is about to start."""
    suggested = list_starters(current)
    return render_template(
        "chats/page.html",
        **page_values(None, current),
        messages=[],
        groups=[],
        suggested=suggested,
        notices=[*notices, *_starter_problems(suggested)],
        **more,
    )


def vanished_notice(offer: Offer, name: str | None = None) -> Notice:
    """Return the notice that the chosen profile is no longer offered."""
    pick = PICK if len(offer.profiles) > 1 else ""
    return Notice((VANISHED if name else VANISHED_BEFORE) + pick, name or "")


def list_profiles_to_continue(offer: Offer) -> list[ChatProfile]:
    """Return the profiles with which a read-only chat can be continued, the default first."""
    first = offer.default(current_choice())
    return [] if first is None else [first, *(p for p in offer.profiles if p is not first)]


def shown_profile(chat: StoredChat) -> ChatProfile | None:
    """Return the profile of a chat as it is offered, or else as it looked before."""
    offered = offered_profiles().find(chat.profile)
    return offered or profile_from_snapshot(chat.profile, chat.snapshots)


def build_participants_of(chat: StoredChat, page: MessagePage) -> Participants:
    """Return who says the messages of a page."""
    names = {message.profile for message in page.messages}
    offered = offered_profiles().by_name
    profiles = profiles_to_show(names, offered, chat.snapshots)
    participants = build_participants(profiles, is_imported=chat.imported_at is not None)
    participants.list_origins(page.messages)
    return participants


def _build_actions(
    chat: StoredChat, page: MessagePage, addresses: ChatAddresses, current: ChatProfile | None
) -> Actions:
    offered = chat.profile is None or current is not None
    questions = [m.id for m in page.messages if m.kind == USER and not is_within_turn(m.details)]
    if not questions and page.earlier is None:
        return build_actions(addresses, None, offered=offered, rates=False)
    question_id = questions[-1] if questions else None
    actions = build_actions(addresses, question_id, current, offered=offered)
    return with_ratings(actions, chat.id)


def page_values(chat: StoredChat | None, current: ChatProfile | None) -> dict[str, Any]:
    """Return what every page of a chat shows beside its messages."""
    return {
        **site_values(current),
        "chat": chat,
        "offer": offered_profiles(),
        "current": current,
        "key": uuid.uuid4(),
        "answers": is_answered(current),
        "uploads": find_upload_rules(current),
        "takes_uploads": takes_uploads(),
        "starter_click": settings().starters,
        "draft_owner": draft_owner(),
    }


def _starter_problems(suggested: StarterList) -> list[Notice]:
    return [Notice(suggested.problem, is_error=True)] if suggested.problem else []


def group_messages(page: MessagePage) -> list[MessageGroup]:
    """Return the messages of a page by who has said them, and in which turn."""
    # What the user has answered to a question of the app is a part of its turn, and so is what the
    # app has sent in the user's name.
    groups = [
        MessageGroup(turn_id, *outline_messages(list(messages)))
        for turn_id, messages in groupby(
            page.messages,
            lambda m: None if m.kind == USER and not is_within_turn(m.details) else m.turn_id,
        )
    ]
    turn = page.turn
    if turn and turn.seems_to_run and all(group.turn_id != turn.id for group in groups):
        groups.append(MessageGroup(turn.id, ()))  # for the messages that are to come
    return groups
