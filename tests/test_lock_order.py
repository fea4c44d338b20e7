"""Chats are deleted while their turns are stored: on PostgreSQL nobody may wait in a circle."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import select

from tests.cli_support import CommandLine
from tests.support.apps import AppMaker
from tests.support.conversation import wait_until
from tests.support.log import LogReader
from tests.support.people import Visitor
from tests.support.rows import run_sql
from tests.support.servers import PATIENCE
from webapp.accounts.models import LoginSession
from webapp.chats.models import Chat
from webapp.database.engines import utc_now, write_session
from webapp.turns import storing as turn_storing

pytestmark = pytest.mark.postgresql

GREETS_SLOWLY = """
    import asyncio
    import webapp as cl

    @cl.password_auth_callback
    def let_in(username, password):
        return cl.User(identifier=username) if password == username * 2 else None

    @cl.on_chat_start
    async def start():
        greeting = cl.Message()
        for _ in range(2_000):
            await greeting.stream_token("word ")
            await asyncio.sleep(0.01)
"""
Delete = Callable[[Visitor, CommandLine], None]


@pytest.fixture
def make(postgresql_url: str, tmp_path: Path) -> Iterator[AppMaker]:
    """Return a maker of apps on PostgreSQL."""
    with AppMaker.in_folder(tmp_path, postgresql_url) as maker:
        yield maker


def start_another_chat(visitor: Visitor, _cli: CommandLine) -> None:
    visitor.start_chat()


def remove_alice(_visitor: Visitor, cli: CommandLine) -> None:
    cli.ok("users", "remove", "alice", "--yes")


def purge(visitor: Visitor, cli: CommandLine) -> None:
    run_sql(visitor.app, "UPDATE chats SET expires_at = '2020-01-01 00:00:00'")
    assert "expired chats" in cli.ok("purge")


@pytest.mark.parametrize("delete", [start_another_chat, remove_alice, purge])
def test_a_chat_is_deleted_while_an_update_of_its_turn_is_stored(
    make: AppMaker, monkeypatch: pytest.MonkeyPatch, log: LogReader, delete: Delete
) -> None:
    cli = CommandLine(Path(), make.database_url)
    cli.add("alice")
    visitor = Visitor(make(GREETS_SLOWLY)).logged_in("alice")
    visitor.start_chat()
    storing = hold_an_update(monkeypatch, make.database_url)
    assert storing.wait(PATIENCE)
    delete(visitor, cli)
    assert "turns.not_stored" not in log.text
    assert "deadlock" not in log.text


HEARS_OF_ENDS = """
    import webapp as cl

    @cl.password_auth_callback
    def let_in(username, password):
        return cl.User(identifier=username) if password == username * 2 else None

    @cl.on_chat_end
    def end():
        pass
"""


def clear_all(visitor: Visitor, _cli: CommandLine) -> None:
    assert visitor.post("/chats/clear").status_code == 303


def log_out(visitor: Visitor, _cli: CommandLine) -> None:
    assert visitor.post("/logout").status_code == 303


@pytest.mark.parametrize("change", [clear_all, log_out, remove_alice])
def test_who_changes_many_chats_locks_them_by_their_ids(make: AppMaker, change: Delete) -> None:
    cli = CommandLine(Path(), make.database_url)
    cli.add("alice")
    visitor = Visitor(make(HEARS_OF_ENDS)).logged_in("alice")
    first, *others = store_chats(visitor)
    with psycopg.connect(make.database_url) as holder:
        lock = "SELECT id FROM chats WHERE id = ANY(%s) FOR UPDATE NOWAIT"
        holder.execute(lock, [[first]])
        changing = threading.Thread(target=change, args=(visitor, cli))
        changing.start()
        wait_until(lambda: somebody_waits(make.database_url))
        # Who waits for the first has none of the others, so nobody waits for it in turn.
        assert len(holder.execute(lock, [others]).fetchall()) == len(others)
    changing.join(PATIENCE)
    assert not changing.is_alive()


def store_chats(visitor: Visitor) -> list[uuid.UUID]:
    """Store some chats of this browser, and return them by their ids: the last was stored first."""
    ids = [uuid.UUID(int=number) for number in range(1, 9)]
    with visitor.app.app_context(), write_session() as rows:
        session = rows.scalar(select(LoginSession.id).where(LoginSession.identifier == "alice"))
        for chat_id in reversed(ids):
            rows.add(
                Chat(
                    id=chat_id,
                    owner="user:alice",
                    session_id=session,
                    written=True,
                    values={},
                    active_at=utc_now(),
                )
            )
            rows.flush()
    return ids


def hold_an_update(monkeypatch: pytest.MonkeyPatch, url: str) -> threading.Event:
    """Hold the next update of a turn, whose row is locked by then, until somebody waits for it."""
    storing, store = threading.Event(), turn_storing.store_messages

    def held(*arguments: Any) -> Any:
        if not storing.is_set():
            storing.set()
            wait_until(lambda: somebody_waits(url))
        return store(*arguments)

    monkeypatch.setattr(turn_storing, "store_messages", held)
    return storing


def somebody_waits(url: str) -> bool:
    """Say whether a transaction waits for what another one has locked."""
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with psycopg.connect(url) as connection:
        return bool(connection.execute(waiting).fetchall())
