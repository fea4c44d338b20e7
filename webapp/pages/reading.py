"""What a page shows of a chat: its newest messages, or those before them, however long it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam
from werkzeug.exceptions import BadRequest

from webapp.authoring.chat_message import ChatMessage
from webapp.chats.message_rows import SHOWN, shown_message
from webapp.chats.models import Message
from webapp.chats.store import StoredChat
from webapp.database.engines import read_connection
from webapp.engine.phases import TurnStatus
from webapp.turns.stored_turns import StoredTurn, last_turn

PAGE_MESSAGES = 50
NEWS_MESSAGES = 10 * PAGE_MESSAGES
NO_SEQUENCE_YET = 2**31 - 1
_NUMBER = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
# One more than are shown says that there are earlier ones.
_LATEST = (
    SHOWN.where(Message.sequence < bindparam("before"))
    .order_by(Message.sequence.desc())
    .limit(PAGE_MESSAGES + 1)
)
_SINCE = (
    SHOWN.where(Message.sequence >= bindparam("first"))
    .order_by(Message.sequence)
    .limit(NEWS_MESSAGES + 1)
)
_OF_TURN = SHOWN.where(
    Message.turn_id == bindparam("of_turn"), Message.sequence < bindparam("before")
).order_by(Message.sequence)


@dataclass(frozen=True)
class Said:
    """Messages of a chat as they follow each other, and its last turn.

    Parameters
    ----------
    earlier:
        The number of the first of them, if others come before it.
    """

    messages: list[ChatMessage]
    turn: StoredTurn | None
    earlier: int | None = None


def said_in(chat: StoredChat) -> Said:
    """Return the newest messages of a chat; of an answer that is being written, all of them."""
    # The turn first: should it end in between, the messages are at least as far as it says.
    turn = last_turn(chat)
    said = _said_before(chat, turn, NO_SEQUENCE_YET)
    if said.earlier is None or turn is None or not turn.seems_to_run:
        return said
    if said.messages[0].turn_id != turn.id:
        return said
    # Whoever watches it is sent the whole of it, which must not be there a second time.
    which = {"of_chat": chat.id, "of_turn": turn.id, "before": said.earlier}
    with read_connection() as connection:
        begun = _all_shown(connection.execute(_OF_TURN, which).all(), turn)
    messages = [*begun, *said.messages]
    return Said(messages, turn, messages[0].sequence if messages[0].sequence > 1 else None)


def said_before(chat: StoredChat, before: int) -> Said:
    """Return the messages of a chat that come right before the one with that number."""
    return _said_before(chat, last_turn(chat), before)


def said_since(chat: StoredChat, first: int) -> Said | None:
    """Return the messages of a chat from the one with that number on; ``None`` for very many."""
    turn = last_turn(chat)
    with read_connection() as connection:
        found = connection.execute(_SINCE, {"of_chat": chat.id, "first": first}).all()
    return None if len(found) > NEWS_MESSAGES else Said(_all_shown(found, turn), turn)


def number_from(text: str) -> int:
    """Return the number of a message as an address names it (R29).

    Raises
    ------
    BadRequest
        When no message can have it.
    """
    if not _NUMBER.fullmatch(text) or int(text) > NO_SEQUENCE_YET:
        raise BadRequest
    return int(text)


def _said_before(chat: StoredChat, turn: StoredTurn | None, before: int) -> Said:
    with read_connection() as connection:
        found = connection.execute(_LATEST, {"of_chat": chat.id, "before": before}).all()
    shown = _all_shown(reversed(found[:PAGE_MESSAGES]), turn)
    return Said(shown, turn, shown[0].sequence if len(found) > PAGE_MESSAGES else None)


def _all_shown(found: Any, turn: StoredTurn | None) -> list[ChatMessage]:
    running = turn is not None and turn.status == TurnStatus.RUNNING
    return [shown_message(row, running=running) for row in found]
