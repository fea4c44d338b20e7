"""How often a user may import: one import at a time in a process, and a number in an hour."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from flask import request
from sqlalchemy import bindparam, distinct, func, select
from sqlalchemy.engine import Connection

from webapp.chats.models import Chat
from webapp.config.settings import Settings
from webapp.turns.runtime import conversation
from webapp.web.errors import RETRY_SECONDS
from webapp.web.server import host_of, max_held_threads

HOUR = timedelta(hours=1)
# All chats of one import have the same time.
_RECENT = select(func.count(distinct(Chat.imported_at)), func.min(Chat.imported_at)).where(
    Chat.owner == bindparam("owner"), Chat.imported_at > bindparam("since")
)


class TooManyImportsError(Exception):
    """This user has imported as often as one may.

    Parameters
    ----------
    problem:
        What the page says of it.
    seconds:
        How long to wait.
    """

    def __init__(self, problem: str, seconds: int) -> None:
        super().__init__(problem)
        self.problem = problem
        self.seconds = seconds


@contextmanager
def only_import(owner: str | None) -> Iterator[None]:
    """Refuse an import while another one of this user runs here: each takes a lot of memory.

    Raises
    ------
    TooManyImportsError
        There is another one, or too many threads of this process are held.
    """
    most = max_held_threads(host_of(request.environ))
    place = conversation().slots.take(most, f"import {owner}", 1)
    if place is None:
        raise TooManyImportsError(
            "Another import is in progress. Wait until it has finished, then try again.",
            RETRY_SECONDS,
        )
    try:
        yield
    finally:
        place.give_back()


def refuse_too_many(
    connection: Connection, settings: Settings, owner: str | None, now: datetime
) -> None:
    """Refuse an import of a user who has imported too often in the last hour.

    Raises
    ------
    TooManyImportsError
        The error says how long to wait.
    """
    values = {"owner": owner, "since": now - HOUR}
    imports, first = connection.execute(_RECENT, values).one()
    if first is None or imports < settings.imports_per_hour:
        return
    seconds = int((first + HOUR - now).total_seconds()) + 1
    minutes = max(1, -(-seconds // 60))
    raise TooManyImportsError(
        f"You have imported {imports} times in the last hour, and that is the most. "
        f"Try again in {'a minute' if minutes == 1 else f'{minutes} minutes'}.",
        seconds,
    )
