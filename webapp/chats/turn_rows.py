"""Turns in the database: begun with the message they answer, stored in steps, ended once."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from flask import Flask
from sqlalchemy import and_, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import Conflict, NotFound, TooManyRequests

from webapp.authoring.context import Values
from webapp.chats.models import Chat, Message, Turn
from webapp.database import reading_rows, utc_now, writing_rows
from webapp.engine import turns as engine
from webapp.engine.keeper import Step, StoreUnavailableError
from webapp.engine.turns import INTERRUPTED, RUNNING
from webapp.web.errors import RETRY_SECONDS, UNAVAILABLE
from webapp.web.events import log_failure

# A turn whose process has not said for so long that it is alive was interrupted (R63). In both
# directions, since clocks are set back as well (R69).
ALIVE = timedelta(seconds=20)

# Built once: building a statement takes longer than running it.
_BY_KEY = (
    select(Turn.id, Message.content)
    .join(Message, Message.id == Turn.question_id)
    .where(Turn.chat_id == bindparam("chat"), Turn.key == bindparam("key"))
)
_TAKE = (
    update(Chat)
    .where(Chat.id == bindparam("chat"), Chat.owner == bindparam("of_owner"))
    .where(Chat.turn_id.is_(None))
    .values(turn_id=bindparam("turn"), written=True, active_at=bindparam("now"), ended_at=None)
    # As they are now: an answer that ended a moment ago may have changed them.
    .returning(Chat.values)
)
_HOLDER = (
    select(Chat.turn_id, Turn.seen_at)
    .outerjoin(Turn, and_(Turn.id == Chat.turn_id, Turn.status == RUNNING))
    .where(Chat.id == bindparam("chat"), Chat.owner == bindparam("of_owner"))
)
_LET_GO = update(Chat).where(Chat.id == bindparam("chat"), Chat.turn_id == bindparam("turn"))
_COUNTS = select(
    select(func.coalesce(func.max(Message.sequence), 0))
    .where(Message.chat_id == bindparam("chat"))
    .scalar_subquery(),
    select(func.count())
    .where(
        Turn.owner == bindparam("of_owner"),
        Turn.status == RUNNING,
        Turn.seen_at > bindparam("seen_after"),
    )
    .scalar_subquery(),
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
_OURS = update(Turn).where(Turn.id == bindparam("turn"), Turn.status == RUNNING)
_SEEN = _OURS.values(seen_at=bindparam("now"))
_ENDED = _OURS.values(seen_at=bindparam("now"), ended_at=bindparam("now"), status=bindparam("how"))
_GONE = delete(Message).where(
    Message.id == bindparam("message"), Message.chat_id == bindparam("chat")
)
_CHANGED = (
    update(Message)
    .where(
        Message.id == bindparam("message"),
        Message.chat_id == bindparam("chat"),
        Message.kind == "assistant",
    )
    .values(author=bindparam("by"), content=bindparam("text"), status=bindparam("how"))
)
_BROKEN_OFF = (
    update(Message)
    .where(
        Message.chat_id == bindparam("chat"),
        Message.turn_id == bindparam("turn"),
        Message.status == "streaming",
    )
    .values(status=INTERRUPTED)
)


class ChatBusyError(Conflict):
    """An answer is being written in this chat already."""

    title = "Not yet"
    advice = "Send it when the answer is there, or stop the answer."

    def __init__(self) -> None:
        super().__init__("An answer is still being written here; your message was not sent.")


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


@dataclass(frozen=True)
class Asking:
    """Who asks in which chat, by which form, and how many turns one user may have under way."""

    chat_id: uuid.UUID
    owner: str
    key: uuid.UUID
    most_turns: int


def is_alive(seen_at: datetime | None) -> bool:
    """Say whether the process of a running turn is there, going by when it last said so."""
    return seen_at is not None and abs(utc_now() - seen_at) < ALIVE


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
    NotFound
        When the chat is gone.
    """
    with writing_rows() as rows:
        turn.chat.values = Values(_take(rows, asking, turn.id))
        # Not before: on PostgreSQL the same form may be stored, and answered, while this one
        # comes to the chat.
        _refuse_twice(rows, asking)
        last, running = rows.execute(
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


def _refuse_twice(rows: Connection, asking: Asking) -> None:
    earlier = rows.execute(_BY_KEY, {"chat": asking.chat_id, "key": asking.key}).first()
    if earlier is not None:
        raise AlreadyAskedError(*earlier)


def _take(rows: Connection, asking: Asking, turn_id: uuid.UUID) -> dict[str, Any]:
    who = {"chat": asking.chat_id, "of_owner": asking.owner}
    take = {**who, "turn": turn_id, "now": utc_now()}
    values: dict[str, Any] | None = rows.scalar(_TAKE, take)
    if values is not None:
        return values
    holder = rows.execute(_HOLDER, who).first()
    if holder is None:
        raise NotFound
    if is_alive(holder.seen_at):
        _refuse_twice(rows, asking)
        raise ChatBusyError
    interrupt(rows, asking.chat_id, holder.turn_id)
    return dict(rows.execute(_TAKE, take).scalar_one())


def interrupt(rows: Connection, chat_id: uuid.UUID, turn_id: uuid.UUID) -> None:
    """Note that a turn ended with the process that ran it."""
    which = {"chat": chat_id, "turn": turn_id}
    rows.execute(_ENDED, {"turn": turn_id, "now": utc_now(), "how": INTERRUPTED})
    rows.execute(_BROKEN_OFF, which)
    rows.execute(_LET_GO.values(turn_id=None), which)


def _store(
    rows: Connection, asking: Asking, turn: engine.Turn, question: Message | None, sequence: int
) -> None:
    if question is not None:
        question.sequence, question.turn_id = sequence, turn.id
        turn.question_id = question.id
    turn.numbered_from = sequence + (question is not None)
    [waiting] = turn.messages()
    answer = message_of(asking.chat_id, turn, waiting)
    rows.execute(insert(Turn), turn_row(asking, turn))
    rows.execute(insert(Message), [row_of(m) for m in (question, answer) if m is not None])
    if question is None and turn.question_id is not None:
        rows.execute(_RETRIED, {"chat": asking.chat_id, "question": turn.question_id})


def turn_row(asking: Asking, turn: engine.Turn) -> dict[str, Any]:
    """Return the row of a turn that begins now in this process."""
    now = utc_now()
    return {
        "id": turn.id,
        "chat_id": asking.chat_id,
        "owner": asking.owner,
        "key": asking.key,
        "status": RUNNING,
        "question_id": turn.question_id,
        "first_sequence": turn.numbered_from,
        "stop_asked": False,
        "retried": False,
        "created_at": now,
        "seen_at": now,
    }


def message_of(chat_id: uuid.UUID, turn: engine.Turn, said: engine.TurnMessage) -> Message:
    """Return the row of what a turn said."""
    return Message(
        id=said.id,
        chat_id=chat_id,
        sequence=turn.numbered_from + (said.position or 0),
        kind=said.kind,
        author=said.author,
        content=said.content or "",
        status=said.status,
        created_at=said.created_at,
        turn_id=turn.id,
    )


def row_of(item: Chat | Message) -> dict[str, object]:
    """Return a row for a plain insert: the unit of work would cost more than the rows do."""
    return {column.key: getattr(item, column.key) for column in item.__table__.columns}


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
            rows.execute(_OURS.values(stop_asked=True), {"turn": turn_id})


class TurnRows:
    """Stores the turns of this process, for the keeper in the engine."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._beat_at = 0.0

    def save(self, steps: list[Step]) -> set[uuid.UUID]:
        """Store the steps in one transaction; if one of them cannot be, each by itself."""
        with self._app.app_context():
            try:
                return _save_all(steps)
            except UNAVAILABLE as error:
                raise StoreUnavailableError(str(error).splitlines()[0]) from error
            except SQLAlchemyError as error:
                if len(steps) > 1:
                    return {lost for step in steps for lost in self.save([step])}
                log_failure("turn.not_stored", error, turn=steps[0].turn.id)
                return {steps[0].turn.id}

    def asked_to_stop(self, turns: list[uuid.UUID]) -> set[uuid.UUID]:
        """Return which of these turns a user has asked to stop."""
        asked = select(Turn.id).where(Turn.id.in_(turns), Turn.stop_asked)
        with self._app.app_context(), _mapped_errors(), reading_rows() as rows:
            return set(rows.scalars(asked))

    def beat(self, turns: list[uuid.UUID]) -> None:
        """Note that these turns are alive, and end those whose processes are not."""
        now = utc_now()
        with self._app.app_context(), _mapped_errors(), writing_rows() as rows:
            rows.execute(
                update(Turn).where(Turn.id.in_(turns), Turn.status == RUNNING).values(seen_at=now)
            )
            if self._was_there():
                _interrupt_lost(rows, now)

    def _was_there(self) -> bool:
        # While the database is away nobody can say that they are alive, and when it is back all of
        # them seem to be gone. Whoever could not say so either does not judge.
        before, self._beat_at = self._beat_at, time.monotonic()
        return self._beat_at - before < ALIVE.total_seconds()


def _interrupt_lost(rows: Connection, now: datetime) -> None:
    lost = select(Turn.chat_id, Turn.id).where(Turn.status == RUNNING, Turn.seen_at < now - ALIVE)
    for chat_id, turn_id in rows.execute(lost).all():
        interrupt(rows, chat_id, turn_id)


@contextmanager
def _mapped_errors() -> Iterator[None]:
    try:
        yield
    except UNAVAILABLE as error:
        raise StoreUnavailableError(str(error).splitlines()[0]) from error


def _save_all(steps: list[Step]) -> set[uuid.UUID]:
    with writing_rows() as rows:
        return {step.turn.id for step in steps if not _save(rows, step)}


def _save(rows: Connection, step: Step) -> bool:
    turn, chat_id = step.turn, uuid.UUID(step.turn.chat.chat_id)
    now = utc_now()
    ours = (
        rows.execute(_ENDED, {"turn": turn.id, "now": now, "how": turn.status})
        if step.ended
        else rows.execute(_SEEN, {"turn": turn.id, "now": now})
    )
    if not ours.rowcount:
        return False
    store_messages(rows, chat_id, turn, step.messages)
    if step.ended:
        values = {} if turn.values is None else {"values": turn.values}
        ending = _LET_GO.values(turn_id=None, active_at=now, **values)
        rows.execute(ending, {"chat": chat_id, "turn": turn.id})
    return True


def store_messages(
    rows: Connection, chat_id: uuid.UUID, turn: engine.Turn, messages: list[engine.TurnMessage]
) -> None:
    """Store messages of a turn as they stand: new, changed, or gone."""
    gone = [m for m in messages if m.content is None]
    earlier = [m for m in messages if m.content is not None and m.position is None]
    own = [m for m in messages if m.content is not None and m.position is not None]
    if gone:
        rows.execute(_GONE, [{"message": m.id, "chat": chat_id} for m in gone])
    if earlier:
        rows.execute(
            _CHANGED,
            [
                {
                    "message": m.id,
                    "chat": chat_id,
                    "by": m.author,
                    "text": m.content,
                    "how": m.status,
                }
                for m in earlier
            ],
        )
    if own:
        rows.execute(
            _upsert(rows.dialect.name), [row_of(message_of(chat_id, turn, m)) for m in own]
        )


@lru_cache(maxsize=2)
def _upsert(dialect: str) -> Any:
    # A step that was stored although its transaction seemed to fail is stored again.
    statement = (sqlite if dialect == "sqlite" else postgresql).insert(Message)
    changed = {name: statement.excluded[name] for name in ("author", "content", "status")}
    return statement.on_conflict_do_update(index_elements=["id"], set_=changed)
