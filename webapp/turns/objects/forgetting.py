"""Forgetting the objects of chats that are gone: deleted here, or by another process."""

from __future__ import annotations

import uuid
from datetime import timedelta

from sqlalchemy import select

from webapp.chats.deletion import UNDO_SECONDS, was_deleted_before
from webapp.chats.models import Chat
from webapp.database.engines import read_connection, utc_now
from webapp.turns.runtime import conversation

CHATS_AT_ONCE = 500


def forget_objects() -> int:
    """Forget the objects of chats that are gone or were silent for too long; return how many."""
    objects = conversation().objects
    before = len(objects.chat_ids)
    objects.forget_idle()
    held = objects.chat_ids
    beyond_undo = was_deleted_before(utc_now() - timedelta(seconds=UNDO_SECONDS))
    for start in range(0, len(held), CHATS_AT_ONCE):
        some = held[start : start + CHATS_AT_ONCE]
        ids = [uuid.UUID(chat_id) for chat_id in some]
        with read_connection() as connection:
            found = connection.scalars(select(Chat.id).where(Chat.id.in_(ids), ~beyond_undo))
            there = {str(chat_id) for chat_id in found}
        objects.forget(set(some) - there)
    return before - len(objects.chat_ids)
