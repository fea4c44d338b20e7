"""Starting a chat: the profile, the author's callback, and then the rows."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Row

from webapp.accounts.login import browser_session, owner_of_new_chats, signed_in_user
from webapp.authoring.chat_message import ChatMessage
from webapp.authoring.context import ChatContext, Earlier
from webapp.authoring.errors import CallbackError, CallbackTimeoutError
from webapp.authoring.types import ChatProfile
from webapp.chats.past_messages import NO_SEQUENCE_YET, history_before
from webapp.chats.store import StoredChat
from webapp.database.engines import release_connection, utc_now, write_transaction
from webapp.engine.turn import Turn
from webapp.engine.work import RUNNING, Work
from webapp.profiles.offer import (
    choose,
    current_choice,
    find_vanished_choice,
    forget_vanished_choice,
    offered_profile,
    offered_profiles,
)
from webapp.site import chat_app, settings, this_app
from webapp.turns.busy import refuse_busy
from webapp.turns.runtime import conversation
from webapp.turns.start_rows import Beginning, TooManyStartsError, store_started_chat
from webapp.turns.stored_turns import StoredTurn
from webapp.turns.thread_budget import time_to_wait
from webapp.web.errors import request_id
from webapp.web.log import log_failure
from webapp.web.refusals import Refusal

# For so long a start is waited for; then it goes on by itself, and the page watches it.
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


def start_chat(asked_for: str | None, continues: StoredChat | None = None) -> StartedChat:
    """Start a chat for this user.

    Parameters
    ----------
    asked_for:
        The profile's name as the browser sent it, or ``None`` for the default chain.
    continues:
        The chat whose conversation comes along, if one does.

    Raises
    ------
    ProfileNotOfferedError
        When the name is not offered to this user; the author's code never sees it.
    CallbackError
        When the profiles cannot be listed.
    TooManyStartsError
        When this user has as much under way as one may have.
    NotFound, StillAnsweringError
        When the chat that is to be continued is gone, or an answer is written there.
    """
    began_at = utc_now()
    profile, vanished = _profile(asked_for)
    most = settings().turns_per_user
    session_id = browser_session().require_row()
    beginning = Beginning(owner_of_new_chats(), session_id, began_at, most, continues)
    context = ChatContext(
        chat_id=str(uuid.uuid4()),
        user=signed_in_user(),
        chat_profile=profile.name if profile else None,
        earlier=_carried(continues) if continues else list,
        offered=offered_profiles().by_name,
    )
    release_connection()
    turn = _turn(context, profile, beginning.owner)
    last = None  # a start that is over is no turn of the chat
    with _ended_if_it_fails(turn):
        _begin(turn, most)
        stored = store_started_chat(turn, beginning)
        if stored.chat.turn_id is not None:
            conversation().keeper.keep(turn, stored.messages)
            last = StoredTurn(turn.id, RUNNING, None)
    for row in stored.replaced:
        conversation().keeper.interrupt_chat(row.id)
    return StartedChat(
        chat=stored.chat,
        messages=stored.messages,
        replaced=stored.replaced,
        profile=profile,
        vanished=vanished,
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
        refuse_busy(connection, chat)
    return start_chat(name, chat)


def _carried(chat: StoredChat) -> Earlier:
    app = this_app()
    return lambda: history_before(app, chat.id, NO_SEQUENCE_YET)


def _profile(asked_for: str | None) -> tuple[ChatProfile | None, str | None]:
    if asked_for is not None:
        profile = offered_profile(asked_for)
        choose(profile)
        return profile, None
    vanished = find_vanished_choice()
    if vanished is not None:
        forget_vanished_choice()
    return offered_profiles().default(current_choice()), vanished


@contextmanager
def _ended_if_it_fails(turn: Turn) -> Iterator[None]:
    try:
        yield
    except BaseException:
        turn.interrupt()  # nobody else would: it is not kept
        raise


def _begin(turn: Turn, most: int) -> None:
    """Run the start until it is over or can be watched, or for as long as one may wait."""
    with time_to_wait(WAIT_SECONDS) as seconds:
        if not conversation().keeper.admit(turn, most, seconds):
            raise TooManyStartsError
        turn.begin()
        turn.wait_until_over(min(seconds, conversation().start_limits.total))
    turn.check_limits()


def _turn(context: ChatContext, profile: ChatProfile | None, owner: str) -> Turn:
    limits = conversation().start_limits
    work = Work(
        decorator="on_chat_start",
        arguments=(),
        limits=limits,
        explain=partial(_explained, reference=request_id()),
        log=partial(_log, chat_id=context.chat_id, reference=request_id()),
    )
    turn = Turn(chat_app(), context, work)
    turn.profile = profile
    turn.owner = owner
    return turn


def _explained(failure: CallbackError, reference: str) -> str:
    if isinstance(failure, CallbackTimeoutError):
        reason = (
            f"This chat took longer than {failure.seconds:g} seconds to start, so it was stopped."
        )
    else:
        reason = "Something went wrong while this chat started."
    return f"{reason} Start a new chat to try again. (reference {reference})"


def _log(failure: CallbackError, *, chat_id: str, reference: str) -> None:
    log_failure("chat_start.failed", failure, chat=chat_id, request=reference)
