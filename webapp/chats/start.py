"""Starting a chat: the profile, the author's callback, and then the rows."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from flask import current_app

from webapp.accounts.login import browser_session, owner_of_new_chats, signed_in_user
from webapp.authoring.context import ChatContext
from webapp.authoring.errors import CallbackError, CallbackTimeoutError
from webapp.authoring.types import ChatProfile
from webapp.chats.models import Chat, Message
from webapp.chats.store import Beginning, store_started_chat
from webapp.database import release_connection, utc_now
from webapp.engine.turns import Turn, run_chat_start
from webapp.profiles.offer import (
    choose,
    chosen_name,
    offered_profile,
    offered_profiles,
    vanished_choice,
)
from webapp.web.errors import request_id
from webapp.web.events import log_failure


@dataclass(frozen=True)
class StartedChat:
    """A chat that was just stored, with what the page shows of it."""

    chat: Chat
    messages: list[Message]
    replaced: list[uuid.UUID]
    profile: ChatProfile | None
    vanished: str | None


def start_chat(asked_for: str | None) -> StartedChat:
    """Start a chat for this user.

    Parameters
    ----------
    asked_for:
        The profile's name as the browser sent it, or ``None`` for the default chain.

    Raises
    ------
    ProfileNotOffered
        When the name is not offered to this user; the author's code never sees it.
    CallbackError
        When the profiles cannot be listed.
    """
    began_at = utc_now()
    profile, vanished = _profile(asked_for)
    beginning = Beginning(owner_of_new_chats(), browser_session().require_row(), began_at)
    context = ChatContext(str(uuid.uuid4()), signed_in_user(), profile.name if profile else None)
    release_connection()
    turn = _run(context)
    stored = store_started_chat(context, turn, beginning, _error_text(turn))
    return StartedChat(stored.chat, stored.messages, stored.replaced, profile, vanished)


def _profile(asked_for: str | None) -> tuple[ChatProfile | None, str | None]:
    if asked_for is not None:
        profile = offered_profile(asked_for)
        choose(profile)
        return profile, None
    vanished = vanished_choice()
    if vanished is not None:
        choose(None)
    return offered_profiles().default(chosen_name()), vanished


def _run(context: ChatContext) -> Turn:
    seconds = current_app.extensions["settings"].chat_start_seconds
    turn = run_chat_start(current_app.extensions["chat_app"], context, seconds)
    if turn.failure:
        log_failure("chat_start.failed", turn.failure, chat=context.chat_id)
    return turn


def _error_text(turn: Turn) -> str:
    return f"{_reason(turn.failure)} (reference {request_id()})" if turn.failure else ""


def _reason(failure: CallbackError) -> str:
    if isinstance(failure, CallbackTimeoutError):
        return (
            f"This chat took longer than {failure.seconds:g} seconds to start, so it was stopped. "
            "Start a new chat to try again."
        )
    return "Something went wrong while this chat started. Start a new chat to try again."
