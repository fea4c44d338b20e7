"""Taking an answer, in whichever process it comes. The first one to an open question counts."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import String, bindparam, case, func, or_, select, update
from sqlalchemy.engine import Connection
from werkzeug.exceptions import NotFound

from webapp.authoring.chat_message import QUESTION_KEY
from webapp.authoring.questions.question import ANSWERED, INTERRUPTED, OPEN, STOPPED, TIMED_OUT
from webapp.chats.models import Chat, Message, Question, Turn
from webapp.chats.search_index import UNINDEXED_FROM_QUESTION
from webapp.chats.store import StoredChat
from webapp.chats.titles import make_title
from webapp.database.clock import database_time
from webapp.database.engines import (
    read_connection,
    release_connection,
    utc_now,
    write_transaction,
)
from webapp.engine.phases import TurnStatus
from webapp.files.saving import PreparedFile, insert_files
from webapp.turns.rows import IS_HEARD, is_alive
from webapp.turns.runtime import conversation
from webapp.web.refusals import Refusal

# Built once: building a statement takes longer than running it.
_COLUMNS = (
    Question.id,
    Question.turn_id,
    Question.message_id,
    Question.kind,
    Question.status,
    Question.key,
    Question.details,
)
_FIND = select(*_COLUMNS).where(
    Question.id == bindparam("question"), Question.chat_id == bindparam("chat")
)
_FIND_OPEN = (
    select(*_COLUMNS)
    .where(
        Question.chat_id == bindparam("chat"),
        or_(Question.status == OPEN, Question.key == bindparam("form_key")),
        Question.turn_id == bindparam("turn"),
    )
    .order_by(case((Question.status == OPEN, 1), else_=0), Question.created_at.desc())
)
# Whoever stores or ends the turn waits for this, and so does whoever deletes its chat.
_LOCK_TURN = (
    select(Turn.status, IS_HEARD).where(Turn.id == bindparam("turn")).with_for_update(of=Turn)
)
_ANSWERED = (
    update(Question)
    .where(
        Question.id == bindparam("question"),
        Question.status == OPEN,
        Question.expires_at > database_time(),
    )
    .values(
        status=ANSWERED,
        key=bindparam("form_key"),
        answer=bindparam("given"),
        answered_at=bindparam("now"),
    )
)
_HOW_IT_ENDED = select(Question.status, Question.key).where(Question.id == bindparam("question"))
_DETAILS = select(Message.details).where(
    Message.id == bindparam("message"), Message.chat_id == bindparam("chat")
)
_SHOWN_AS_ANSWERED = (
    update(Message)
    .where(Message.id == bindparam("message"), Message.chat_id == bindparam("chat"))
    .values(details=bindparam("new_details"))
)
# As the first message of a user does, the first answer puts a chat into the history.
_WRITTEN = (
    update(Chat)
    .where(Chat.id == bindparam("chat"), ~Chat.written)
    .values(
        written=True,
        title=func.coalesce(Chat.title, bindparam("made_title", type_=String)),
        unindexed_from=UNINDEXED_FROM_QUESTION,
    )
)


class QuestionAnsweredError(Refusal):
    """Another answer came first."""

    code = 409
    title = "Already answered"
    message = "This question was answered before, so your answer was not sent."
    advice = "Reload the page to see the answer that counts."


class QuestionOverError(Refusal):
    """The question waits for no answer any more."""

    code = 409
    title = "Not sent"
    advice = "Reload the page to see how the chat stands."


_OVER = {
    TIMED_OUT: "The time for this answer is over, so it was not sent.",
    STOPPED: "This question was stopped, so your answer was not sent.",
    INTERRUPTED: "The server stopped before you answered, so your answer was not sent.",
}


@dataclass(frozen=True, kw_only=True)
class AskedQuestion:
    """A question of a chat, as it is stored.

    Parameters
    ----------
    key:
        Of the form that answered it.
    offers:
        What may be answered.
    """

    id: uuid.UUID
    turn_id: uuid.UUID
    message_id: uuid.UUID
    kind: str
    status: str
    key: uuid.UUID | None
    offers: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a user has answered.

    Parameters
    ----------
    values:
        As the process that waits gets it, as JSON.
    key:
        Of the form it was sent with.
    words:
        It as a text, for the page, and for the title of a chat in which nothing was written before.
    files:
        What was sent with it. The contents are in the store.
    """

    values: dict[str, Any]
    key: uuid.UUID
    words: str
    files: Sequence[PreparedFile] = ()


