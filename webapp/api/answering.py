"""Answering a program: in a chat that its user finds in the history, by the rules of the page."""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import dataclass, replace

from flask import Flask, g, request
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import NotFound

from webapp.accounts.audit import record_refusal
from webapp.accounts.login import owner_of_new_chats, signed_in_user
from webapp.accounts.sessions.visitor_limits import HourlyLimit, TooManyMessagesOfVisitorsError
from webapp.api.asked_turns import KEY_HEADER, NO_PROFILE, AskedTurn, RequestKey, parse_uuid
from webapp.api.errors import AnswerFailedError, InvalidRequestError
from webapp.api.tokens import CheckedToken
from webapp.authoring.chat_message import ANSWER_KEY, COMPLETE, ERROR, FAILED, USER, ChatMessage
from webapp.authoring.profiles.profile import ChatProfile
from webapp.chats.message_rows import insert_messages
from webapp.chats.models import Chat, Message
from webapp.chats.store import StoredChat, find_my_chat, my_chat
from webapp.chats.titles import make_title
from webapp.config.settings import Settings
from webapp.database.engines import read_connection, utc_now, write_transaction
from webapp.engine.turn import RunningTurn
from webapp.pages.live import TurnState
from webapp.pages.watching import DatabaseSource, MemorySource, TurnSource
from webapp.profiles.offer import ProfileNotOfferedError, offered_profile, offered_profiles
from webapp.site import this_app
from webapp.turns.asking import ask, profile_of
from webapp.turns.claiming import ChatBusyError
from webapp.turns.form_keys import AlreadyAskedError, FormReusedError, refuse_sent_form
from webapp.turns.questions.answering import (
    Answer,
    AskedQuestion,
    answer_question,
    find_open_question,
    find_question,
    refuse_ended,
)
from webapp.turns.requests import Question
from webapp.turns.runtime import conversation
from webapp.turns.starting import start_chat_under
from webapp.web.log import log_event
from webapp.web.refusals import Refusal

EXTENSION = "api_messages"
WRONG_TOKENS = "api_wrong_tokens"
WRONG_TOKENS_PER_HOUR = 20
# For ids of chats that programs name by themselves.
_THREADS = uuid.UUID("8f1f2e3c-5f5b-4c43-9a52-6d1f0a7c1b5e")


class ThreadTakenError(Refusal):
    """The chat of a thread cannot be used, and its id is taken."""

    code = 409
    title = "Thread not available"
    message = "The chat of this thread was deleted, or is just being started."
    advice = "Try again, or use another threadId."


class KeyInUseError(Refusal):
    """An ``Idempotency-Key`` whose first request is just starting its chat."""

    code = 409
    title = "Request being answered"
    message = "The first request with this Idempotency-Key is still being answered."
    advice = "Send this request again in a moment."
    retry_after = 1


class KeyReusedError(Refusal):
    """An ``Idempotency-Key`` that came before with another body."""

    code = 422
    title = "Key used before"
    message = "This Idempotency-Key was sent before with another body, so nothing was done."
    advice = "Send a new key with each new request."


@dataclass(frozen=True, kw_only=True)
class BegunAnswer:
    """An answer that is being written, and its chat.

    Parameters
    ----------
    turn:
        The turn, if it runs in this process.
    said_before:
        The messages of the turn that were there before, as it waited for what was sent now.
    """

    chat: StoredChat
    turn_id: uuid.UUID
    source: TurnSource
    turn: RunningTurn | None
    said_before: frozenset[uuid.UUID] = frozenset()

    def read(self) -> TurnState:
        """Return the turn as it is now, without what was said before."""
        state = self.source.read()
        new = [message for message in state.messages if message.id not in self.said_before]
        return replace(state, messages=new)

    def wait(self, seconds: float) -> TurnState:
        """Wait until nothing comes by itself any more, and return the turn as it is then."""
        ends = time.monotonic() + seconds
        while True:
            self.source.look()
            state = self.read()
            left = ends - time.monotonic()
            if not state.goes_on or left <= 0:
                return state
            self.source.wait(state.version, min(left, 1.0))


def set_up_api_limits(app: Flask, settings: Settings) -> None:
    """Let ``app`` bound how many messages programs send from one address in an hour."""
    app.extensions[EXTENSION] = HourlyLimit(settings.messages_per_address)
    app.extensions[WRONG_TOKENS] = HourlyLimit(WRONG_TOKENS_PER_HOUR)


def note_wrong_token() -> None:
    """Record that a token was refused. A flood of them from one address writes no more."""
    wrong: HourlyLimit = this_app().extensions[WRONG_TOKENS]
    if wrong.count(request.remote_addr, time.monotonic()) > 0:
        log_event("token.refused", level=logging.WARNING)
    else:
        record_refusal("token.refused", None)


