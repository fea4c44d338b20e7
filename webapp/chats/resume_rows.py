"""Storing that a chat which was over goes on: once, whoever asks for it at the same time."""

from __future__ import annotations

from sqlalchemy import bindparam, update
from werkzeug.exceptions import NotFound

from webapp.authoring.context import Values
from webapp.chats.models import Chat
from webapp.chats.turn_begin import FREE, HOLDER, room_in, store_turn
from webapp.chats.turn_rows import Asking
from webapp.database import utc_now, writing_rows
from webapp.engine import turns as engine

_RESUME = (
    update(Chat)
    .where(*FREE, Chat.ended_at.is_not(None))
    .values(
        turn_id=bindparam("turn"),
        session_id=bindparam("of_session"),
        active_at=bindparam("now"),
        ended_at=None,
    )
    .returning(Chat.values.label("values_now"))
)


class NotOverError(Exception):
    """A chat is not over, or not any more: there is nothing to resume."""


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
    who = {"chat": asking.chat_id, "of_owner": asking.owner}
    take = {**who, "turn": turn.id, "of_session": asking.resumes_in, "now": utc_now()}
    with writing_rows() as rows:
        chat = rows.execute(_RESUME, take).first()
        if chat is None:
            raise NotFound if rows.execute(HOLDER, who).first() is None else NotOverError
        turn.chat.values = Values(chat.values_now)
        sequence, _ = room_in(rows, asking)
        store_turn(rows, asking, turn, None, sequence)
