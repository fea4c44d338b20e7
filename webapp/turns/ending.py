"""The end of chats: another one was started, their user logged out, or nothing was said for long.

Only where the app has an ``@on_chat_end`` or an ``@on_chat_resume`` is this looked at. Each end is
claimed by one process, so the callback runs once for it; it runs in the background and holds up
nobody.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from flask import Flask, current_app
from sqlalchemy import Row, func, select, update

from webapp.accounts.login import signed_in_user
from webapp.authoring.chat_message import COMPLETE
from webapp.authoring.context import ChatContext, Running, Values
from webapp.authoring.errors import AuthoringError
from webapp.authoring.json_values import stored_copy
from webapp.authoring.loading.app_file import Callback
from webapp.authoring.types import User
from webapp.chats.locking import CHATS_IN_ORDER
from webapp.chats.message_rows import insert_messages
from webapp.chats.models import Chat, Message
from webapp.chats.past_messages import NO_SEQUENCE_YET, history_before
from webapp.chats.search_index import index_changed
from webapp.chats.store import StoredChat
from webapp.database.engines import utc_now, write_transaction
from webapp.engine.call import call
from webapp.signals import housekeeping_due
from webapp.site import chat_app, settings, this_app
from webapp.turns.rows import ALIVE
from webapp.turns.steps import change_earlier, interrupt_lost
from webapp.web.background import in_background
from webapp.web.errors import UNAVAILABLE, log_unavailable
from webapp.web.log import log_failure

# How often a process looks for chats in which nothing was said for long, and for how many at once.
LOOK_SECONDS = 60.0
MOST_AT_ONCE = 50
# Longer than others need to say that they are alive once a database is back.
LOST_FOR = 3 * ALIVE
LOOKED_AT = "idle_chats_looked_for"
_RETURNED = (Chat.id, Chat.owner, Chat.profile, Chat.values)


@dataclass(frozen=True)
class _Ended:
    chat_id: uuid.UUID
    user: User | None
    profile: str | None
    values: dict[str, Any]


def end_other_chats(chat: StoredChat, replaced: Iterable[Row[Any]]) -> None:
    """End the chats that this browser leaves for ``chat``, and those that were left long ago.

    Parameters
    ----------
    replaced:
        Rows with id, profile and values of chats that are deleted already.
    """
    is_time = _is_time()
    if is_time:
        _end_lost_turns()
        housekeeping_due.send()
    if not _looks_at_ends():
        return
    left = _claimed(Chat.session_id == chat.session_id, Chat.id != chat.id)
    _run(_with_user([*replaced, *left], signed_in_user()))
    if is_time:
        end_idle_chats()


def end_chats_of_session(_app: Flask, *, session_id: uuid.UUID, user: User | None) -> None:
    """End the chats of a session that has ended."""
    if _looks_at_ends():
        _run(_with_user(_claimed(Chat.session_id == session_id), user))


def end_idle_chats() -> None:
    """End chats in which nothing was said for long."""
    minutes = settings().chat_idle_minutes
    idle = (
        select(Chat.id)
        .where(Chat.ended_at.is_(None), Chat.active_at < utc_now() - timedelta(minutes=minutes))
        .limit(MOST_AT_ONCE)
    )
    rows = _claimed(Chat.id.in_(idle))
    _run([_ended(row, _known_user(row.owner)) for row in rows])


def _end_lost_turns() -> None:
    # Where no turn runs nobody else would notice, and their chats would never be over.
    with write_transaction() as connection:
        interrupt_lost(connection, utc_now() - LOST_FOR)


def _is_time() -> bool:
    now = time.monotonic()
    if now - current_app.extensions.get(LOOKED_AT, -1e9) < LOOK_SECONDS:
        return False
    current_app.extensions[LOOKED_AT] = now
    return True


def _looks_at_ends() -> bool:
    return any(chat_app().get(name) for name in ("on_chat_end", "on_chat_resume"))


def _claimed(*conditions: Any) -> list[Row[Any]]:
    # One statement: of two processes, one gets each chat.
    meant = (Chat.ended_at.is_(None), Chat.turn_id.is_(None), *conditions)
    ended = (
        update(Chat)
        .where(Chat.id.in_(CHATS_IN_ORDER.where(*meant)), *meant)
        .values(ended_at=utc_now())
        .returning(*_RETURNED)
    )
    with write_transaction() as connection:
        return list(connection.execute(ended).all())


def _with_user(rows: Iterable[Row[Any]], user: User | None) -> list[_Ended]:
    return [_ended(row, user) for row in rows]


def _ended(row: Row[Any], user: User | None) -> _Ended:
    return _Ended(row.id, user, row.profile, dict(row._mapping["values"]))


def _known_user(owner: str) -> User | None:
    # Who it was is known, what else the app knew of them is not.
    kind, _, identifier = owner.partition(":")
    return User(identifier) if kind == "user" else None


def _run(ended: list[_Ended]) -> None:
    callback: Callback | None = chat_app().get("on_chat_end")
    if callback is not None and ended:
        in_background("chat-end", _run_all, callback, ended)


def _run_all(callback: Callback, ended: list[_Ended]) -> None:
    for one in ended:
        _run_one(callback, one)


def _run_one(callback: Callback, ended: _Ended) -> None:
    app = this_app()
    context = ChatContext(
        chat_id=str(ended.chat_id),
        user=ended.user,
        chat_profile=ended.profile,
        values=Values(ended.values),
        earlier=lambda: history_before(app, ended.chat_id, NO_SEQUENCE_YET),
    )
    seconds = settings().callback_seconds
    try:
        call(callback, (), Running(chat=context), seconds)
        values = {k: stored_copy(k, v) for k, v in context.values.close().items()}
    except AuthoringError as error:
        log_failure("chat_end.failed", error, chat=ended.chat_id)
        return
    finally:
        context.transcript.close()
    try:
        _store(ended.chat_id, context, values)
    except UNAVAILABLE as error:
        log_unavailable(error)


def _store(chat_id: uuid.UUID, context: ChatContext, values: dict[str, Any]) -> None:
    # Whatever was growing when the callback ended stays as it is.
    said = [replace(m, status=COMPLETE) for m in context.transcript.said()]
    new = [m for m in said if not m.removed and not m.earlier]
    with write_transaction() as connection:
        # Not if it goes on already: what happens in it now is newer.
        over = update(Chat).where(
            Chat.id == chat_id, Chat.ended_at.is_not(None), Chat.turn_id.is_(None)
        )
        if not connection.execute(over.values(values=values)).rowcount:
            return
        for changed in said:
            if changed.earlier:
                change_earlier(connection, chat_id, changed)
        if not new:
            return
        last: int = connection.execute(
            select(func.coalesce(func.max(Message.sequence), 0)).where(Message.chat_id == chat_id)
        ).scalar_one()
        placed = [replace(m, sequence=last + place) for place, m in enumerate(new, start=1)]
        insert_messages(connection, chat_id, placed)
        index_changed(connection, chat_id, [(message.id, message.content) for message in placed])
