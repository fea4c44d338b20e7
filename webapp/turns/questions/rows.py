"""Rows of questions: stored with their turns, answered by any process, ended by their own."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Float, bindparam, func, select, update
from sqlalchemy.engine import Connection

from webapp.authoring.chat_message import ANSWER_KEY, COMPLETE, QUESTION_KEY, USER, ChatMessage
from webapp.authoring.questions.open_questions import QuestionUpdate, answer_message_id
from webapp.authoring.questions.question import ANSWERED, INTERRUPTED, OPEN, TIMED_OUT
from webapp.chats.message_rows import upsert_messages
from webapp.chats.models import Chat, Message, Question, Turn
from webapp.chats.search_index import reindex_messages
from webapp.database.clock import database_time
from webapp.database.engines import utc_now
from webapp.database.upserts import insert_of

# Built once: building a statement takes longer than running it.
_ENDED = (
    update(Question)
    .where(Question.id == bindparam("question"), Question.status == OPEN)
    .values(status=bindparam("how"))
)
_INTERRUPTED = (
    update(Question)
    .where(Question.turn_id == bindparam("turn"), Question.status == OPEN)
    .values(status=INTERRUPTED)
)
# A turn that only resumes its chat answers no message, so it cannot be tried again.
_ENDED_AGAIN = (
    update(Chat)
    .where(
        Chat.id == bindparam("chat"),
        Chat.ended_at.is_(None),
        select(Question.id)
        .join(Turn, Turn.id == Question.turn_id)
        .where(
            Turn.id == bindparam("turn"),
            Turn.question_id.is_(None),
            Turn.action_id.is_(None),
            Turn.key != Turn.id,
            Question.status == OPEN,
        )
        .exists(),
    )
    .values(ended_at=bindparam("now"))
)
_AMONG = Question.id.in_(bindparam("questions", expanding=True))
_TIMED_OUT = update(Question).where(_AMONG, Question.status == OPEN).values(status=TIMED_OUT)
_UNANSWERED = select(Question.id).where(_AMONG, Question.status != ANSWERED)
_ANSWERS = select(Question.id, Question.answer).where(_AMONG, Question.status == ANSWERED)
_ANSWERED_OF_TURN = (
    select(
        Question.id,
        Question.kind,
        Question.answer,
        Question.answered_at,
        Question.message_id,
        Message.profile,
        Message.details,
        Message.elements,
    )
    .join(Message, Message.id == Question.message_id)
    .where(Question.turn_id == bindparam("turn"), Question.status == ANSWERED)
    .order_by(Question.answered_at)
)
_LAST_SEQUENCE = select(func.coalesce(func.max(Message.sequence), 0)).where(
    Message.chat_id == bindparam("chat")
)
_SHOWN_WITH_ANSWER = (
    update(Message)
    .where(Message.id == bindparam("message"), Message.chat_id == bindparam("chat"))
    .values(details=bindparam("new_details"), elements=bindparam("new_elements"))
)


def store_questions(
    connection: Connection,
    chat_id: uuid.UUID,
    turn_id: uuid.UUID,
    updates: Sequence[QuestionUpdate],
) -> None:
    """Store what a turn has asked, and which of its questions have ended without an answer."""
    if any(not each.is_new and each.status == INTERRUPTED for each in updates):
        _let_resume_again(connection, chat_id, turn_id)
    for each in updates:
        question = each.question
        if not each.is_new:
            connection.execute(_ENDED, {"question": question.id, "how": each.status})
            continue
        row = {
            "id": question.id,
            "chat_id": chat_id,
            "turn_id": turn_id,
            "message_id": question.message_id,
            "kind": question.kind,
            "status": each.status,
            "details": dict(question.offers),
            "created_at": utc_now(),
            "seconds": question.timeout,
        }
        connection.execute(_new_question(connection.dialect.name), row)


def interrupt_questions(connection: Connection, chat_id: uuid.UUID, turn_id: uuid.UUID) -> None:
    """Let nobody answer the questions of a turn whose process is gone."""
    _let_resume_again(connection, chat_id, turn_id)
    connection.execute(_INTERRUPTED, {"turn": turn_id})


def _let_resume_again(connection: Connection, chat_id: uuid.UUID, turn_id: uuid.UUID) -> None:
    """End a chat again if its process is gone while ``@on_chat_resume`` asks: it asks once more."""
    which = {"chat": chat_id, "turn": turn_id, "now": utc_now()}
    connection.execute(_ENDED_AGAIN, which)


def keep_answers(connection: Connection, chat_id: uuid.UUID, turn_id: uuid.UUID) -> None:
    """Show the answers that the process of a turn has not stored as messages before it was gone."""
    for row in connection.execute(_ANSWERED_OF_TURN, {"turn": turn_id}).all():
        asked = dict((row.details or {}).get(QUESTION_KEY) or {})
        # The word is there from the answer until the process has stored it. Of a button and of
        # fields, it is all that is ever shown.
        if row.kind not in ("user", "file") or asked.pop("answer", None) is None:
            continue
        given = row.answer or {}
        shown = {
            "message": row.message_id,
            "chat": chat_id,
            "new_details": {**row.details, QUESTION_KEY: asked},
            "new_elements": [*(row.elements or ()), *given.get("files", ())] or None,
        }
        connection.execute(_SHOWN_WITH_ANSWER, shown)
        if row.kind == "user":
            message = ChatMessage(
                id=answer_message_id(row.id),
                kind=USER,
                author=None,
                content=given["content"],
                status=COMPLETE,
                created_at=row.answered_at,
                profile=row.profile,
                turn_id=turn_id,
                sequence=connection.execute(_LAST_SEQUENCE, {"chat": chat_id}).scalar_one() + 1,
                details={ANSWER_KEY: str(row.id)},
            )
            upsert_messages(connection, chat_id, [message])
            reindex_messages(connection, chat_id, [(message.id, message.content)])


def time_out_questions(connection: Connection, questions: list[uuid.UUID]) -> set[uuid.UUID]:
    """Let nobody answer these questions any more; return those that nobody has answered."""
    which = {"questions": questions}
    connection.execute(_TIMED_OUT, which)
    return set(connection.scalars(_UNANSWERED, which))


def find_answers(
    connection: Connection, questions: list[uuid.UUID]
) -> dict[uuid.UUID, dict[str, Any]]:
    """Return what was answered to which of these questions."""
    rows = connection.execute(_ANSWERS, {"questions": questions})
    return {row.id: row.answer or {} for row in rows}


@lru_cache(maxsize=2)
def _new_question(dialect: str) -> Any:
    # By the database's clock, as answers come from all processes: clocks of hosts differ.
    expires_at = database_time(bindparam("seconds", type_=Float))
    # A commit that seemed to fail may have succeeded. Then the step is stored a second time.
    return insert_of(dialect, Question).values(expires_at=expires_at).on_conflict_do_nothing()