def list_profiles() -> list[str]:
    """Return the names of the profiles that the token may be used for."""
    names = [profile.name for profile in offered_profiles().profiles]
    return [NO_PROFILE] if g.has_no_profiles and _may_do_without_profile() else names


def begin_answer(asked: AskedTurn) -> BegunAnswer:
    """Begin to answer, in a new chat or in the one that is named.

    Raises
    ------
    ProfileNotOfferedError
        The user is not offered the profile, or the token is not for it.
    TooManyMessagesOfVisitorsError
        Too many messages came from the address of this request in the last hour.
    NotFound
        The chat is someone else's, or there is none.
    InvalidRequestError
        The chat has another profile.
    AnswerFailedError
        The chat could not be started.
    KeyReusedError
        The key came before with another body, or its chat was deleted.
    KeyInUseError
        The first request with the key is just starting its chat.
    HTTPException
        As for `ask` of the page.
    """
    messages: HourlyLimit = this_app().extensions[EXTENSION]
    wait = messages.count(request.remote_addr, time.monotonic())
    if wait > 0:
        log_event("api.refused", what="message")
        raise TooManyMessagesOfVisitorsError(wait)
    if asked.key is not None and asked.chat_id is None:
        asked = replace(asked, thread_id=_thread_of_key(asked.key))
    found = _find_chat(asked)
    if found is not None and asked.key is not None:
        earlier = _find_earlier_answer(found, asked, asked.key)
        if earlier is not None:
            _find_profile(found)
            return earlier
    chat = found or _start_chat(asked)
    if asked.profile != (chat.profile or NO_PROFILE):
        raise InvalidRequestError(
            f"This chat has the profile {chat.profile or NO_PROFILE}. Name that, or begin another.",
            "model",
        )
    profile, key = _find_profile(chat), _turn_key(chat, asked)
    if asked.question_id is not None:
        question: AskedQuestion | None = find_question(chat, asked.question_id)
    else:
        question = find_open_question(chat)
    if question is not None:
        return _answer_question(chat, question, asked.content, key)
    return _ask(chat, profile, asked, key)


def _find_chat(asked: AskedTurn) -> StoredChat | None:
    """Return the chat that goes on, or ``None`` for a new one."""
    if asked.chat_id is not None:
        return my_chat(asked.chat_id)
    found = _find_thread(asked.thread_id) if asked.thread_id is not None else None
    if found is None and asked.question_id is not None:
        raise NotFound
    return found


def _find_profile(chat: StoredChat) -> ChatProfile | None:
    """Return the profile of a chat, if this token may still use it."""
    if chat.profile is None:
        _refuse_other_tokens()
    return profile_of(chat)


def _thread_of_key(key: RequestKey) -> str:
    """Return what a chat is called that a request with a key begins."""
    token: CheckedToken = g.api_token
    return f"{KEY_HEADER}\n{token.id}\n{key.text}"


def _turn_key(chat: StoredChat, asked: AskedTurn) -> uuid.UUID:
    """Return the key of the turn. In a chat that the request begins, the body is a part of it."""
    if asked.key is None:
        return uuid.uuid4()
    body_hash = asked.key.body_hash if asked.chat_id is None else ""
    return uuid.uuid5(chat.id, f"{_thread_of_key(asked.key)}\n{body_hash}")


def _find_earlier_answer(chat: StoredChat, asked: AskedTurn, key: RequestKey) -> BegunAnswer | None:
    """Return the answer to the same request, if it came before.

    Raises
    ------
    KeyReusedError
        The key came with another body.
    """
    try:
        with read_connection() as connection:
            refuse_sent_form(connection, chat.id, _turn_key(chat, asked))
    except AlreadyAskedError as error:
        return _answer_again(chat, error, asked)
    begun_by_other = asked.chat_id is None and chat.written
    if begun_by_other or (asked.chat_id is not None and _find_thread(_thread_of_key(key))):
        raise KeyReusedError
    return None


def _ask(
    chat: StoredChat, profile: ChatProfile | None, asked: AskedTurn, key: uuid.UUID
) -> BegunAnswer:
    """Ask the profile, unless the same request has done so at the same time."""
    try:
        turn = ask(chat, profile, Question(asked.content, key)).turn
    except AlreadyAskedError as error:
        return _answer_again(chat, error, asked)
    except FormReusedError as error:
        raise KeyReusedError from error
    except ChatBusyError as error:
        if asked.key is None or asked.chat_id is not None:
            raise
        raise KeyInUseError from error  # which has begun the chat, and waits for its start
    return BegunAnswer(chat=chat, turn_id=turn.id, source=MemorySource(turn), turn=turn)


