"""Saying something in a chat: the profile, the rows, and then the author's callback."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from functools import partial

from flask import Flask

from webapp.accounts.login import browser_session, signed_in_user, viewer
from webapp.authoring.chat_message import COMPLETE, USER, ChatMessage
from webapp.authoring.context import ChatContext
from webapp.authoring.errors import CallbackError, CallbackTimeoutError
from webapp.authoring.message import make_user_message
from webapp.authoring.types import ChatProfile
from webapp.chats.past_messages import history_before, stored_question
from webapp.chats.snapshots import looks_new
from webapp.chats.store import StoredChat
from webapp.database.engines import release_connection, utc_now
from webapp.engine.turn import Turn
from webapp.engine.work import IdleError, Work
from webapp.profiles.offer import offered_profile, offered_profiles
from webapp.site import chat_app, settings, this_app
from webapp.turns.beginning import (
    TooManyTurnsError,
    ask_to_stop,
    store_begun_turn,
    store_resumption,
)
from webapp.turns.claiming import NotOverError
from webapp.turns.ending import end_other_chats
from webapp.turns.replacing import Replaced
from webapp.turns.resuming import resume_callback, resume_first, resuming_work
from webapp.turns.rows import Asking
from webapp.turns.runtime import conversation
from webapp.turns.thread_budget import time_to_wait
from webapp.web.errors import RETRY_SECONDS, request_id
from webapp.web.log import log_failure
from webapp.web.refusals import Refusal

YOU = "User"
# So long the answer to Stop waits for the end to be stored, if the turn runs here.
WAIT_FOR_STOP_SECONDS = 1.0


class ChatNotResumedError(Refusal):
    """This user has as many answers under way as one may have."""

    code = 429
    title = "Chat not resumed"
    message = "Several answers are being written for you already, so this chat was not resumed."
    advice = "Write in this chat, or reload it, when one of them is finished."
    retry_after = RETRY_SECONDS


class AppNotAnsweringError(Refusal):
    """The app does not answer messages."""

    code = 409
    title = "Not sent"
    message = "This app does not answer messages."


@dataclass(frozen=True)
class Question:
    """What a user wrote, and the form it was sent with."""

    content: str
    key: uuid.UUID


@dataclass(frozen=True)
class Asked:
    """A turn that was begun, and the user's message in it."""

    turn: Turn
    question: ChatMessage | None


def profile_of(chat: StoredChat) -> ChatProfile | None:
    """Return the profile of a chat, if this user is offered it now (R21).

    Raises
    ------
    ProfileNotOfferedError
        When it was withdrawn; it is logged, and the author's code is not called.
    """
    return None if chat.profile is None else offered_profile(chat.profile)


def ask(
    chat: StoredChat,
    profile: ChatProfile | None,
    asked: Question,
    replaced: Replaced | None = None,
) -> Asked:
    """Store what a user wrote, instead of something else if so told, and begin its turn.

    Raises
    ------
    AlreadyAskedError
        When this form was sent before: nothing is begun.
    ChatBusyError, TooManyTurnsError
        When it is not the time.
    AppNotAnsweringError
        When the app has no ``@on_message``.
    NotLastMessageError
        When the chat has gone on after what is to be replaced.
    NotFound
        When the chat is gone.
    """
    if chat_app().get("on_message") is None:
        raise AppNotAnsweringError
    question = ChatMessage(
        id=uuid.uuid4(),
        kind=USER,
        content=asked.content,
        status=COMPLETE,
        created_at=utc_now(),
        profile=chat.profile,
    )
    turn = _turn(chat, profile, _answering(chat, question.id, asked.content))
    _begin(chat, turn, asked.key, question, replaced)
    return Asked(turn, question)


def ask_again(
    chat: StoredChat,
    profile: ChatProfile | None,
    question_id: uuid.UUID,
    key: uuid.UUID,
    replaced: Replaced | None = None,
) -> Asked:
    """Begin a turn that answers an old question once more, beside or in the place of its answer.

    Raises
    ------
    AlreadyAskedError, ChatBusyError, TooManyTurnsError, NotLastMessageError, NotFound
        As for `ask`.
    """
    content = stored_question(chat.id, question_id)
    turn = _turn(chat, profile, _answering(chat, question_id, content))
    turn.question_id = question_id
    _begin(chat, turn, key, None, replaced)
    return Asked(turn, None)


