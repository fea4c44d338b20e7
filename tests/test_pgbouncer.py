"""PgBouncer in transaction mode between the app and PostgreSQL: each transaction may be given
another session of the server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests.cli_support import CommandLine
from tests.support.postgresql import PgBouncer, PostgreSQLServer
from tests.support.servers import gunicorn, production
from tests.support.wire import RemoteVisitor
from webapp.config.settings import Settings
from webapp.database.schema import SchemaState, read_schema_state, upgrade

pytestmark = [pytest.mark.postgresql, pytest.mark.slow]

VISITORS, MESSAGES = 8, 12


def test_every_message_is_answered(
    tmp_path: Path, postgresql_url: str, pgbouncer: PgBouncer
) -> None:
    settings = production(pgbouncer.url(postgresql_url), "talker.py")
    with gunicorn(tmp_path, settings, "--workers", "2", "--threads", "16") as server:
        with ThreadPoolExecutor(VISITORS) as pool:
            seen = [each for all_of in pool.map(_talk, [server.port] * VISITORS) for each in all_of]
        assert seen == [200] * VISITORS * (MESSAGES + 2)
        assert server.status("/readyz") == 200


def test_the_commands_work_through_it(
    tmp_path: Path, postgresql_server: PostgreSQLServer, pgbouncer: PgBouncer
) -> None:
    with postgresql_server.database(template="template1") as url:
        settings = Settings(database_url=pgbouncer.url(url))
        # Several times: what is prepared in one session of the server is there for the next client.
        for _ in range(3):
            upgrade(settings)
            assert read_schema_state(settings) is SchemaState.CURRENT
        command = CommandLine(tmp_path, pgbouncer.url(url))
        for number in range(8):
            command.add(f"user{number}")
        assert "user7" in command("users", "list").output
        assert command("purge").exit_code == 0
        with psycopg.connect(pgbouncer.url(url), prepare_threshold=None) as connection:
            assert connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (
                0,
            )


def test_a_process_opens_few_connections(tmp_path: Path, postgresql_url: str) -> None:
    with gunicorn(tmp_path, production(postgresql_url, "talker.py")) as server:
        with ThreadPoolExecutor(VISITORS) as pool:
            list(pool.map(_talk, [server.port] * VISITORS))
        with psycopg.connect(postgresql_url) as connection:
            count = "SELECT count(*) - 1 FROM pg_stat_activity WHERE datname = current_database()"
            found = connection.execute(count).fetchone()
    assert found is not None
    assert 1 <= found[0] <= Settings.database_pool


def _talk(port: int) -> list[int]:
    visitor = RemoteVisitor(port)
    visitor.get("/")
    start = visitor.post("/chats", htmx=True)
    path = f"/chats/{start.chat_id}"
    said = []
    for number in range(MESSAGES):
        form = {"content": f"echo number {number}", "key": str(uuid4())}
        said.append(visitor.post(f"{path}/messages", form, htmx=True).status)
    return [start.status, *said, visitor.get(path).status]
