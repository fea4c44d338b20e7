"""Taking a chat for a turn: `chats.turn_id` is its lock, and one turn at a time has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import String, and_, bindparam, func, select, update
from sqlalchemy.engine import Connection
from werkzeug.exceptions import NotFound

from webapp.chats.models import Chat, Turn
from webapp.chats.retention import expires_at
from webapp.database.engines import utc_now
from webapp.engine import turn as engine
from webapp.engine.work import RUNNING
from webapp.turns.form_keys import refuse_twice
from webapp.turns.rows import Asking, interrupt, is_alive
from webapp.turns.runtime import conversation
from webapp.web.refusals import Refusal

# Built once: building a statement takes longer than running it.
_FREE = (
    Chat.id == bindparam("chat"),
    Chat.owner == bindparam("of_owner"),
    Chat.turn_id.is_(None),
    Chat.deleted_at.is_(None),
)
_TAKE = (
    update(Chat)
    .where(*_FREE)
    .values(
        turn_id=bindparam("turn"),
        written=True,
        active_at=bindparam("now"),
        ended_at=None,
        expires_at=bindparam("expires"),
        title=func.coalesce(Chat.title, bindparam("made_title", type_=String)),
    )
    # As they are now: an answer that ended a moment ago may have changed them.
    .returning(Chat.values.label("values_now"), Chat.title, Chat.profile)
)
# Locks as the update that follows does, so that what it says is still true then.
_OVER = (
    select(Chat.ended_at.is_not(None).label("was_over"))
    .where(*_FREE)
    .with_for_update(key_share=True)
)
_RESUME = (
    update(Chat)
    .where(*_FREE, Chat.ended_at.is_not(None))
    .values(
        turn_id=bindparam("turn"),
        session_id=bindparam("of_session"),
        active_at=bindparam("now"),
        ended_at=None,
        expires_at=bindparam("expires"),
    )
    .returning(Chat.values.label("values_now"), Chat.profile)
)
_IN_SESSION = (
    update(Chat).where(Chat.id == bindparam("chat")).values(session_id=bindparam("of_session"))
)
HOLDER = (
    select(Chat.turn_id, Turn.seen_at)
    .outerjoin(Turn, and_(Turn.id == Chat.turn_id, Turn.status == RUNNING))
    .where(Chat.id == bindparam("chat"), Chat.owner == bindparam("of_owner"))
    .where(Chat.deleted_at.is_(None))
)


class ChatBusyError(Refusal):
    """An answer is being written in this chat already."""

    code = 409
    title = "Not sent"
    message = "An answer is still being written in this chat."
    advice = "Send your message when it is finished, or stop the answer."


class ProfileChangedError(Refusal):
    """The chat has just been continued with another profile, which nobody has looked up yet."""

    code = 409
    title = "Not sent"
    message = "This chat has just been continued with another profile."
    advice = "Reload the page to see which one, then send your message again."


class NotOverError(Exception):
    """A chat is not over, or not any more: there is nothing to resume."""


@dataclass(frozen=True)
class Taken:
    """A chat as it was when a turn took it, and whether it was over until then."""

    values: dict[str, Any]
    title: str | None
    was_over: bool = False


def take(connection: Connection, asking: Asking, turn: engine.Turn, title: str | None) -> Taken:
    """Take a chat for a turn; one whose turn has lost its process is free.

    Parameters
    ----------
    title:
        What it is called if it has no title yet.

    Raises
    ------
    AlreadyAskedError
        When it is this form that has the chat.
    ChatBusyError
        When another turn has it.
    ProfileChangedError
        When it has gone on under another profile since it was fetched.
    NotFound
        When the chat is gone.
    """
    taken = _taken(connection, asking, turn, title)
    if taken is not None:
        return taken
    holder = connection.execute(HOLDER, _who(asking)).first()
    if holder is None:
        raise NotFound
    here = conversation().keeper.find(holder.turn_id) is not None
    if not (here or is_alive(holder.seen_at)):
        interrupt(connection, asking.chat_id, holder.turn_id)
        taken = _taken(connection, asking, turn, title)
    if taken is None:
        # Somebody has it, on PostgreSQL perhaps only since a moment ago: it may be the same form.
        refuse_twice(connection, asking.chat_id, asking.key)
        raise ChatBusyError
    return taken


def take_to_resume(connection: Connection, asking: Asking, turn: engine.Turn) -> dict[str, Any]:
    """Take a chat that is over, and return its values; of several turns at once, one has it.

    Raises
    ------
    NotOverError
        When the chat is not over, or not any more.
    ProfileChangedError
        When it has gone on under another profile since it was fetched.
    NotFound
        When the chat is gone.
    """
    which = {**_for_turn(asking, turn), "of_session": asking.resumes_in}
    chat = connection.execute(_RESUME, which).first()
    if chat is None:
        raise NotFound if connection.execute(HOLDER, _who(asking)).first() is None else NotOverError
    _refuse_other_profile(chat.profile, turn)
    values: dict[str, Any] = chat.values_now
    return values


def _taken(
    connection: Connection, asking: Asking, turn: engine.Turn, title: str | None
) -> Taken | None:
    was_over = False
    if asking.resumes_in is not None:
        free = connection.execute(_OVER, _who(asking)).first()
        if free is None:
            return None
        was_over = free.was_over
    chat = connection.execute(_TAKE, {**_for_turn(asking, turn), "made_title": title}).first()
    if chat is None:
        return None
    _refuse_other_profile(chat.profile, turn)
    if was_over:
        connection.execute(_IN_SESSION, {"chat": asking.chat_id, "of_session": asking.resumes_in})
    return Taken(chat.values_now, chat.title, was_over)


def _refuse_other_profile(profile: str | None, turn: engine.Turn) -> None:
    if profile != turn.chat.chat_profile:
        raise ProfileChangedError


def _who(asking: Asking) -> dict[str, Any]:
    return {"chat": asking.chat_id, "of_owner": asking.owner}


def _for_turn(asking: Asking, turn: engine.Turn) -> dict[str, Any]:
    now = utc_now()
    return {
        **_who(asking),
        "turn": turn.id,
        "now": now,
        "expires": expires_at(turn.profile, now),
    }
