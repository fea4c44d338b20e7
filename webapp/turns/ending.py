"""Ending chats: another one was started, the user signed out, or nothing was said for long.

Chats end only if the app has an ``@on_chat_end`` or an ``@on_chat_resume``. One process claims the
end of a chat, so the callback runs once for it. It runs in the background.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from flask import Flask
from sqlalchemy import Row, func, select, update

from webapp.accounts.login import persisted_user, signed_in_user
from webapp.authoring.chat_message import COMPLETE
from webapp.authoring.context import ChatContext, Running
from webapp.authoring.errors import AuthoringError, CallbackError
from webapp.authoring.inputs.inputs import Inputs
from webapp.authoring.loading.app_file import Callback
from webapp.authoring.users.user import User
from webapp.chats.locking import CHATS_IN_ORDER
from webapp.chats.message_rows import insert_messages
from webapp.chats.models import Chat, Message
from webapp.chats.past_messages import END_SEQUENCE, list_history
from webapp.chats.search_index import reindex_messages
from webapp.chats.store import StoredChat
from webapp.database.engines import read_connection, utc_now, write_transaction
from webapp.engine.call import call
from webapp.files.collecting import collect_soon
from webapp.site import chat_app, settings, this_app
from webapp.turns.contexts import chat_values, make_context
from webapp.turns.rows import ALIVE
from webapp.turns.storing import change_earlier, has_lost, interrupt_lost
from webapp.web.background import in_background
from webapp.web.errors import UNAVAILABLE, log_unavailable
from webapp.web.log import log_failure

# How many chats in which nothing was said for long end at once.
MOST_AT_ONCE = 50
# Longer than other processes need to give a heartbeat once a database is back.
LOST_FOR = 3 * ALIVE


@dataclass(frozen=True)
class EndedChat:
    """A chat whose end this process has claimed."""

    chat_id: uuid.UUID
    user: User | None
    profile: str | None
    values: dict[str, Any]
    inputs: dict[str, Any] | None


def end_other_chats(chat: StoredChat, replaced: Iterable[Row[Any]]) -> None:
    """End the chats that this browser leaves for ``chat``.

    Parameters
    ----------
    replaced:
        Rows with id, profile, values and inputs of chats that are deleted already.
    """
    if _handles_ends():
        left: Sequence[Row[Any]] = ()
        if chat.session_id is not None:  # a program that shows a token leaves no chat for another
            left = _claim_ends(Chat.session_id == chat.session_id, Chat.id != chat.id)
        user = signed_in_user()
        _tell_app([_ended_chat(row, user) for row in (*replaced, *left)])


def end_chats_of_session(_app: Flask, *, session_id: uuid.UUID, user: User | None) -> None:
    """End the chats of a session that has ended."""
    if _handles_ends():
        rows = _claim_ends(Chat.session_id == session_id)
        _tell_app([_ended_chat(row, user) for row in rows])


def end_idle_chats() -> int:
    """End some chats in which nothing was said for long; return how many."""
    if not _handles_ends():
        return 0
    minutes = settings().chat_idle_minutes
    idle = (
        select(Chat.id)
        .where(Chat.ended_at.is_(None), Chat.active_at < utc_now() - timedelta(minutes=minutes))
        .limit(MOST_AT_ONCE)
    )
    rows = _claim_ends(Chat.id.in_(idle))
    _tell_app([_ended_chat(row, _known_user(row.owner)) for row in rows])
    return len(rows)


def end_lost_turns() -> int:
    """End turns whose processes are gone; return how many.

    Where no turn runs, nobody else would notice them, and their chats would never end.
    """
    with read_connection() as connection:
        if not has_lost(connection, LOST_FOR):
            return 0
    with write_transaction() as connection:
        return interrupt_lost(connection, LOST_FOR)


def _handles_ends() -> bool:
    return any(chat_app().get(name) for name in ("on_chat_end", "on_chat_resume"))


def _claim_ends(*conditions: Any) -> Sequence[Row[Any]]:
    # One statement: of two processes, one gets each chat.
    meant = (Chat.ended_at.is_(None), Chat.turn_id.is_(None), *conditions)
    ended = (
        update(Chat)
        .where(Chat.id.in_(CHATS_IN_ORDER.where(*meant)), *meant)
        .values(ended_at=utc_now())
        .returning(Chat.id, Chat.owner, Chat.profile, Chat.values, Chat.inputs)
    )
    with write_transaction() as connection:
        return connection.execute(ended).all()


def _ended_chat(row: Row[Any], user: User | None) -> EndedChat:
    return EndedChat(row.id, user, row.profile, dict(row._mapping["values"]), row.inputs)


def _known_user(owner: str) -> User | None:
    # The name is known, what else the app knew of the user is not.
    kind, _, identifier = owner.partition(":")
    return persisted_user({"identifier": identifier}) if kind == "user" else None


def _tell_app(ended: list[EndedChat]) -> None:
    callback = chat_app().get("on_chat_end")
    if callback is not None and ended:
        in_background("chat-end", _run_callback, callback, ended)


def _run_callback(callback: Callback, ended: list[EndedChat]) -> None:
    for chat in ended:
        context = make_context(
            chat.chat_id,
            user=chat.user,
            chat_profile=chat.profile,
            values=chat_values(chat.chat_id, chat.values),
            inputs=Inputs(chat.inputs, kept=False),
            earlier=partial(list_history, this_app(), chat.chat_id, END_SEQUENCE),
        )
        try:
            call(callback, (), Running(chat=context), settings().callback_seconds)
            context.values.close()
            context.inputs.close()
            values = context.values.stored()
        except AuthoringError as error:
            # Whoever signs out, or starts another chat, has keys in the same request.
            if isinstance(error, CallbackError):
                error.secrets = tuple(context.keys.values())
            log_failure("chat_end.failed", error, chat=chat.chat_id)
            continue
        finally:
            context.transcript.close()
        try:
            _store(chat.chat_id, context, values)
        except UNAVAILABLE as error:
            log_unavailable(error)


def _store(chat_id: uuid.UUID, context: ChatContext, values: dict[str, Any]) -> None:
    # A message that was growing when the callback ended stays as it is, unless it is empty.
    said = [
        replace(m, status=COMPLETE, removed=m.removed or not m.says_something)
        for m in context.transcript.said()
    ]
    new = [m for m in said if not m.removed and not m.earlier]
    contents = set[str]()
    with write_transaction() as connection:
        # Not if the chat has been resumed: what happens in it now is newer.
        over = update(Chat).where(
            Chat.id == chat_id, Chat.ended_at.is_not(None), Chat.turn_id.is_(None)
        )
        if not connection.execute(over.values(values=values)).rowcount:
            return
        for changed in said:
            if changed.earlier:
                contents |= change_earlier(connection, chat_id, changed)
        if new:
            last: int = connection.execute(
                select(func.coalesce(func.max(Message.sequence), 0)).where(
                    Message.chat_id == chat_id
                )
            ).scalar_one()
            placed = [replace(m, sequence=last + place) for place, m in enumerate(new, start=1)]
            insert_messages(connection, chat_id, placed)
            reindex_messages(connection, chat_id, [(m.id, m.content) for m in placed])
    collect_soon(contents)