def find_question(chat: StoredChat, question_id: uuid.UUID) -> AskedQuestion:
    """Return a question of a chat.

    Raises
    ------
    NotFound
        The chat has no such question.
    """
    with read_connection() as connection:
        row = connection.execute(_FIND, {"question": question_id, "chat": chat.id}).first()
    if row is None:
        raise NotFound
    return _question(row)


def find_open_question(chat: StoredChat, key: uuid.UUID | None = None) -> AskedQuestion | None:
    """Return the last question that waits for an answer in a chat.

    Parameters
    ----------
    key:
        Of the form that has come. If it has answered a question before, that one is returned: a
        form that is sent twice must not answer the next question.
    """
    if chat.turn_id is None:
        return None
    with read_connection() as connection:
        which = {"chat": chat.id, "turn": chat.turn_id, "form_key": key}
        row = connection.execute(_FIND_OPEN, which).first()
    return None if row is None else _question(row)


def refuse_ended(question: AskedQuestion, key: uuid.UUID) -> None:
    """Refuse an answer that comes too late, unless its form was sent before.

    Raises
    ------
    QuestionAnsweredError, QuestionOverError
        As for `answer_question`.
    """
    if question.status == ANSWERED and question.key != key:
        raise QuestionAnsweredError
    if question.status in _OVER:
        raise QuestionOverError(_OVER[question.status])


def answer_question(chat: StoredChat, question: AskedQuestion, answer: Answer) -> None:
    """Take an answer, and let the callback that waits for it go on.

    A form that is sent twice counts once.

    Raises
    ------
    QuestionAnsweredError
        Another answer came first.
    QuestionOverError
        Its time is over, it was stopped, or its process is gone.
    """
    release_connection()
    with write_transaction() as connection:
        is_new = _store(connection, chat, question, answer)
    turn = conversation().keeper.find(question.turn_id)
    if turn is not None and is_new:
        turn.questions.settle(question.id, ANSWERED, answer.values)


def _store(
    connection: Connection, chat: StoredChat, question: AskedQuestion, answer: Answer
) -> bool:
    """Store an answer, and return whether it is not stored already."""
    turn = connection.execute(_LOCK_TURN, {"turn": question.turn_id}).first()
    runs = turn is not None and turn.status == TurnStatus.RUNNING
    is_here = conversation().keeper.find(question.turn_id) is not None
    waits = runs and (is_here or is_alive(turn and turn.is_heard))
    which = {"question": question.id, "chat": chat.id, "message": question.message_id}
    given = {"form_key": answer.key, "given": answer.values, "now": utc_now()}
    if not (waits and connection.execute(_ANSWERED, {**which, **given}).rowcount):
        ended = connection.execute(_HOW_IT_ENDED, which).one()
        if ended.key == answer.key:
            return False
        if ended.status == ANSWERED:
            raise QuestionAnsweredError
        status = ended.status if ended.status != OPEN else TIMED_OUT if waits else INTERRUPTED
        raise QuestionOverError(_OVER[status])

    if answer.files:
        insert_files(connection, chat.id, question.message_id, answer.files, uploaded_by=chat.owner)
    details = connection.scalar(_DETAILS, which)
    if details is not None:
        # Shown until the process that waits has stored the answer as a message: whole, as that
        # process may die first.
        asked = {**details[QUESTION_KEY], "status": ANSWERED, "answer": answer.words}
        new = {**details, QUESTION_KEY: asked}
        connection.execute(_SHOWN_AS_ANSWERED, {**which, "new_details": new})
    if not chat.written:
        connection.execute(_WRITTEN, {**which, "made_title": make_title(answer.words)})
    return True


def _question(row: Any) -> AskedQuestion:
    return AskedQuestion(
        id=row.id,
        turn_id=row.turn_id,
        message_id=row.message_id,
        kind=row.kind,
        status=row.status,
        key=row.key,
        offers=row.details,
    )
