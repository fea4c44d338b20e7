"""Beginning a turn: with the message it answers, all or none, and once for each form (R56, R57)."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Row, String, and_, bindparam, func, insert, select, update
from sqlalchemy.engine import Connection
from werkzeug.exceptions import Conflict, NotFound, TooManyRequests

from webapp.authoring.context import Values
from webapp.chats.conversation import conversation
from webapp.chats.models import Chat, Message, Turn
from webapp.chats.profile_rows import keep_look
from webapp.chats.search_index import index_first_question, index_messages
from webapp.chats.titles import title_from
from webapp.chats.turn_rows import (
    ALIVE,
    OURS,
    RUNNING_TURNS,
    Asking,
    interrupt,
    is_alive,
    message_of,
    one_by_one,
    row_of,
    turn_row,
)
from webapp.database import reading_rows, utc_now, writing_rows
from webapp.engine import turns as engine
from webapp.engine.work import RUNNING
from webapp.web.errors import RETRY_SECONDS

# Built once: building a statement takes longer than running it.
_BY_KEY = (
    select(Turn.id, Message.content)
    .join(Message, Message.id == Turn.question_id)
    .where(Turn.chat_id == bindparam("chat"), Turn.key == bindparam("key"))
)
_TAKE = (
    update(Chat)
    .where(Chat.id == bindparam("chat"), Chat.owner == bindparam("of_owner"))
    .where(Chat.turn_id.is_(None), Chat.deleted_at.is_(None))
    .values(
        turn_id=bindparam("turn"),
        written=True,
        active_at=bindparam("now"),
        ended_at=None,
        title=func.coalesce(Chat.title, bindparam("made_title", type_=String)),
    )
    # As they are now: an answer that ended a moment ago may have changed them.
    .returning(Chat.values.label("values_now"), Chat.title, Chat.profile)
)
HOLDER = (
    select(Chat.turn_id, Turn.seen_at)
    .outerjoin(Turn, and_(Turn.id == Chat.turn_id, Turn.status == RUNNING))
    .where(Chat.id == bindparam("chat"), Chat.owner == bindparam("of_owner"))
    .where(Chat.deleted_at.is_(None))
)
_COUNTS = select(
    select(func.coalesce(func.max(Message.sequence), 0))
    .where(Message.chat_id == bindparam("chat"))
    .scalar_subquery(),
    RUNNING_TURNS.scalar_subquery(),
    select(Message.id).where(Message.chat_id == bindparam("chat"), Message.kind == "user").exists(),
)
_NEW_TURN = insert(Turn)
_NEW_MESSAGES = insert(Message)
_RETRIED = (
    update(Turn)
    .where(
        Turn.chat_id == bindparam("chat"),
        Turn.question_id == bindparam("question"),
        Turn.status != RUNNING,
    )
    .values(retried=True)
)


class ChatBusyError(Conflict):
    """An answer is being written in this chat already."""

    title = "Not yet"
    advice = "Send it when the answer is there, or stop the answer."

    def __init__(self) -> None:
        super().__init__("An answer is still being written here; your message was not sent.")


class ProfileChangedError(Conflict):
    """The chat has just gone on under another profile, which nobody has looked up yet (R21)."""

    title = "Not sent"
    advice = "Reload the page to see which one, and send it again."

    def __init__(self) -> None:
        super().__init__("This chat has just gone on with another profile.")


class TooManyTurnsError(TooManyRequests):
    """This user has as many answers under way as one may have (R66)."""

    title = "Too much at once"
    advice = "Send it when one of them is there, or stop one."

    def __init__(self) -> None:
        super().__init__(
            "Several answers are being written for you already; your message was not sent.",
            retry_after=RETRY_SECONDS,
        )


class SentBefore(Conflict):
    """A form that was sent before comes again with another text."""

    title = "Not sent"
    advice = "Send it again to say it."


class AlreadyAskedError(Exception):
    """The form was sent before (R57).

    Parameters
    ----------
    turn_id:
        The turn that it began then.
    content:
        The message that it was sent with then.
    """

    def __init__(self, turn_id: uuid.UUID, content: str) -> None:
        super().__init__(turn_id)
        self.turn_id = turn_id
        self.content = content

    def with_another_text(self) -> Conflict:
        """Return the error for a form that comes again with another text, which would be lost."""
        return SentBefore("This form was sent before with another text, so this was not sent.")


def sent_with(chat_id: uuid.UUID, key: uuid.UUID) -> str | None:
    """Return the message that a form was sent with before; ``None`` when it was not."""
    with reading_rows() as rows:
        earlier = rows.execute(_BY_KEY, {"chat": chat_id, "key": key}).first()
    return None if earlier is None else str(earlier.content)


def store_begun_turn(asking: Asking, turn: engine.Turn, question: Message | None) -> None:
    """Store a turn with its question and the place of its answer, all or none (R56).

    Parameters
    ----------
    question:
        What the user wrote; ``None`` when an old question, the turn's own, is answered again.

    The turn gets the chat's values as they are now.

    Raises
    ------
    AlreadyAskedError
        When the form was sent before.
    ChatBusyError, TooManyTurnsError
        When it is not the time.
    ProfileChangedError
        When the chat has gone on under another profile since it was fetched.
    NotFound
        When the chat is gone.
    """
    with writing_rows() as rows:
        title = title_from(question.content) if question is not None else None
        chat = _take(rows, asking, turn.id, title)
        if chat.profile != turn.chat.chat_profile:
            raise ProfileChangedError
        turn.chat.values = Values(chat.values_now)
        # Not before: on PostgreSQL the same form may be stored, and answered, while this one
        # comes to the chat.
        _refuse_twice(rows, asking)
        one_by_one(rows, asking.owner)
        last, running, asked_before = rows.execute(
            _COUNTS,
            {
                "chat": asking.chat_id,
                "of_owner": asking.owner,
                "seen_after": utc_now() - ALIVE,
            },
        ).one()
        if running >= asking.most_turns:
            raise TooManyTurnsError
        _store(rows, asking, turn, question, last + 1)
        if asking.looks is not None:
            keep_look(rows, asking.chat_id, asking.looks)
        if question is not None and asked_before:
            index_messages(rows, asking.owner, asking.chat_id, [(question.id, question.content)])
        elif question is not None:
            index_first_question(rows, asking.owner, question, chat.title)


def _refuse_twice(rows: Connection, asking: Asking) -> None:
    earlier = rows.execute(_BY_KEY, {"chat": asking.chat_id, "key": asking.key}).first()
    if earlier is not None:
        raise AlreadyAskedError(*earlier)


def _take(rows: Connection, asking: Asking, turn_id: uuid.UUID, title: str | None) -> Row[Any]:
    """Take the chat for a turn; return its values and its title."""
    who = {"chat": asking.chat_id, "of_owner": asking.owner}
    take = {**who, "turn": turn_id, "now": utc_now(), "made_title": title}
    chat = rows.execute(_TAKE, take).first()
    if chat is not None:
        return chat
    holder = rows.execute(HOLDER, who).first()
    if holder is None:
        raise NotFound
    here = conversation().keeper.find(holder.turn_id) is not None
    if not (here or is_alive(holder.seen_at)):
        interrupt(rows, asking.chat_id, holder.turn_id)
        chat = rows.execute(_TAKE, take).first()
    if chat is None:
        # Somebody has it, on PostgreSQL perhaps only since a moment ago: it may be the same form.
        _refuse_twice(rows, asking)
        raise ChatBusyError
    return chat


def _store(
    rows: Connection, asking: Asking, turn: engine.Turn, question: Message | None, sequence: int
) -> None:
    if question is not None:
        question.sequence, question.turn_id = sequence, turn.id
        turn.question_id = question.id
    turn.numbered_from = sequence + (question is not None)
    [waiting] = turn.messages()
    answer = message_of(asking.chat_id, turn, waiting)
    rows.execute(_NEW_TURN, turn_row(asking, turn))
    rows.execute(_NEW_MESSAGES, [row_of(m) for m in (question, answer) if m is not None])
    if question is None and turn.question_id is not None:
        rows.execute(_RETRIED, {"chat": asking.chat_id, "question": turn.question_id})


def ask_to_stop(chat_id: uuid.UUID, turn_id: uuid.UUID) -> None:
    """Leave word for the process that runs a turn; if it is gone, end the turn here."""
    with writing_rows() as rows:
        seen_at = rows.scalar(
            select(Turn.seen_at).where(
                Turn.id == turn_id, Turn.chat_id == chat_id, Turn.status == RUNNING
            )
        )
        if seen_at is not None and not is_alive(seen_at):
            interrupt(rows, chat_id, turn_id)
        elif seen_at is not None:
            rows.execute(OURS.values(stop_asked=True), {"turn": turn_id})
