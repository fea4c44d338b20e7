"""The order in which transactions lock chats and turns, so that no two wait for each other.

1. Turns before their chats: whoever stores a step locks the turn, then its chat.
2. Several turns, or several chats, in the order of their ids.
3. Last, the advisory lock of a user, under which their running turns are counted and one is added.

SQLite needs none of this: a transaction that writes has the database to itself.
"""

from __future__ import annotations

from sqlalchemy import String, bindparam, func, select
from sqlalchemy.engine import Connection

from webapp.chats.models import Chat, Turn
from webapp.engine.work import RUNNING

# Who stores a step locks the turn, then its chat; deleting a chat locks it before its turns.
RUNNING_IN_CHATS = (
    select(Turn.id)
    .join(Chat, Chat.id == Turn.chat_id)
    .where(Turn.status == RUNNING)
    .order_by(Turn.id)
    .with_for_update(of=Turn)
)
# And so that no two wait for each other who lock several chats, all do it in this order.
CHATS_IN_ORDER = select(Chat.id).order_by(Chat.id).with_for_update(of=Chat)
_ONE_BY_ONE = select(func.pg_advisory_xact_lock(func.hashtext(bindparam("of_owner", type_=String))))


def one_by_one(connection: Connection, owner: str) -> None:
    """Let one transaction after another count what a user has under way, and add to it.

    Of several at once each would count the others too late. Chats and turns that are there already
    are to be locked before, or two could wait for each other.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_ONE_BY_ONE, {"of_owner": owner})
