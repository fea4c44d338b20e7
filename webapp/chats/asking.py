"""Saying something in a chat: the profile, the rows, and then the author's callback."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import partial

from flask import Flask, current_app
from werkzeug.exceptions import Conflict

from webapp.accounts.login import signed_in_user, viewer
from webapp.authoring.context import ChatContext
from webapp.authoring.errors import CallbackError, CallbackTimeoutError
from webapp.authoring.message import received
from webapp.authoring.types import ChatProfile
from webapp.chats.conversation import conversation
from webapp.chats.forms import Question
from webapp.chats.history import history_before, stored_question
from webapp.chats.models import Message
from webapp.chats.snapshots import looks_new
from webapp.chats.store import StoredChat
from webapp.chats.turn_begin import TooManyTurnsError, ask_to_stop, store_begun_turn
from webapp.chats.turn_rows import Asking
from webapp.chats.waiting import time_to_wait
from webapp.database import release_connection, utc_now
from webapp.engine.turns import Turn
from webapp.engine.work import IdleError, Work
from webapp.profiles.offer import offered_profile, offered_profiles
from webapp.web.errors import request_id
from webapp.web.events import log_failure

YOU = "User"
# So long the answer to Stop waits for the end to be stored, if the turn runs here.
WAIT_FOR_STOP_SECONDS = 1.0


class NoAnswers(Conflict):
    """The app does not answer messages."""

    title = "Not sent"
    advice = ""

    def __init__(self) -> None:
        super().__init__("This app does not answer messages.")


@dataclass(frozen=True)
class Asked:
    """A turn that was begun, and the user's message in it."""

    turn: Turn
    question: Message | None


def profile_of(chat: StoredChat) -> ChatProfile | None:
    """Return the profile of a chat, if this user is offered it now (R21).

    Raises
    ------
    ProfileNotOffered
        When it was withdrawn; it is logged, and the author's code is not called.
    """
    return None if chat.profile is None else offered_profile(chat.profile)


def ask(chat: StoredChat, profile: ChatProfile | None, asked: Question) -> Asked:
    """Store what a user wrote and begin the turn that answers it.

    Raises
    ------
    AlreadyAskedError
        When this form was sent before: nothing is begun.
    ChatBusyError, TooManyTurnsError
        When it is not the time.
    NoAnswers
        When the app has no ``@on_message``.
    NotFound
        When the chat is gone.
    """
    if current_app.extensions["chat_app"].get("on_message") is None:
        raise NoAnswers
    question = Message(
        id=uuid.uuid4(),
        chat_id=chat.id,
        kind="user",
        author=None,
        content=asked.content,
        status="complete",
        created_at=utc_now(),
        profile=chat.profile,
    )
    turn = _turn(chat, profile, question.id, asked.content)
    _begin(chat, turn, asked.key, question)
    return Asked(turn, question)


def ask_again(
    chat: StoredChat, profile: ChatProfile | None, question_id: uuid.UUID, key: uuid.UUID
) -> Asked:
    """Begin a turn that answers an old question once more.

    Raises
    ------
    AlreadyAskedError, ChatBusyError, TooManyTurnsError, NotFound
        As for `ask`.
    """
    turn = _turn(chat, profile, question_id, stored_question(chat.id, question_id))
    turn.question_id = question_id
    _begin(chat, turn, key, None)
    return Asked(turn, None)


def stop_turn(chat: StoredChat, turn_id: uuid.UUID | None) -> None:
    """Stop a turn of a chat, the one that runs if none is named; one that has ended stays so."""
    turn_id = turn_id or chat.turn_id
    if turn_id is None:
        return
    turn = conversation().keeper.find(turn_id)
    release_connection()
    if turn is None:
        ask_to_stop(chat.id, turn_id)
    elif turn.chat.chat_id == str(chat.id):
        turn.stop()
        with time_to_wait(WAIT_FOR_STOP_SECONDS) as seconds:
            turn.wait_until_stored(seconds)


def explained(failure: CallbackError, reference: str, what: str) -> str:
    """Return what a user is told of a failure: never its text, which may hold anything (R49)."""
    if isinstance(failure, IdleError):
        reason = f"Nothing came for {failure.seconds:g} seconds, so {what} was stopped."
    elif isinstance(failure, CallbackTimeoutError):
        reason = (
            f"{what.capitalize()} took longer than {failure.seconds:g} seconds, so it was stopped."
        )
    else:
        reason = "Something went wrong while this answer was written."
    advice = "Try again; if it goes on, tell the people who run this site the reference"
    return f"{reason} {advice} {reference}."


def _turn(
    chat: StoredChat, profile: ChatProfile | None, question_id: uuid.UUID, content: str
) -> Turn:
    who = viewer()
    message = received(str(chat.id), question_id, content, who.name if who else YOU)
    offered = offered_profiles().by_name
    context = ChatContext(str(chat.id), signed_in_user(), chat.profile, offered=offered)
    work = Work(
        "on_message",
        (message,),
        conversation().limits,
        partial(explained, reference=request_id(), what="the answer"),
        partial(_log, chat_id=chat.id, reference=request_id()),
    )
    turn = Turn(current_app.extensions["chat_app"], context, work, uuid.uuid4())
    turn.profile = profile
    turn.chat.earlier = partial(_earlier, _app(), turn)
    return turn


def _begin(chat: StoredChat, turn: Turn, key: uuid.UUID, question: Message | None) -> None:
    most = current_app.extensions["settings"].turns_per_user
    turn.owner = chat.owner
    if conversation().keeper.lingering(chat.owner) >= most:
        # Stopped, and still at work: what cannot be ended from outside must not pile up.
        raise TooManyTurnsError
    release_connection()
    looks = turn.profile if looks_new(turn.profile, chat.snapshots) else None
    store_begun_turn(Asking(chat.id, chat.owner, key, most, looks), turn, question)
    conversation().keeper.keep(turn, turn.messages())
    turn.begin()


def _earlier(app: Flask, turn: Turn) -> list[tuple[uuid.UUID, str, str]]:
    return history_before(app, uuid.UUID(turn.chat.chat_id), turn.numbered_from)


def _log(failure: CallbackError, *, chat_id: uuid.UUID, reference: str) -> None:
    log_failure("turn.failed", failure, chat=chat_id, request=reference)


def _app() -> Flask:
    return current_app._get_current_object()  # type: ignore[attr-defined, no-any-return]
