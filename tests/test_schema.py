"""Migrations and models say the same, and a start refuses what it cannot use (R70)."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from flask import Flask
from sqlalchemy import text

from tests.support.apps import AppMaker
from tests.support.people import Visitor
from webapp.config import Settings, StartupError
from webapp.database import db, maintenance_engine
from webapp.schema import SchemaState, _alembic_config, settle_schema, state_of, upgrade


def is_ours(name: str | None) -> bool:
    # The full-text indexes are made by hand: SQLite's is a virtual table with tables of its own,
    # PostgreSQL's has no counterpart in a model that serves both.
    return not (name or "").startswith(("search_words", "ix_search_entries_words"))


def stamp(url: str, revision: str) -> None:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.close()


def test_the_migrations_make_what_the_models_say(either_url: str) -> None:
    engine = maintenance_engine(Settings(database_url=either_url))
    with engine.connect() as connection:
        ours = {"compare_type": True, "include_name": lambda name, _, __: is_ours(name)}
        context = MigrationContext.configure(connection, opts=ours)
        assert compare_metadata(context, db.metadata) == []


def test_the_migrations_can_be_taken_back_and_made_again(either_url: str) -> None:
    settings = Settings(database_url=either_url)
    config = _alembic_config()
    with maintenance_engine(settings).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert state_of(settings) is SchemaState.EMPTY
    upgrade(settings)
    assert state_of(settings) is SchemaState.CURRENT


def test_an_empty_database_is_made_at_start(make_app: AppMaker, tmp_path: Path) -> None:
    make_app.database_url = f"sqlite:///{tmp_path / 'new' / 'chat.sqlite3'}"
    visitor = Visitor(make_app("simple.py"))
    assert visitor.get(visitor.start_chat("GPT-4")).status_code == 200


def test_an_old_schema_is_refused_with_the_command_to_run(
    make_app: AppMaker, sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        connection.execute("DELETE FROM alembic_version")
    connection.close()
    with pytest.raises(StartupError):
        make_app("simple.py")
    assert "chat-profiles db upgrade" in capsys.readouterr().err


def test_an_upgrade_refuses_tables_without_their_version(either_url: str) -> None:
    settings = Settings(database_url=either_url)
    with maintenance_engine(settings).begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
    with pytest.raises(StartupError, match="another program made them, or the mark was lost"):
        upgrade(settings)


def test_a_schema_from_a_newer_version_is_refused(make_app: AppMaker, sqlite_url: str) -> None:
    stamp(sqlite_url, "9999")
    with pytest.raises(StartupError, match="newer version"):
        make_app("simple.py")


def test_readyz_says_that_the_schema_is_old(simple_app: Flask, sqlite_url: str) -> None:
    client = simple_app.test_client()
    assert (client.get("/readyz").status_code, client.get("/readyz").text) == (200, "ready\n")
    stamp(sqlite_url, "9999")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "chat-profiles db upgrade" in answer.text


def test_settling_a_current_schema_changes_nothing(sqlite_url: str) -> None:
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    before = file.read_bytes()
    settle_schema(Settings(database_url=sqlite_url), upgrade_old=True)
    assert file.read_bytes() == before


def test_many_upgrades_at_once_make_one_schema(tmp_path: Path) -> None:  # R70
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'new' / 'chat.sqlite3'}")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: upgrade(settings), range(4)))
    assert state_of(settings) is SchemaState.CURRENT


def test_the_write_ahead_log_is_switched_on_with_the_schema(sqlite_url: str) -> None:  # R58
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_turns_come_to_chats_that_are_there_and_go_again(either_url: str) -> None:
    settings = Settings(database_url=either_url)
    _migrate(settings, "0001")
    with maintenance_engine(settings).begin() as connection:
        connection.execute(
            text(
                "INSERT INTO chats (id, owner, written, values_, created_at) "
                "VALUES (:id, 'user:a', :yes, '{}', '2026-01-02 03:04:05')".replace(
                    "values_", '"values"'
                )
            ),
            {"id": CHAT_ID, "yes": True},
        )
        connection.execute(
            text(
                "INSERT INTO messages (id, chat_id, sequence, kind, content, status, created_at) "
                "VALUES (:id, :chat, 1, 'user', 'Hello', 'complete', '2026-01-02 03:04:05')"
            ),
            {"id": MESSAGE_ID, "chat": CHAT_ID},
        )
    upgrade(settings)
    assert _found(settings, "SELECT active_at = created_at FROM chats") == [True]
    _migrate(settings, "0001")
    assert _found(settings, "SELECT content FROM messages") == ["Hello"]
    upgrade(settings)
    assert state_of(settings) is SchemaState.CURRENT


CHAT_ID = "0" * 31 + "1"
MESSAGE_ID = "0" * 31 + "2"


def _migrate(settings: Settings, revision: str) -> None:
    config = _alembic_config()
    with maintenance_engine(settings).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def _found(settings: Settings, statement: str) -> list[object]:
    with maintenance_engine(settings).connect() as connection:
        return list(connection.scalars(text(statement)))
