"""A backup that is made while chats are started restores to a working app."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.support.postgresql import PostgreSQLServer
from tests.support.servers import chat_profiles_command, gunicorn, production, run
from tests.support.wire import RemoteVisitor

pytestmark = pytest.mark.slow


def test_backup_while_writing_restores_to_a_working_app(tmp_path: Path, sqlite_url: str) -> None:
    copy = tmp_path / "backup.sqlite3"
    stop = threading.Event()
    with gunicorn(tmp_path, production(sqlite_url)) as server:
        early = RemoteVisitor(server.port)
        chat = early.start_chat().chat_id
        writers = [
            threading.Thread(target=_start_chats, args=(server.port, stop)) for _ in range(4)
        ]
        for writer in writers:
            writer.start()
        command = chat_profiles_command("db", "backup", str(copy))
        status, output = run(command, tmp_path, production(sqlite_url))
        stop.set()
        for writer in writers:
            writer.join()
    assert status == 0, output
    assert copy.stat().st_mode & 0o777 == 0o600
    with gunicorn(tmp_path, production(f"sqlite:///{copy}")) as restored:
        # The same browser at the restored site: its session and its chat are in the copy.
        early.move_to(restored.port)
        assert "the GPT-4 chat profile" in early.get(f"/chats/{chat}").text
        assert early.start_chat().status == 200
        assert restored.status("/readyz") == 200


@pytest.mark.postgresql
def test_the_command_that_is_named_for_postgresql_restores_to_a_working_app(
    tmp_path: Path, postgresql_server: PostgreSQLServer, postgresql_url: str
) -> None:
    copy = tmp_path / "backup.dump"
    visitor = RemoteVisitor(0)
    with gunicorn(tmp_path, production(postgresql_url)) as server:
        visitor.move_to(server.port)
        chat = visitor.start_chat().chat_id
        command = chat_profiles_command("db", "backup", str(copy))
        status, output = run(command, tmp_path, production(postgresql_url))
        assert status == 2
        postgresql_server.run_as_printed(output.partition("its own tool: ")[2])
    with postgresql_server.database(template="template1") as empty:
        postgresql_server.run_as_printed(f"pg_restore --dbname={empty} {copy}")
        with gunicorn(tmp_path, production(empty)) as restored:
            visitor.move_to(restored.port)
            assert "the GPT-4 chat profile" in visitor.get(f"/chats/{chat}").text
            assert visitor.start_chat().status == 200


def _start_chats(port: int, stop: threading.Event) -> None:
    visitor = RemoteVisitor(port)
    while not stop.is_set():
        assert visitor.start_chat().status == 200
