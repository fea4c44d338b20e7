"""Claiming a chat for a turn: `chats.turn_id` is its lock, and one turn at a time has it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import String, and_, bindparam, func, select, update
from sqlalchemy.engine import Connection
from werkzeug.exceptions import NotFound

from webapp.chats.models import Chat, Turn
from webapp.chats.retention import expires_at
from webapp.chats.search_index import UNINDEXED_FROM_QUESTION, UNINDEXED_IF_WRITTEN
from webapp.database.engines import utc_now
from webapp.engine.phases import TurnStatus
from webapp.turns.form_keys import refuse_sent_form
from webapp.turns.requests import TurnRequest
from webapp.turns.rows import interrupt_turn, is_alive
from webapp.turns.runtime import conversation
from webapp.web.refusals import Refusal

# Built once: building a statement takes longer than running it.
_FREE = (
    Chat.id == bindparam("chat"),
    Chat.owner == bindparam("of_owner"),
    Chat.turn_id.is_(None),
    Chat.deleted_at.is_(None),
)
_CLAIM = (
    update(Chat)
    .where(*_FREE)
    .values(
        turn_id=bindparam("turn"),
        written=True,
        active_at=bindparam("now"),
        ended_at=None,
        expires_at=bindparam("expires"),
        title=func.coalesce(Chat.title, bindparam("made_title", type_=String)),
        unindexed_from=UNINDEXED_FROM_QUESTION,
    )
    # The values as they are now: an answer that ended a moment ago may have changed them.
    .returning(Chat.values.label("values_now"), Chat.title, Chat.profile)
)
# Locks the row as the update that follows does, so that the result still holds then.
_HAD_ENDED = (
    select(Chat.ended_at.is_not(None).label("had_ended"))
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
        unindexed_from=UNINDEXED_IF_WRITTEN,
    )
    .returning(Chat.values.label("values_now"), Chat.title, Chat.profile)
)
_IN_SESSION = (
    update(Chat).where(Chat.id == bindparam("chat")).values(session_id=bindparam("of_session"))
)
HOLDER = (
    select(Chat.turn_id, Turn.seen_at)
    .outerjoin(Turn, and_(Turn.id == Chat.turn_id, Turn.status == TurnStatus.RUNNING))
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
    """The chat has changed its profile since it was fetched. The new one was not checked."""

    code = 409
    title = "Not sent"
    message = "This chat has just been continued with another profile."
    advice = "Reload the page to see which one, then send your message again."


class ChatNotEndedError(Exception):
    """A chat has not ended, or has been resumed already: there is nothing to resume."""


class StillAnsweringError(Refusal):
    """An answer is being written in the chat."""

    code = 409
    title = "Profile not changed"
    message = "An answer is still being written in this chat."
    advice = "Choose again when it is finished, or stop the answer."


@dataclass(frozen=True, kw_only=True)
class ClaimedChat:
    """A chat as it was when a turn claimed it."""

    values: dict[str, Any]
    title: str | None
    had_ended: bool


def claim_chat(connection: Connection, request: TurnRequest, title: str | None) -> ClaimedChat:
    """Claim a chat for a turn. A chat is free if the process of its last turn is gone.

    Parameters
    ----------
    title:
        What it is called if it has no title yet.

    Raises
    ------
    AlreadyAskedError
        When the turn that has the chat came from the same form.
    ChatBusyError
        When another turn has the chat.
    ProfileChangedError
        When the chat has changed its profile since it was fetched.
    NotFound
        When the chat no longer exists.
    """
    claimed = _claim_free_chat(connection, request, title)
    if claimed is not None:
        return claimed
    holder = connection.execute(HOLDER, _chat_of(request)).first()
    if holder is None:
        raise NotFound
    here = conversation().keeper.find(holder.turn_id) is not None
    if not (here or is_alive(holder.seen_at)):
        interrupt_turn(connection, request.chat_id, holder.turn_id)
        claimed = _claim_free_chat(connection, request, title)
    if claimed is None:
        # On PostgreSQL the holder may have come a moment ago, with the same form.
        refuse_sent_form(connection, request.chat_id, request.key)
        raise ChatBusyError
    return claimed


def claim_ended_chat(connection: Connection, request: TurnRequest) -> ClaimedChat:
    """Claim a chat that has ended, to resume it. Of several turns at once, one gets it.

    Raises
    ------
    ChatNotEndedError
        When the chat has not ended, or has been resumed since.
    ProfileChangedError
        When the chat has changed its profile since it was fetched.
    NotFound
        When the chat no longer exists.
    """
    which = {**_new_holder(request), "of_session": request.session_id}
    chat = connection.execute(_RESUME, which).first()
    if chat is None:
        holder = connection.execute(HOLDER, _chat_of(request)).first()
        raise NotFound if holder is None else ChatNotEndedError
    if chat.profile != request.profile_name:
        raise ProfileChangedError
    return ClaimedChat(values=chat.values_now, title=chat.title, had_ended=True)


def refuse_busy(connection: Connection, chat_id: uuid.UUID, owner: str) -> None:
    """Refuse while a turn runs in the chat. A turn whose process is gone is ended.

    Raises
    ------
    NotFound
        When the chat no longer exists.
    StillAnsweringError
        When a turn runs.
    """
    holder = connection.execute(HOLDER, {"chat": chat_id, "of_owner": owner}).first()
    if holder is None:
        raise NotFound
    if holder.turn_id is None:
        return
    if conversation().keeper.find(holder.turn_id) is not None or is_alive(holder.seen_at):
        raise StillAnsweringError
    interrupt_turn(connection, chat_id, holder.turn_id)


def _claim_free_chat(
    connection: Connection, request: TurnRequest, title: str | None
) -> ClaimedChat | None:
    had_ended = False
    if request.session_id is not None:
        free = connection.execute(_HAD_ENDED, _chat_of(request)).first()
        if free is None:
            return None
        had_ended = free.had_ended

    chat = connection.execute(_CLAIM, {**_new_holder(request), "made_title": title}).first()
    if chat is None:
        return None
    if chat.profile != request.profile_name:
        raise ProfileChangedError
    if had_ended:
        session = {"chat": request.chat_id, "of_session": request.session_id}
        connection.execute(_IN_SESSION, session)
    return ClaimedChat(values=chat.values_now, title=chat.title, had_ended=had_ended)


def _chat_of(request: TurnRequest) -> dict[str, Any]:
    return {"chat": request.chat_id, "of_owner": request.owner}


def _new_holder(request: TurnRequest) -> dict[str, Any]:
    now = utc_now()
    return {
        **_chat_of(request),
        "turn": request.turn_id,
        "now": now,
        "expires": expires_at(request.profile, now),
    }
