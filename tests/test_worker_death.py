"""A worker that dies loses nothing that was acknowledged, and leaves nothing in part."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import sys
import threading
import time
from contextlib import closing
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.support.conversation import wait_until
from tests.support.servers import PATIENCE, Server, gunicorn, production, start
from tests.support.wire import RemoteVisitor

pytestmark = pytest.mark.slow

CLIENTS = 6
KILLS = 5
# So many chats are acknowledged before each kill.
STARTS = 5
WRITERS = 8
WRITES = 150

# Two messages, so that a chat that is stored in part can be told from a whole one.
APP = """
import webapp as cl

@cl.set_chat_profiles
async def profiles():
    return [cl.ChatProfile(name="GPT-4", markdown_description="")]

@cl.on_chat_start
async def start():
    await cl.Message(content="first").send()
    await cl.Message(content="second").send()
"""


class Clients:
    """Visitors who start chats until they are told to stop, and note what was acknowledged."""

    def __init__(self, port: int) -> None:
        self.acknowledged: list[str] = []
        self._port = port
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._start_chats) for _ in range(CLIENTS)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for_more(self, chats: int) -> None:
        """Wait until so many chats more were acknowledged."""
        enough = len(self.acknowledged) + chats
        wait_until(lambda: len(self.acknowledged) >= enough)

    def _start_chats(self) -> None:
        while not self._stop.is_set():
            try:
                # A new visitor each time: the next chat of the same one would replace this one.
                answer = RemoteVisitor(self._port, timeout=5).start_chat()
            except (OSError, HTTPException):
                continue  # its worker was killed
            if answer.status in (200, 303):
                self.acknowledged.append(answer.chat_id)


def test_killed_workers_lose_no_acknowledged_chat(tmp_path: Path, sqlite_url: str) -> None:
    app_file = tmp_path / "two_messages.py"
    app_file.write_text(APP)
    options = ("--workers", "2", "--threads", "4")
    with gunicorn(tmp_path, production(sqlite_url, app_file), *options) as server:
        with Clients(server.port) as clients:
            for _ in range(KILLS):
                clients.wait_for_more(STARTS)
                _kill_a_worker(server)
            clients.wait_for_more(STARTS)
        assert server.status("/readyz") == 200
    stored = _messages_by_chat(sqlite_url)
    assert set(clients.acknowledged) <= stored.keys()
    assert set(stored.values()) == {("first", "second")}


def test_eight_processes_write_without_an_error(tmp_path: Path, sqlite_url: str) -> None:
    command = [sys.executable, "-m", "tests.support.writer", str(WRITES)]
    writers = [start(command, tmp_path, production(sqlite_url)) for _ in range(WRITERS)]
    try:
        assert [writer.process.wait(2 * PATIENCE) for writer in writers] == [0] * WRITERS
    finally:
        for writer in writers:
            writer.stop()
    assert {writer.log for writer in writers} == {"errors=0\n"}
    assert len(_messages_by_chat(sqlite_url)) == WRITERS * WRITES


def _kill_a_worker(server: Server) -> None:
    # In the middle of whatever it does.
    time.sleep(random.uniform(0.0, 0.2))
    wait_until(lambda: bool(server.workers()))
    os.kill(server.workers()[0], signal.SIGKILL)


def _messages_by_chat(url: str) -> dict[str, tuple[str | None, ...]]:
    query = (
        "SELECT chats.id, content FROM chats LEFT JOIN messages ON chat_id = chats.id "
        "ORDER BY chats.id, sequence"
    )
    found: dict[str, tuple[str | None, ...]] = {}
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        for digits, content in connection.execute(query):
            chat_id = "-".join(
                (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
            )
            found[chat_id] = (*found.get(chat_id, ()), content)
    return found