def _answer_again(chat: StoredChat, sent: AlreadyAskedError, asked: AskedTurn) -> BegunAnswer:
    if sent.sent.content != asked.content:
        raise KeyReusedError from sent
    turn = conversation().keeper.find(sent.turn_id)
    source: TurnSource = (
        MemorySource(turn) if turn else DatabaseSource(this_app(), chat.id, sent.turn_id)
    )
    # Of a turn whose question it answered, what came after that.
    said = [message.id for message in source.read().messages]
    answers = [
        place
        for place, message in enumerate(source.read().messages)
        if ANSWER_KEY in (message.details or ()) and message.content == asked.content
    ]
    said_before = frozenset(said[: answers[0] + 1]) if answers else frozenset[uuid.UUID]()
    return BegunAnswer(
        chat=chat, turn_id=sent.turn_id, source=source, turn=turn, said_before=said_before
    )


def _answer_question(
    chat: StoredChat, question: AskedQuestion, content: str, key: uuid.UUID
) -> BegunAnswer:
    """Answer what the app has asked, as a text in the composer does."""
    values = {"content": content}
    refuse_ended(question, key)
    if question.kind == "action":
        buttons = question.offers["actions"]
        pressed = [it for it in buttons if content.strip() in (it["text"], it["name"])]
        if len(pressed) != 1:
            offered = ", ".join(button["text"] for button in buttons)
            raise InvalidRequestError(f"The app waits for one of these: {offered}.", "messages")
        values = {"action": pressed[0]["id"]}
    elif question.kind != "user":
        raise InvalidRequestError("The app waits for an answer that only its page takes.")
    turn = conversation().keeper.find(question.turn_id)
    source: TurnSource = (
        MemorySource(turn) if turn else DatabaseSource(this_app(), chat.id, question.turn_id)
    )
    said_before = frozenset(message.id for message in source.read().messages)
    answer_question(chat, question, Answer(values=values, key=key, words=content))
    source.look()
    return BegunAnswer(
        chat=chat, turn_id=question.turn_id, source=source, turn=turn, said_before=said_before
    )


def _may_do_without_profile() -> bool:
    token: CheckedToken = g.api_token
    return token.profiles is None or NO_PROFILE in token.profiles


def _refuse_other_tokens() -> None:
    """Refuse a token that is for some profiles only, where there is none."""
    if not _may_do_without_profile():
        user = signed_in_user()
        record_refusal("profile.refused", user.identifier if user else None, profile=NO_PROFILE)
        raise ProfileNotOfferedError(subject=NO_PROFILE)


def _find_thread(thread_id: str) -> StoredChat | None:
    own = parse_uuid(thread_id)
    chat = find_my_chat(own) if own is not None else None
    return chat or find_my_chat(_chat_of_thread(thread_id))


def _chat_of_thread(thread_id: str) -> uuid.UUID:
    """Return the id of the chat that this user's programs call so. No other user's is the same."""
    return uuid.uuid5(_THREADS, f"{owner_of_new_chats()}\n{thread_id}")


def _start_chat(asked: AskedTurn) -> StoredChat:
    has_no_profile = asked.profile == NO_PROFILE and g.has_no_profiles
    if has_no_profile:
        _refuse_other_tokens()
    profile = None if has_no_profile else offered_profile(asked.profile)
    chat_id = _chat_of_thread(asked.thread_id) if asked.thread_id is not None else None
    try:
        started = start_chat_under(profile, chat_id)
    except IntegrityError as error:
        if asked.key is None or asked.thread_id is None:
            raise ThreadTakenError from error
        if _find_thread(asked.thread_id) is not None:
            raise KeyInUseError from error
        deleted = "The chat of this Idempotency-Key was deleted, so nothing was done."
        raise KeyReusedError(deleted) from error
    for message in started.messages:
        if message.kind == ERROR and message.status == FAILED:
            raise AnswerFailedError(message.content)
    chat = started.chat
    if started.turn is not None:  # it streams a greeting, or asks
        running = conversation().keeper.find(started.turn.id)
        if running is not None:
            running.wait_until_stored(conversation().start_limits.total)
        # Nobody keeps a start that has ended by now, so only the database knows.
        chat = my_chat(chat.id)
    if asked.earlier and chat.turn_id is None:
        _store_earlier(chat, asked)
    return chat


def _store_earlier(chat: StoredChat, asked: AskedTurn) -> None:
    """Store what was said before, according to the program, behind the app's greeting."""
    now = utc_now()
    first = next((each.content for each in asked.earlier if each.kind == USER), asked.content)
    last_sequence = select(func.coalesce(func.max(Message.sequence), 0)).where(
        Message.chat_id == chat.id
    )
    with write_transaction() as connection:
        connection.execute(update(Chat).where(Chat.id == chat.id).values(title=make_title(first)))
        last: int = connection.execute(last_sequence).scalar_one()
        messages = [
            ChatMessage(
                id=uuid.uuid4(),
                kind=each.kind,
                content=each.content,
                status=COMPLETE,
                created_at=now,
                profile=chat.profile,
                sequence=last + number,
            )
            for number, each in enumerate(asked.earlier, start=1)
        ]
        insert_messages(connection, chat.id, messages)
