"""Beginning a turn: with the message it answers, all or none, and once for each form (R56, R57)."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, func, insert, null, select, update
from sqlalchemy.engine import Connection

from webapp.authoring.chat_message import USER, ChatMessage
from webapp.authoring.context import Values
from webapp.chats.locking import one_by_one
from webapp.chats.message_rows import insert_messages
from webapp.chats.models import Message, Turn
from webapp.chats.profile_rows import keep_look
from webapp.chats.search_index import index_first_question, index_messages, index_title
from webapp.chats.titles import make_title
from webapp.database.engines import utc_now, write_transaction
from webapp.engine import turn as engine
from webapp.engine.work import RUNNING
from webapp.turns.claiming import Taken, take, take_to_resume
from webapp.turns.form_keys import refuse_twice
from webapp.turns.replacing import Replaced, set_aside, title_instead, values_before
from webapp.turns.rows import (
    ALIVE,
    OURS,
    RUNNING_TURNS,
    Asking,
    interrupt,
    is_alive,
    turn_row,
)
from webapp.web.errors import RETRY_SECONDS
from webapp.web.refusals import Refusal

# Built once: building a statement takes longer than running it.
_COUNTS = select(
    select(func.coalesce(func.max(Message.sequence), 0))
    .where(Message.chat_id == bindparam("chat"))
    .scalar_subquery(),
    RUNNING_TURNS.scalar_subquery(),
    select(Message.id).where(Message.chat_id == bindparam("chat"), Message.kind == USER).exists(),
)
_NEW_TURN = insert(Turn)
_LAST_QUESTION = (
    select(Message.sequence)
    .where(Message.chat_id == bindparam("chat"), Message.kind == USER)
    .order_by(Message.sequence.desc())
    .limit(1)
)
# Only the last question can still be answered anew. What has answered it stands after it.
_FORGET_VALUES = (
    update(Turn)
    .where(
        Turn.id.in_(
            select(Message.turn_id).where(
                Message.chat_id == bindparam("chat"),
                Message.sequence >= _LAST_QUESTION.scalar_subquery(),
            )
        )
    )
    .values(values_before=null())
)
_RETRIED = (
    update(Turn)
    .where(
        Turn.chat_id == bindparam("chat"),
        Turn.question_id == bindparam("question"),
        Turn.status != RUNNING,
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


def store_begun_turn(
    asking: Asking,
    turn: engine.Turn,
    question: ChatMessage | None,
    replaced: Replaced | None = None,
) -> bool:
    """Store a turn with its question and the place of its answer, all or none (R56).

    Returns whether the chat was over until now, where the app wants to know; it is not any more.

    Parameters
    ----------
    question:
        What the user wrote; ``None`` when an old question, the turn's own, is answered again.
    replaced:
        What the turn takes the place of, if it does.

    The turn gets the chat's values as they are now, or as they were before what it replaces.

    Raises
    ------
    AlreadyAskedError
        When the form was sent before.
    ChatBusyError, TooManyTurnsError
        When it is not the time.
    ProfileChangedError
        When the chat has gone on under another profile since it was fetched.
    NotLastMessageError
        When the chat has gone on after what is to be replaced.
    NotFound
        When the chat is gone.
    """
    made_title = make_title(question.content) if question is not None else None
    with write_transaction() as connection:
        taken = take(connection, asking, turn, made_title)
        # Not before: on PostgreSQL the same form may be stored, and answered, while this one
        # comes to the chat.
        refuse_twice(connection, asking.chat_id, asking.key)
        title = taken.title
        if replaced is not None:
            title = title_instead(connection, asking.chat_id, replaced, title, made_title)
        values, before = _values_of(connection, asking, turn, taken, replaced)
        turn.chat.values = Values(values)
        question, asked_before = _store(connection, asking, turn, question, before)
        if asking.looks is not None:
            keep_look(connection, asking.chat_id, asking.looks)
        if question is not None and asked_before:
            if title and title != taken.title:
                index_title(connection, asking.owner, asking.chat_id, title)
            index_messages(
                connection, asking.owner, asking.chat_id, [(question.id, question.content)]
            )
        elif question is not None:
            index_first_question(connection, asking.owner, asking.chat_id, question, taken.title)
    return taken.was_over


def _values_of(
    connection: Connection,
    asking: Asking,
    turn: engine.Turn,
    taken: Taken,
    replaced: Replaced | None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the values a turn begins with, and those with which its question was first answered.

    What a turn takes the place of is put aside.
    """
    if replaced is not None:
        before = set_aside(connection, asking.chat_id, turn.id, replaced)
        values = taken.values if before is None else before
        return values, values
    if turn.question_id is None:
        return taken.values, taken.values
    first = values_before(connection, asking.chat_id, turn.question_id)
    return taken.values, taken.values if first is None else first


def store_resumption(asking: Asking, turn: engine.Turn) -> None:
    """Store a turn that resumes a chat which is over; of several at once, one does.

    Raises
    ------
    NotOverError
        When the chat is not over, or not any more.
    TooManyTurnsError
        When it is not the time.
    NotFound
        When the chat is gone.
    """
    with write_transaction() as connection:
        turn.chat.values = Values(take_to_resume(connection, asking, turn))
        _store(connection, asking, turn, None, None)


def _store(
    connection: Connection,
    asking: Asking,
    turn: engine.Turn,
    question: ChatMessage | None,
    before: dict[str, Any] | None,
) -> tuple[ChatMessage | None, bool]:
    """Store the rows of a turn.

    Returns the question in its place, and whether its user had said anything in the chat before.

    Parameters
    ----------
    before:
        The values with which its question was first answered; ``None`` when it answers nothing.
    """
    one_by_one(connection, asking.owner)
    counted = {"of_owner": asking.owner, "seen_after": utc_now() - ALIVE}
    last, running, asked_before = connection.execute(
        _COUNTS, {"chat": asking.chat_id, **counted}
    ).one()
    if running >= asking.most_turns:
        raise TooManyTurnsError
    if before is not None:
        connection.execute(_FORGET_VALUES, {"chat": asking.chat_id})
    sequence: int = last + 1
    if question is not None:
        question = replace(question, sequence=sequence, turn_id=turn.id)
        turn.question_id = question.id
    turn.numbered_from = sequence + (question is not None)
    [waiting] = turn.messages()
    connection.execute(_NEW_TURN, {**turn_row(asking, turn), "values_before": before})
    insert_messages(connection, asking.chat_id, [m for m in (question, waiting) if m is not None])
    if question is None and turn.question_id is not None:
        connection.execute(_RETRIED, {"chat": asking.chat_id, "question": turn.question_id})
    return question, bool(asked_before)


def ask_to_stop(chat_id: uuid.UUID, turn_id: uuid.UUID) -> None:
    """Leave word for the process that runs a turn; if it is gone, end the turn here."""
    with write_transaction() as connection:
        seen_at = connection.scalar(
            select(Turn.seen_at).where(
                Turn.id == turn_id, Turn.chat_id == chat_id, Turn.status == RUNNING
            )
        )
        if seen_at is not None and not is_alive(seen_at):
            interrupt(connection, chat_id, turn_id)
        elif seen_at is not None:
            connection.execute(OURS.values(stop_asked=True), {"turn": turn_id})
