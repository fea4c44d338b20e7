"""Starting a chat: run the author's callback first, then store what it said."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy import Row
from werkzeug.exceptions import HTTPException

from webapp.accounts.login import owner_of_new_chats, session_of_chats, signed_in_user
from webapp.accounts.sessions.visitor_limits import (
    count_visitors_start,
    note_visitors_turn,
    visitors_turn,
)
from webapp.authoring.chat_message import ChatMessage
from webapp.authoring.context import Earlier
from webapp.authoring.profiles.profile import ChatProfile
from webapp.chats.past_messages import list_history
from webapp.chats.store import StoredChat
from webapp.database.engines import release_connection, utc_now, write_transaction
from webapp.engine.phases import TurnStatus
from webapp.engine.turn import RunningTurn
from webapp.engine.work import TurnSpec
from webapp.profiles.last_choice import remember_name
from webapp.profiles.offer import (
    choose,
    current_choice,
    find_vanished_choice,
    forget_vanished_choice,
    offered_profile,
    offered_profiles,
)
from webapp.site import chat_app, settings, this_app
from webapp.turns.contexts import make_context
from webapp.turns.copying import CopySource, copy_source
from webapp.turns.failures import make_work
from webapp.turns.runtime import conversation
from webapp.turns.settings.defaults import find_setting_defaults
from webapp.turns.start_rows import StartRequest, TooManyStartsError, store_started_chat
from webapp.turns.stored_turns import StoredTurn
from webapp.turns.thread_budget import time_to_wait
from webapp.web.housekeeping import run_housekeeping_if_due
from webapp.web.refusals import Refusal

# How long a request waits for `on_chat_start` before it continues in the background.
WAIT_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class StartedChat:
    """A chat that was just stored, with what the page shows of it."""

    chat: StoredChat
    messages: list[ChatMessage]
    replaced: list[Row[Any]]
    profile: ChatProfile | None
    vanished: str | None
    turn: StoredTurn | None


def start_chat(asked_for: str | None, source: CopySource | None = None) -> StartedChat:
    """Start a chat for this user.

    Parameters
    ----------
    asked_for:
        The profile's name as the browser sent it, or ``None`` for the default chain.
    source:
        The chat whose conversation is copied into the new one, if one is.

    Raises
    ------
    ProfileNotOfferedError
        When the name is not offered to this user; the author's code never sees it.
    CallbackError
        When the profiles cannot be listed.
    TooManyStartsError
        When this user has as much under way as one may have.
    TooManyStartsOfVisitorsError, TooManyTurnsOfVisitorsError
        When too much was begun from the address of a visitor.
    NotFound, StillAnsweringError
        When the chat that is to be continued is gone, or an answer is written there.
    """
    count_visitors_start()
    began_at = utc_now()
    profile, vanished, new_choice = _profile(asked_for)
    request = StartRequest(
        owner=owner_of_new_chats(),
        session_id=session_of_chats(),
        began_at=began_at,
        most_turns=settings().turns_per_user,
        new_choice=new_choice,
        source=source,
    )
    return replace(run_start(request, profile, WAIT_SECONDS), vanished=vanished)


def start_chat_under(profile: ChatProfile | None, chat_id: uuid.UUID | None) -> StartedChat:
    """Start a chat for a program, which goes on once the start is over, and remembers no choice.

    Parameters
    ----------
    chat_id:
        The id that the chat gets, if it is not to be a random one.

    Raises
    ------
    TooManyStartsError
        As for `start_chat`.
    """
    request = StartRequest(
        owner=owner_of_new_chats(),
        session_id=session_of_chats(),
        began_at=utc_now(),
        most_turns=settings().turns_per_user,
        chat_id=chat_id,
    )
    return run_start(request, profile, conversation().start_limits.total)


def run_start(
    request: StartRequest, profile: ChatProfile | None, wait_seconds: float
) -> StartedChat:
    """Run the author's callback, wait for it as long as this request may, and store the chat."""
    new_choice = request.new_choice
    turn = _turn(request, profile)
    release_connection()
    keeper, last = conversation().keeper, None  # a start that is over is no turn of the chat
    try:
        with visitors_turn(turn.id), time_to_wait(wait_seconds) as seconds:
            if not keeper.admit(turn, request.most_turns, seconds):
                raise TooManyStartsError
            note_visitors_turn(turn)
            turn.begin()
            turn.wait_until_over(min(seconds, conversation().start_limits.total))
        turn.check_limits()
        stored = store_started_chat(turn, request)
        if stored.chat.turn_id is not None:
            keeper.keep(turn, stored.messages)
            last = StoredTurn(turn.id, TurnStatus.RUNNING, None, is_start=True)
    except BaseException as error:
        turn.interrupt()  # nobody else would: it is not kept
        if new_choice is not None and isinstance(error, HTTPException):
            # The user has chosen, although nothing was started.
            with write_transaction() as connection:
                remember_name(connection, new_choice)
        raise
    for row in stored.replaced:
        keeper.interrupt_chat(row.id)
    run_housekeeping_if_due()
    return StartedChat(
        chat=stored.chat,
        messages=stored.messages,
        replaced=stored.replaced,
        profile=profile,
        vanished=None,
        turn=last,
    )


class ProfileNotWithdrawnError(Refusal):
    """The profile of the chat is offered, so the chat needs no copy."""

    code = 409
    title = "Chat not copied"
    message = "The profile of this chat is available again."
    advice = "Reload the page and write in the chat."


def continue_chat(chat: StoredChat, name: str) -> StartedChat:
    """Start a chat that begins with what was said in one whose profile was withdrawn.

    Raises
    ------
    ProfileNotOfferedError, CallbackError, TooManyStartsError, NotFound, StillAnsweringError
        As for `start_chat`.
    ProfileNotWithdrawnError
        When the chat can go on as it is.
    """
    offered_profile(name)
    if chat.profile is None or offered_profiles().find(chat.profile) is not None:
        raise ProfileNotWithdrawnError
    release_connection()
    # Before the author's code runs, and once more when the new chat is stored.
    with write_transaction() as connection:
        source = copy_source(connection, chat)
    return start_chat(name, source)


def _profile(asked_for: str | None) -> tuple[ChatProfile | None, str | None, str | None]:
    """Return the profile, the name of a choice that vanished, and that of a new choice."""
    if asked_for is not None:
        profile = offered_profile(asked_for)
        return profile, None, profile.name if choose(profile) else None
    vanished = find_vanished_choice()
    if vanished is not None:
        forget_vanished_choice()
    return offered_profiles().default(current_choice()), vanished, None


def _turn(request: StartRequest, profile: ChatProfile | None) -> RunningTurn:
    chat_id, source = request.chat_id or uuid.uuid4(), request.source
    context = make_context(
        chat_id,
        user=signed_in_user(),
        chat_profile=profile.name if profile else None,
        offered=offered_profiles().by_name,
        find_setting_defaults=partial(find_setting_defaults, this_app(), request.owner),
    )
    earlier: Earlier = list
    if source is not None:
        earlier = partial(list_history, this_app(), source.chat.id, source.next_sequence)
    return RunningTurn(
        chat_app(),
        context,
        make_work("on_chat_start", chat_id, conversation().start_limits, earlier=earlier),
        TurnSpec(
            id=uuid.uuid4(),
            owner=request.owner,
            profile=profile,
            first_sequence=source.next_sequence if source else 1,
        ),
        conversation().keeper.note_end,
        conversation().keeper.note_question,
    )
