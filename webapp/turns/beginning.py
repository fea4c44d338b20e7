"""Storing a turn that begins: with the message it answers, all or none, once for each form."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, null, select, update
from sqlalchemy.engine import Connection

from webapp.authoring.chat_message import ASSISTANT, STREAMING, ChatMessage
from webapp.chats.message_rows import insert_messages
from webapp.chats.models import Turn
from webapp.chats.search_index import index_title
from webapp.chats.snapshots import store_snapshots
from webapp.chats.titles import title_of
from webapp.database.engines import utc_now, write_transaction
from webapp.engine.phases import TurnStatus
from webapp.files.rows import copy_rows
from webapp.files.saving import insert_files
from webapp.turns.claiming import TURNS_WITH_VALUES, ClaimedChat, claim_chat, claim_ended_chat
from webapp.turns.form_keys import refuse_sent_form
from webapp.turns.replacing import replace_messages, retitle, values_before
from webapp.turns.requests import TurnRequest
from webapp.turns.rows import (
    IS_HEARD,
    NEW_TURN,
    OURS,
    interrupt_turn,
    is_alive,
    turn_row,
)
from webapp.web.errors import RETRY_SECONDS
from webapp.web.refusals import Refusal

# Built once: building a statement takes longer than running it.
_FORGET_VALUES = update(Turn).where(TURNS_WITH_VALUES).values(values_before=null())
_RETRIED = (
    update(Turn)
    .where(
        Turn.chat_id == bindparam("chat"),
        Turn.question_id == bindparam("question"),
        Turn.status != TurnStatus.RUNNING,
    )
    .values(retried=True)
)


class TooManyTurnsError(Refusal):
    """This user has as many answers under way as one may have."""

    code = 429
    title = "Not sent"
    message = "Several answers are being written for you already, so your message was not sent."
    advice = "Send it when one of them is finished, or stop one."
    retry_after = RETRY_SECONDS


@dataclass(frozen=True, kw_only=True)
class TurnPlace:
    """Where a turn that was stored stands in its chat, and what it found there.

    Parameters
    ----------
    question:
        What the user wrote, as it was stored; ``None`` if it was not new.
    placeholder:
        The message that stands for the answer until the app says something.
    values:
        The chat's values with which the turn begins.
    inputs:
        What can be set in the chat.
    had_ended:
        Whether the chat had ended before, in an app that resumes chats.
    """

    question: ChatMessage | None
    placeholder: ChatMessage
    values: dict[str, Any]
    inputs: dict[str, Any] | None
    had_ended: bool

    @property
    def first_sequence(self) -> int:
        """Return the number of the first message that the turn says."""
        return self.placeholder.sequence

    @property
    def first_new(self) -> int:
        """Return the number of the first message that was not in the chat before."""
        return self.question.sequence if self.question is not None else self.first_sequence


def store_begun_turn(request: TurnRequest) -> TurnPlace:
    """Store a turn with its question and the place of its answer, in one transaction.

    The turn gets the chat's values as they are now, or as they were before what it replaces.

    Raises
    ------
    AlreadyAskedError
        When the form was sent before.
    ChatBusyError
        When another turn is running.
    TooManyTurnsError
        When the user is at the limit.
    ProfileChangedError
        When the chat has changed its profile since it was fetched.
    MessageReplacedError, NotLastAnswerError
        When the chat has gone on after what is to be replaced.
    NotFound
        When the chat no longer exists.
    """
    chat_id, question, replacement = request.chat_id, request.question, request.replacement
    made_title = title_of(question.content, question.elements) if question is not None else None
    with write_transaction() as connection:
        claimed = claim_chat(connection, request, made_title)
        # Only now: on PostgreSQL the same form may be stored, and answered, while this one waits
        # for the chat.
        if claimed.was_sent:
            refuse_sent_form(connection, chat_id, request.key)

        title, values = claimed.title, claimed.values
        # With which the question was first answered.
        first_values: dict[str, Any] | None = values
        if replacement is not None:
            title = retitle(connection, chat_id, replacement, title, made_title)
            before = replace_messages(connection, chat_id, request.turn_id, replacement)
            values = first_values = values if before is None else before
        elif request.answers is not None:
            before = values_before(connection, chat_id, request.answers)
            first_values = values if before is None else before

        place = insert_turn(connection, request, claimed, values, first_values)
        if question is not None and request.files:
            insert_files(connection, chat_id, question.id, request.files, uploaded_by=request.owner)
        if question is not None and replacement is not None and replacement.elements:
            copies = {replacement.question_id: question.id}
            copy_rows(connection, chat_id, chat_id, copies)
        if request.new_snapshot is not None:
            store_snapshots(connection, chat_id, request.new_snapshot)
        if title and title != claimed.title:
            index_title(connection, request.owner, chat_id, title)
    return place


def store_resumption(request: TurnRequest) -> TurnPlace:
    """Store a turn that resumes a chat which has ended. Of several at once, one does.

    Raises
    ------
    ChatNotEndedError
        When the chat has not ended, or has been resumed since.
    TooManyTurnsError
        When the user is at the limit.
    NotFound
        When the chat no longer exists.
    """
    with write_transaction() as connection:
        claimed = claim_ended_chat(connection, request)
        return insert_turn(connection, request, claimed, claimed.values, None)


def insert_turn(
    connection: Connection,
    request: TurnRequest,
    claimed: ClaimedChat,
    values: dict[str, Any],
    first_values: dict[str, Any] | None,
) -> TurnPlace:
    """Insert the rows of a turn, and return its place.

    Parameters
    ----------
    first_values:
        The values with which its question was first answered; ``None`` when it answers nothing.

    Raises
    ------
    TooManyTurnsError
        When the user is at the limit.
    """
    if claimed.running_turns >= request.most_turns:
        raise TooManyTurnsError
    chat = {"chat": request.chat_id}
    if first_values is not None and claimed.keeps_values:
        connection.execute(_FORGET_VALUES, chat)

    question, sequence = request.question, claimed.last_sequence + 1
    if question is not None:
        question = replace(question, sequence=sequence, turn_id=request.turn_id)
        sequence += 1
    placeholder = ChatMessage(
        id=uuid.uuid4(),
        kind=ASSISTANT,
        content="",
        status=STREAMING,
        created_at=utc_now(),
        profile=request.profile_name,
        turn_id=request.turn_id,
        sequence=sequence,
    )
    row = turn_row(
        turn_id=request.turn_id,
        chat_id=request.chat_id,
        owner=request.owner,
        key=request.key,
        question_id=request.question_id,
        action_id=request.action_id,
        first_sequence=sequence,
    )
    connection.execute(NEW_TURN, {**row, "values_before": first_values})
    new = [message for message in (question, placeholder) if message is not None]
    insert_messages(connection, request.chat_id, new)
    if request.answers is not None:
        connection.execute(_RETRIED, {**chat, "question": request.answers})
    return TurnPlace(
        question=question,
        placeholder=placeholder,
        values=values,
        inputs=claimed.inputs,
        had_ended=claimed.had_ended,
    )


def request_stop(chat_id: uuid.UUID, turn_id: uuid.UUID) -> None:
    """Ask the process that runs a turn to stop it; if that process is gone, end the turn here."""
    with write_transaction() as connection:
        is_heard = connection.scalar(
            select(IS_HEARD).where(
                Turn.id == turn_id, Turn.chat_id == chat_id, Turn.status == TurnStatus.RUNNING
            )
        )
        if is_heard is not None and not is_alive(is_heard):
            interrupt_turn(connection, chat_id, turn_id)
        elif is_heard is not None:
            connection.execute(OURS.values(stop_asked=True), {"turn": turn_id})
