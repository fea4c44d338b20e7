"""Claiming a chat for a turn: `chats.turn_id` is its lock, and one turn at a time has it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import String, Text, Update, and_, bindparam, cast, func, or_, select, update
from sqlalchemy.engine import Connection
from werkzeug.exceptions import NotFound, ServiceUnavailable

from webapp.authoring.chat_message import USER
from webapp.chats.locking import USER_TURNS_LOCK, has_row_locks
from webapp.chats.models import Chat, Message, Question, Turn
from webapp.chats.retention import expires_at
from webapp.chats.search_index import UNINDEXED_FROM_QUESTION, UNINDEXED_IF_WRITTEN
from webapp.database.engines import has_failed_recently, utc_now
from webapp.engine.phases import TurnStatus
from webapp.turns.actions.stored_actions import ACTION_ROW, action_pattern
from webapp.turns.form_keys import refuse_sent_form
from webapp.turns.requests import TurnRequest
from webapp.turns.rows import IS_HEARD, RUNNING_TURNS, interrupt_turn, is_alive
from webapp.turns.runtime import conversation
from webapp.web.errors import RETRY_SECONDS
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
)
# Not written, and not resumed: the user says nothing.
_CLAIM_IDLE = (
    update(Chat)
    .where(*_FREE, Chat.ended_at.is_(None))
    .values(
        turn_id=bindparam("turn"),
        active_at=bindparam("now"),
        expires_at=bindparam("expires"),
        unindexed_from=UNINDEXED_IF_WRITTEN,
    )
)
_ENDED_AT = select(Chat.ended_at).where(
    Chat.id == bindparam("chat"), Chat.owner == bindparam("of_owner"), Chat.deleted_at.is_(None)
)
# Held until the transaction ends. Only a free chat is locked: turns are locked before their chats.
_IDLE_INPUTS = (
    select(Chat.inputs).where(*_FREE, Chat.ended_at.is_(None)).with_for_update(key_share=True)
)
# The values as they are now: an answer that ended a moment ago may have changed them.
_CLAIMED = (Chat.values.label("values_now"), Chat.inputs, Chat.title, Chat.profile)
_LAST_QUESTION = (
    select(Message.sequence)
    .where(Message.chat_id == bindparam("chat"), Message.kind == USER)
    .order_by(Message.sequence.desc())
    .limit(1)
)
# Only the last question can still be answered anew. What has answered it stands after it.
TURNS_WITH_VALUES = Turn.id.in_(
    select(Message.turn_id).where(
        Message.chat_id == bindparam("chat"),
        Message.sequence >= _LAST_QUESTION.scalar_subquery(),
    )
)
# What the new turn must know of the chat and of its owner.
_FOUND = (
    select(func.coalesce(func.max(Message.sequence), 0))
    .where(Message.chat_id == bindparam("chat"))
    .scalar_subquery()
    .label("last_sequence"),
    RUNNING_TURNS.scalar_subquery().label("running_turns"),
    or_(
        select(Turn.id)
        .where(Turn.chat_id == bindparam("chat"), Turn.key == bindparam("key"))
        .exists(),
        # A message that was the answer to a question of the app.
        select(Question.id)
        .where(Question.chat_id == bindparam("chat"), Question.key == bindparam("key"))
        .exists(),
    ).label("was_sent"),
    # Most apps keep no values, and then there is nothing to forget.
    select(Turn.id)
    .where(TURNS_WITH_VALUES, cast(Turn.values_before, Text) != "{}")
    .exists()
    .label("keeps_values"),
)
_FOUND_WITH_ACTION = (
    *_FOUND,
    ACTION_ROW.label("action_row"),
    _LAST_QUESTION.exists().label("has_question"),
)
_LOOK = select(*_FOUND)
_LOOK_WITH_ACTION = select(*_FOUND_WITH_ACTION)
_CLAIMS = (_CLAIM, _RESUME, _CLAIM_IDLE)
# On SQLite, one statement does all. On PostgreSQL, a statement sees the rows as they were when it
# began, which may have changed while it waited for the chat or for the lock of the user's turns.
_AT_ONCE = {claim: claim.returning(*_CLAIMED, *_FOUND) for claim in _CLAIMS}
_AT_ONCE_WITH_ACTION = _CLAIM.returning(*_CLAIMED, *_FOUND_WITH_ACTION)
_LOOK_LATER = {claim: claim.returning(*_CLAIMED, USER_TURNS_LOCK) for claim in _CLAIMS}
_IN_SESSION = (
    update(Chat).where(Chat.id == bindparam("chat")).values(session_id=bindparam("of_session"))
)
HOLDER = (
    select(Chat.turn_id, IS_HEARD)
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


class SettingsBusyError(Refusal):
    """An answer is being written in the chat, so its settings are not changed now."""

    code = 409
    title = "Settings not saved"
    message = "An answer is still being written in this chat."
    advice = "Save the settings when it is finished, or stop the answer."


class SettingsOfEndedChatError(Refusal):
    """The chat has ended, so its settings are not changed."""

    code = 409
    title = "Settings not saved"
    message = "This chat has ended."
    advice = "Write a message to continue it, then change its settings."


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
    """A chat as it was when a turn claimed it.

    Parameters
    ----------
    running_turns:
        How many turns of its owner run, in all chats and processes.
    was_sent:
        Whether the form of the new turn began a turn before.
    keeps_values:
        Whether the last turns still keep the values with which they began.
    action_row:
        The `ACTION_ROW` of the button that was pressed, if there is one.
    has_question:
        Whether the user has written in it.
    """

    values: dict[str, Any]
    inputs: dict[str, Any] | None
    title: str | None
    had_ended: bool
    last_sequence: int
    running_turns: int
    was_sent: bool
    keeps_values: bool
    action_row: str | None = None
    has_question: bool = True


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
    ServiceUnavailable
        When the turn that has the chat is over, and cannot be stored.
    """
    claimed = _claim_free_chat(connection, request, title)
    if claimed is not None:
        return claimed
    holder = connection.execute(HOLDER, _chat_of(request)).first()
    if holder is None:
        raise NotFound
    here = conversation().keeper.find(holder.turn_id) is not None
    if not (here or is_alive(holder.is_heard)):
        interrupt_turn(connection, request.chat_id, holder.turn_id)
        claimed = _claim_free_chat(connection, request, title)
    if claimed is None:
        # On PostgreSQL the holder may have come a moment ago, with the same form.
        refuse_sent_form(connection, request.chat_id, request.key)
        _refuse_unstored(holder.turn_id)
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
    session = {"of_session": request.session_id}
    claimed = _claim(connection, _RESUME, request, session, had_ended=True)
    if claimed is None:
        holder = connection.execute(HOLDER, _chat_of(request)).first()
        raise NotFound if holder is None else ChatNotEndedError
    return claimed


