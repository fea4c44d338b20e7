"""The messages of a chat that one page shows, however long the chat is."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam
from werkzeug.exceptions import BadRequest, NotFound

from webapp.authoring.chat_message import STEP, ChatMessage
from webapp.chats.message_rows import SHOWN_MESSAGES, shown_message
from webapp.chats.models import Message
from webapp.chats.past_messages import END_SEQUENCE
from webapp.chats.store import StoredChat
from webapp.database.engines import read_connection
from webapp.engine.phases import TurnStatus
from webapp.turns.stored_turns import StoredTurn, last_turn

PAGE_MESSAGES = 50
NEWS_MESSAGES = 10 * PAGE_MESSAGES
_NUMBER = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
# One more than the page shows: if it is found, there are earlier ones.
_LIST_BEFORE = (
    SHOWN_MESSAGES.where(Message.sequence < bindparam("before"))
    .order_by(Message.sequence.desc())
    .limit(PAGE_MESSAGES + 1)
)
_LIST_FROM = (
    SHOWN_MESSAGES.where(Message.sequence >= bindparam("first"))
    .order_by(Message.sequence)
    .limit(NEWS_MESSAGES + 1)
)
_ONE_MESSAGE = SHOWN_MESSAGES.where(Message.id == bindparam("message_id"))
_LIST_BEGINNING = SHOWN_MESSAGES.where(
    Message.turn_id == bindparam("turn_id"), Message.sequence < bindparam("before")
).order_by(Message.sequence)


@dataclass(frozen=True)
class MessagePage:
    """Consecutive messages of a chat, and its last turn.

    Parameters
    ----------
    earlier:
        The sequence number of the first message, if there are earlier ones.
    """

    messages: list[ChatMessage]
    turn: StoredTurn | None
    earlier: int | None = None


def find_newest_page(chat: StoredChat) -> MessagePage:
    """Return the newest messages of a chat. Of a running answer, the page has all messages."""
    # The turn first: if it ends in between, the messages are at least as new as the turn.
    turn = last_turn(chat)
    page = _find_page(chat, turn, END_SEQUENCE)
    if page.earlier is None or turn is None or not turn.seems_to_run:
        return page
    if page.messages[0].turn_id != turn.id:
        return page
    # A page that watches the turn gets all its messages. None of them may be on an earlier page.
    wanted = {"chat_id": chat.id, "turn_id": turn.id, "before": page.earlier}
    with read_connection() as connection:
        beginning = _messages(connection.execute(_LIST_BEGINNING, wanted).all(), turn)
    messages = [*beginning, *page.messages]
    return MessagePage(messages, turn, messages[0].sequence if messages[0].sequence > 1 else None)


def find_page_before(chat: StoredChat, before: int) -> MessagePage:
    """Return the messages right before the one with that number."""
    return _find_page(chat, last_turn(chat), before)


def find_page_from(chat: StoredChat, first: int) -> MessagePage | None:
    """Return all messages from the one with that number on, or ``None`` if there are too many."""
    turn = last_turn(chat)
    with read_connection() as connection:
        found = connection.execute(_LIST_FROM, {"chat_id": chat.id, "first": first}).all()
    return None if len(found) > NEWS_MESSAGES else MessagePage(_messages(found, turn), turn)


def find_message(chat: StoredChat, message_id: uuid.UUID) -> ChatMessage:
    """Return a message that the chat shows.

    Raises
    ------
    NotFound
        The chat shows no such message.
    """
    wanted = {"chat_id": chat.id, "message_id": message_id}
    with read_connection() as connection:
        row = connection.execute(_ONE_MESSAGE, wanted).first()
    if row is None:
        raise NotFound
    return shown_message(row, running=True)


def parse_sequence(text: str) -> int:
    """Return the sequence number of a message from a query parameter.

    Raises
    ------
    BadRequest
        No message can have this number.
    """
    if not _NUMBER.fullmatch(text) or int(text) > END_SEQUENCE:
        raise BadRequest
    return int(text)


def _find_page(chat: StoredChat, turn: StoredTurn | None, before: int) -> MessagePage:
    with read_connection() as connection:
        found = connection.execute(_LIST_BEFORE, {"chat_id": chat.id, "before": before}).all()
        messages = _messages(reversed(found[:PAGE_MESSAGES]), turn)
        has_earlier = len(found) > PAGE_MESSAGES
        if has_earlier and messages[0].turn_id is not None:
            # The page begins within a turn. What its steps are in may come before.
            steps = [message for message in messages if message.kind == STEP]
            parents = {(step.details or {}).get("parent") for step in steps}
            if not parents <= {None, *(str(step.id) for step in steps)}:
                first = messages[0]
                wanted = {"chat_id": chat.id, "turn_id": first.turn_id, "before": first.sequence}
                beginning = connection.execute(_LIST_BEGINNING, wanted).all()
                messages = [*_messages(beginning, turn), *messages]
                has_earlier = messages[0].sequence > 1
    return MessagePage(messages, turn, messages[0].sequence if has_earlier else None)


def _messages(rows: Any, turn: StoredTurn | None) -> list[ChatMessage]:
    running = turn is not None and turn.status == TurnStatus.RUNNING
    turn_id = turn.id if turn is not None else None
    return [shown_message(row, running=running, turn_id=turn_id) for row in rows]
