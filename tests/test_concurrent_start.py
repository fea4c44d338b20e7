"""Many workers that start at once on a database without a schema."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from tests.support.conversation import wait_until
from tests.support.postgresql import PostgreSQLServer
from tests.support.servers import gunicorn, production
from tests.support.wire import RemoteVisitor

pytestmark = pytest.mark.slow

ROUNDS = 2
WORKERS = 4
TABLES = {
    "accounts",
    "api_tokens",
    "alembic_version",
    "audit_entries",
    "chats",
    "feedback",
    "files",
    "login_attempts",
    "login_sessions",
    "messages",
    "preferences",
    "questions",
    "schema_compatibility",
    "search_entries",
    "setting_defaults",
    "shared_messages",
    "shares",
    "stored_files",
    "turns",
}


@pytest.fixture
def empty_postgresql_url(postgresql_server: PostgreSQLServer) -> Iterator[str]:
    """Return a PostgreSQL database without any table."""
    with postgresql_server.database() as url:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
        engine.dispose()
        yield url


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_four_workers_make_one_schema_on_sqlite(tmp_path: Path, round_: int) -> None:
    url = f"sqlite:///{tmp_path / 'instance' / 'chat.sqlite3'}"
    _start_and_use(tmp_path, url)
    assert _tables(url) == TABLES


@pytest.mark.postgresql
@pytest.mark.parametrize("round_", range(ROUNDS))
def test_four_workers_make_one_schema_on_postgresql(
    tmp_path: Path, empty_postgresql_url: str, round_: int
) -> None:
    _start_and_use(tmp_path, empty_postgresql_url)
    assert _tables(empty_postgresql_url) == TABLES


def test_sqlite_file_made_by_a_start_is_private_and_in_wal_mode(tmp_path: Path) -> None:
    file = tmp_path / "instance" / "chat.sqlite3"
    with gunicorn(tmp_path, production(f"sqlite:///{file}"), "--workers", "2"):
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.parent.stat().st_mode & 0o777 == 0o700
        assert file.read_bytes()[18:20] == b"\x02\x02"  # the header's mark of WAL


def _start_and_use(folder: Path, url: str) -> None:
    options = ("--workers", str(WORKERS), "--threads", "4")
    with gunicorn(folder, production(url), *options) as server:
        answers = [RemoteVisitor(server.port).start_chat() for _ in range(3 * WORKERS)]
        assert {answer.status for answer in answers} == {200}
        # The first worker answers before the last has started.
        wait_until(lambda: len(server.workers()) == WORKERS)
        wait_until(lambda: server.log.count("Booting worker") >= WORKERS)
        assert server.log.count("Booting worker") == WORKERS, server.log
        assert "Traceback" not in server.log


def _tables(url: str) -> set[str]:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.connect() as connection:
            revisions = connection.execute(text("SELECT version_num FROM alembic_version")).all()
            assert len(revisions) == 1
            names = inspect(connection).get_table_names()
            # The tables of SQLite's full-text index are its own business.
            return {name for name in names if not name.startswith("search_words")}
    finally:
        engine.dispose()