def claim_idle_chat(connection: Connection, request: TurnRequest) -> ClaimedChat:
    """Claim a chat for a turn in which its settings are changed.

    Raises
    ------
    SettingsBusyError
        When another turn has the chat.
    SettingsOfEndedChatError
        When the chat has ended.
    AlreadyAskedError
        When the turn that has the chat came from the same form.
    ProfileChangedError, NotFound, ServiceUnavailable
        As for `claim_chat`.
    """
    claimed = _claim(connection, _CLAIM_IDLE, request, {}, had_ended=False)
    if claimed is None:
        refuse_sent_form(connection, request.chat_id, request.key)
        _refuse_unless_idle(connection, _chat_of(request))
        claimed = _claim(connection, _CLAIM_IDLE, request, {}, had_ended=False)
    if claimed is None:
        raise SettingsBusyError
    return claimed


def hold_idle_inputs(
    connection: Connection, chat_id: uuid.UUID, owner: str
) -> dict[str, Any] | None:
    """Return what can be set in a chat, which stays idle until the transaction ends.

    Raises
    ------
    SettingsBusyError, SettingsOfEndedChatError, NotFound, ServiceUnavailable
        As for `claim_idle_chat`.
    """
    which = {"chat": chat_id, "of_owner": owner}
    found = connection.execute(_IDLE_INPUTS, which).first()
    if found is None:
        _refuse_unless_idle(connection, which)
        found = connection.execute(_IDLE_INPUTS, which).first()
    if found is None:
        raise SettingsBusyError
    inputs: dict[str, Any] | None = found.inputs
    return inputs


