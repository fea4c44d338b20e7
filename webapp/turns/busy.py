"""Refusing to change a chat as a whole while an answer is being written in it."""

from __future__ import annotations

from sqlalchemy.engine import Connection
from werkzeug.exceptions import NotFound

from webapp.chats.store import StoredChat
from webapp.turns.claiming import HOLDER
from webapp.turns.rows import interrupt_turn, is_alive
from webapp.turns.runtime import conversation
from webapp.web.refusals import Refusal


class StillAnsweringError(Refusal):
    """An answer is being written in the chat."""

    code = 409
    title = "Profile not changed"
    message = "An answer is still being written in this chat."
    advice = "Choose again when it is finished, or stop the answer."


def refuse_busy(connection: Connection, chat: StoredChat) -> None:
    """Refuse while a turn runs in the chat. A turn whose process is gone is ended.

    Raises
    ------
    NotFound
        When the chat no longer exists.
    StillAnsweringError
        When a turn runs.
    """
    holder = connection.execute(HOLDER, {"chat": chat.id, "of_owner": chat.owner}).first()
    if holder is None:
        raise NotFound
    if holder.turn_id is None:
        return
    if conversation().keeper.find(holder.turn_id) is not None or is_alive(holder.seen_at):
        raise StillAnsweringError
    interrupt_turn(connection, chat.id, holder.turn_id)
