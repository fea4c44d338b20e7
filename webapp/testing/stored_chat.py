"""What is known of a chat: its messages as they are stored, and the turn that runs in it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select, update

from webapp.authoring.chat_message import ChatMessage
from webapp.authoring.questions.question import OPEN
from webapp.chats.message_rows import SHOWN_MESSAGES, shown_message
from webapp.chats.models import Chat, Message, Turn
from webapp.database.engines import read_connection, utc_now, write_transaction
from webapp.engine.keeper import TICK_SECONDS
from webapp.engine.turn import RunningTurn
from webapp.site import settings
from webapp.testing.failures import ChatTimeoutError
from webapp.turns.ending import end_idle_chats
from webapp.turns.runtime import conversation

# How long the keeper may take to see that a question is over.
EXPIRE_SECONDS = 30.0
LOOK_SECONDS = 0.02
_EVERYTHING = SHOWN_MESSAGES.order_by(Message.sequence)


def find_turn(app: Flask, chat_id: uuid.UUID) -> RunningTurn | None:
    """Return the turn that runs in a chat, if one does."""
    with app.app_context():
        with read_connection() as connection:
            turn_id = connection.scalar(select(Chat.turn_id).where(Chat.id == chat_id))
        return None if turn_id is None else conversation().keeper.find(turn_id)


def find_end(app: Flask, turn_id: uuid.UUID) -> str | None:
    """Return how a turn has ended, or stands. The quick start of a chat is not stored as a turn."""
    with app.app_context(), read_connection() as connection:
        return connection.scalar(select(Turn.status).where(Turn.id == turn_id))


def find_values(app: Flask, chat_id: uuid.UUID) -> dict[str, Any]:
    """Return the values of a chat."""
    with app.app_context(), read_connection() as connection:
        return dict(connection.execute(select(Chat.values).where(Chat.id == chat_id)).scalar_one())


def find_inputs(app: Flask, chat_id: uuid.UUID) -> dict[str, Any]:
    """Return what can be set beside the composer of a chat."""
    with app.app_context(), read_connection() as connection:
        found = connection.execute(select(Chat.inputs).where(Chat.id == chat_id)).scalar_one()
    return dict(found or {})


def list_messages(app: Flask, chat_id: uuid.UUID) -> list[ChatMessage]:
    """Return all messages of a chat as its page shows them, those of a running turn as they are."""
    turn = find_turn(app, chat_id)
    with app.app_context(), read_connection() as connection:
        rows = connection.execute(_EVERYTHING, {"chat_id": chat_id}).all()
    stored = [shown_message(row, running=turn is not None) for row in rows]
    if turn is None:
        return stored
    newer = {message.id: message for message in turn.messages()}
    others = [message for message in stored if message.id not in newer]
    found = [*others, *(message for message in newer.values() if not message.removed)]
    return sorted(found, key=lambda message: message.sequence)


def wait_for(turn: RunningTurn, seconds: float, text: str | None) -> str:
    """Wait until a turn is stored, asks a question, or has said what a test waits for.

    Parameters
    ----------
    text:
        What the turn is to say, if that is enough.

    Returns
    -------
    str
        What has come: ``stored``, ``question`` or ``text``. Nothing if it took too long.
    """
    give_up = time.monotonic() + seconds
    while True:
        version = turn.version
        if turn.stored:
            return "stored"
        said = [message for message in turn.messages() if not message.removed]
        if turn.rests:
            return "question"
        if text is not None and any(text in message.content for message in said):
            return "text"
        left = give_up - time.monotonic()
        if left <= 0:
            return ""
        turn.wait(version, left)


def wait_for_tasks(
    app: Flask, chat_id: uuid.UUID, seconds: float, has_come: Callable[[], bool]
) -> None:
    """Wait for what tasks say that a callback has left behind: all of it, or enough.

    Parameters
    ----------
    has_come:
        Whether what was said so far is enough.
    """
    give_up = time.monotonic() + seconds
    with app.app_context():
        late = conversation().late
    while late.seconds_left(str(chat_id)) or late.has_unstored(str(chat_id)):
        if has_come() or time.monotonic() > give_up:
            return
        time.sleep(LOOK_SECONDS)


def last_sequence(messages: Sequence[ChatMessage]) -> int:
    """Return the number of the last message."""
    return max((message.sequence for message in messages), default=0)


def expire_questions(app: Flask, chat_id: uuid.UUID) -> bool:
    """Let the time for all open questions of a chat be over; return whether there are any."""
    turn = find_turn(app, chat_id)
    asked = turn.questions.open if turn is not None else []
    for question in asked:
        question.gives_up_at = time.monotonic()
    # The keeper of the app sees it, as always.
    give_up = time.monotonic() + EXPIRE_SECONDS
    while turn is not None and any(question.status == OPEN for question in asked):
        if time.monotonic() > give_up:
            raise ChatTimeoutError("The question was not over in time.")
        turn.wait(turn.version, TICK_SECONDS)
    return bool(asked)


def end_chat(app: Flask, chat_id: uuid.UUID) -> None:
    """End a chat, as if nothing had been said in it for long."""
    with app.app_context():
        long_ago = utc_now() - timedelta(minutes=2 * settings().chat_idle_minutes)
        with write_transaction() as connection:
            connection.execute(update(Chat).where(Chat.id == chat_id).values(active_at=long_ago))
        end_idle_chats()