def _refuse_unless_idle(connection: Connection, which: dict[str, Any]) -> None:
    chat = connection.execute(_ENDED_AT, which).first()
    if chat is None:
        raise NotFound
    if chat.ended_at is not None:
        raise SettingsOfEndedChatError
    try:
        refuse_busy(connection, which["chat"], which["of_owner"])
    except StillAnsweringError:
        raise SettingsBusyError from None


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
    if conversation().keeper.find(holder.turn_id) is not None or is_alive(holder.is_heard):
        _refuse_unstored(holder.turn_id)
        raise StillAnsweringError
    interrupt_turn(connection, chat_id, holder.turn_id)


def _refuse_unstored(turn_id: uuid.UUID) -> None:
    """Refuse while the turn that has a chat is over, and its end cannot be stored.

    On a full disk, nobody should wait for an answer that is finished.
    """
    turn = conversation().keeper.find(turn_id)
    if turn is not None and turn.over and has_failed_recently(RETRY_SECONDS):
        raise ServiceUnavailable(retry_after=RETRY_SECONDS)


def _claim_free_chat(
    connection: Connection, request: TurnRequest, title: str | None
) -> ClaimedChat | None:
    had_ended = False
    if request.resumes:
        free = connection.execute(_HAD_ENDED, _chat_of(request)).first()
        if free is None:
            return None
        had_ended = free.had_ended

    claimed = _claim(connection, _CLAIM, request, {"made_title": title}, had_ended=had_ended)
    if claimed is not None and had_ended:
        session = {"chat": request.chat_id, "of_session": request.session_id}
        connection.execute(_IN_SESSION, session)
    return claimed


def _claim(
    connection: Connection,
    claim: Update,
    request: TurnRequest,
    more: dict[str, Any],
    *,
    had_ended: bool,
) -> ClaimedChat | None:
    now = utc_now()
    holder = {
        **_chat_of(request),
        "turn": request.turn_id,
        "now": now,
        "expires": expires_at(request.profile, now),
        **more,
    }
    look = {**_chat_of(request), "key": request.key}
    look_later, at_once = _LOOK, _AT_ONCE[claim]
    if request.action_id is not None:
        look |= action_pattern(request.action_id, request.action_message)
        look_later, at_once = _LOOK_WITH_ACTION, _AT_ONCE_WITH_ACTION
    if has_row_locks(connection):
        chat = connection.execute(_LOOK_LATER[claim], holder).first()
        found = chat and connection.execute(look_later, look).one()
    else:
        found = chat = connection.execute(at_once, holder | look).first()
    if chat is None or found is None:
        return None
    if chat.profile != request.profile_name:
        raise ProfileChangedError
    return ClaimedChat(
        values=chat.values_now,
        inputs=chat.inputs,
        title=chat.title,
        had_ended=had_ended,
        last_sequence=found.last_sequence,
        running_turns=found.running_turns,
        was_sent=found.was_sent,
        keeps_values=found.keeps_values,
        action_row=None if request.action_id is None else found.action_row,
        has_question=request.action_id is None or found.has_question,
    )


def _chat_of(request: TurnRequest) -> dict[str, Any]:
    return {"chat": request.chat_id, "of_owner": request.owner}
