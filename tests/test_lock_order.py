"""Chats are deleted while their turns are stored: on PostgreSQL nobody may wait in a circle."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cli_support import CommandLine
from tests.support.apps import AppMaker
from tests.support.conversation import PATIENCE, wait_until
from tests.support.log import LogReader
from tests.support.people import Visitor
from tests.support.rows import run_sql
from webapp.chats import turn_steps

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
def test_a_chat_is_deleted_while_a_step_of_its_turn_is_stored(
    make: AppMaker, monkeypatch: pytest.MonkeyPatch, log: LogReader, delete: Delete
) -> None:
    cli = CommandLine(Path(), make.database_url)
    cli.add("alice")
    visitor = Visitor(make(GREETS_SLOWLY)).logged_in("alice")
    visitor.start_chat()
    storing = hold_a_step(monkeypatch, make.database_url)
    assert storing.wait(PATIENCE)
    delete(visitor, cli)
    assert "turns.not_stored" not in log.text
    assert "deadlock" not in log.text


def hold_a_step(monkeypatch: pytest.MonkeyPatch, url: str) -> threading.Event:
    """Hold the next step of a turn, whose row is locked by then, until somebody waits for it."""
    storing, store = threading.Event(), turn_steps.store_messages

    def held(*arguments: Any) -> None:
        if not storing.is_set():
            storing.set()
            wait_until(lambda: somebody_waits(url))
        store(*arguments)

    monkeypatch.setattr(turn_steps, "store_messages", held)
    return storing


def somebody_waits(url: str) -> bool:
    """Say whether a transaction waits for what another one has locked."""
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with psycopg.connect(url) as connection:
        return bool(connection.execute(waiting).fetchall())