def resume(chat: StoredChat, profile: ChatProfile | None) -> Asked:
    """Resume a chat that is over, as a turn in which nothing is answered.

    Raises
    ------
    NotOverError
        When there is nothing to resume, or the app has no ``@on_chat_resume``.
    ChatNotResumedError
        When it is not the time.
    NotFound
        When the chat is gone.
    """
    if resume_callback() is None:
        raise NotOverError
    turn = _turn(chat, profile, resuming_work(chat))
    try:
        asking = _admitted(chat, uuid.uuid4())
        store_resumption(asking, turn)
    except TooManyTurnsError:
        raise ChatNotResumedError from None
    _run(chat, turn, asking, turn.numbered_from, resumes=True)
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


def _turn(chat: StoredChat, profile: ChatProfile | None, work: Work) -> Turn:
    offered = offered_profiles().by_name
    context = ChatContext(
        chat_id=str(chat.id), user=signed_in_user(), chat_profile=chat.profile, offered=offered
    )
    turn = Turn(chat_app(), context, work, uuid.uuid4())
    turn.profile = profile
    turn.owner = chat.owner
    return turn


def _answering(chat: StoredChat, question_id: uuid.UUID, content: str) -> Work:
    who = viewer()
    return Work(
        decorator="on_message",
        arguments=(
            make_user_message(str(chat.id), question_id, content, who.name if who else YOU),
        ),
        limits=conversation().limits,
        explain=partial(explained, reference=request_id(), what="the answer"),
        log=partial(_log, chat_id=chat.id, reference=request_id()),
    )


def _begin(
    chat: StoredChat,
    turn: Turn,
    key: uuid.UUID,
    question: ChatMessage | None,
    replaced: Replaced | None,
) -> None:
    looks = turn.profile if looks_new(turn.profile, chat.snapshots) else None
    asking = replace(_admitted(chat, key), looks=looks)
    was_over = store_begun_turn(asking, turn, question, replaced)
    first_new = turn.numbered_from - (question is not None)
    _run(chat, turn, asking, first_new, resumes=was_over)


def _admitted(chat: StoredChat, key: uuid.UUID) -> Asking:
    most = settings().turns_per_user
    if conversation().keeper.lingering(chat.owner) >= most:
        # Stopped, and still at work: what cannot be ended from outside must not pile up.
        raise TooManyTurnsError
    here = browser_session().require_row() if resume_callback() else None
    release_connection()
    return Asking(chat_id=chat.id, owner=chat.owner, key=key, most_turns=most, resumes_in=here)


def _run(chat: StoredChat, turn: Turn, asking: Asking, first_new: int, *, resumes: bool) -> None:
    conversation().keeper.keep(turn, turn.messages())
    turn.chat.earlier = partial(_earlier, _app(), turn, first_new)
    turn.chat.answers = turn.question_id
    if resumes:
        try:
            resume_first(chat, turn, first_new)
        except BaseException:
            turn.interrupt()  # nobody would begin it any more
            raise
    turn.begin()
    if resumes:
        # Its user has left them for this one, as for a chat that starts.
        end_other_chats(replace(chat, session_id=asking.resumes_in), ())


def _earlier(app: Flask, turn: Turn, first_new: int) -> list[tuple[uuid.UUID, str, str]]:
    # What resumes the chat comes before what the user has just written.
    resumes = turn.work.decorator == "on_chat_resume"
    before = first_new if resumes else turn.numbered_from
    return history_before(app, uuid.UUID(turn.chat.chat_id), before)


def _log(failure: CallbackError, *, chat_id: uuid.UUID, reference: str) -> None:
    log_failure("turn.failed", failure, chat=chat_id, request=reference)


def _app() -> Flask:
    return this_app()
