"""Migrations and models say the same, and a start refuses what it cannot use."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import text
from sqlalchemy.engine import Connection

from tests.cli_support import CommandLine
from tests.support.apps import AppMaker
from tests.support.history import OWNER, History
from tests.support.people import Visitor
from webapp.chats.search_index import index_pending
from webapp.config.settings import Settings
from webapp.config.startup_error import StartupError
from webapp.database.engines import db, maintenance_engine
from webapp.database.migrating import alembic_config
from webapp.database.schema import (
    SchemaState,
    known_revisions,
    read_schema_state,
    settle_schema,
    upgrade,
)


def is_ours(name: str | None) -> bool:
    # The full-text indexes are made by hand: SQLite's is a virtual table with tables of its own,
    # PostgreSQL's has no counterpart in a model that serves both.
    return not (name or "").startswith(("search_words", "ix_search_entries_words"))


def stamp(url: str, revision: str, oldest_program: str = "0005") -> None:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE schema_compatibility SET oldest_program = ?", (oldest_program,))
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.close()


def test_the_migrations_make_what_the_models_say(either_url: str) -> None:
    engine = maintenance_engine(Settings(database_url=either_url))
    with engine.connect() as connection:
        ours = {"compare_type": True, "include_name": lambda name, _, __: is_ours(name)}
        context = MigrationContext.configure(connection, opts=ours)
        assert compare_metadata(context, db.metadata) == []


def test_the_names_of_the_files_give_the_revisions_that_alembic_reads_in_them() -> None:
    scripts = ScriptDirectory.from_config(alembic_config()).walk_revisions()
    assert known_revisions() == [script.revision for script in scripts][::-1]


def test_the_migrations_can_be_taken_back_and_made_again(either_url: str) -> None:
    settings = Settings(database_url=either_url)
    config = alembic_config()
    with maintenance_engine(settings).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert read_schema_state(settings) is SchemaState.EMPTY
    upgrade(settings)
    assert read_schema_state(settings) is SchemaState.CURRENT


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


def test_a_newer_schema_that_works_with_this_program_is_used(
    make_app: AppMaker, sqlite_url: str, cli: CommandLine
) -> None:
    stamp(sqlite_url, "9999")
    visitor = Visitor(make_app("simple.py"))
    assert visitor.get(visitor.start_chat("GPT-4")).status_code == 200
    assert visitor.get("/readyz").text == "ready\n"
    assert cli("users", "list").exit_code == 0
    assert "works with it" in cli("db", "upgrade").output


def test_a_newer_schema_that_does_not_is_no_reason_to_exit(
    make_app: AppMaker, sqlite_url: str, cli: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    served = Visitor(make_app("simple.py"))
    path = served.start_chat("GPT-4")
    stamp(sqlite_url, "9999", oldest_program="9999")
    new = Visitor(make_app("simple.py"))
    assert "install that version" in capsys.readouterr().err
    assert new.get("/").status_code == 503
    answer = new.get("/readyz")
    assert (answer.status_code, "install that version" in answer.text) == (503, True)
    # A process that has served goes on.
    assert served.get(path).status_code == 200
    assert cli("db", "upgrade").exit_code != 0
    stamp(sqlite_url, known_revisions()[-1])
    assert new.get("/").status_code == 200


@pytest.mark.parametrize(
    ("revision", "advice"), [("9999", "install that version"), ("0002", "chat-profiles db backup")]
)
def test_readyz_gives_the_advice_that_helps(
    simple_app: Flask, sqlite_url: str, revision: str, advice: str
) -> None:
    client = simple_app.test_client()
    assert (client.get("/readyz").status_code, client.get("/readyz").text) == (200, "ready\n")
    stamp(sqlite_url, revision, oldest_program="9999")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert advice in answer.text


def test_settling_a_current_schema_changes_nothing(sqlite_url: str) -> None:
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    before = file.read_bytes()
    settle_schema(Settings(database_url=sqlite_url), upgrade_old=True)
    assert file.read_bytes() == before


def test_many_upgrades_at_once_make_one_schema(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'new' / 'chat.sqlite3'}")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: upgrade(settings), range(4)))
    assert read_schema_state(settings) is SchemaState.CURRENT


def test_the_write_ahead_log_is_switched_on_with_the_schema(sqlite_url: str) -> None:
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
    assert read_schema_state(settings) is SchemaState.CURRENT


def test_chats_that_are_there_get_titles_and_are_found(make_app: AppMaker, either_url: str) -> None:
    settings = Settings(database_url=either_url)
    _migrate(settings, "0002")
    _fill_old_chats(settings)
    upgrade(settings)
    make_app.database_url = either_url
    history = History(make_app("simple.py"))
    assert _found(settings, "SELECT title FROM chats ORDER BY id") == ["Newer", "Older one", None]
    assert history.found("said") == ["Newer", "Older one"]
    assert history.found("older greeting") == ["Older one"]
    assert history.found("error") == history.found("unwritten") == []
    assert history.matching_rows("wgreeting") == 1


def test_the_search_can_be_taken_back_and_made_again_with_what_is_there(
    make_app: AppMaker, either_url: str
) -> None:
    settings = Settings(database_url=either_url)
    _migrate(settings, "0002")
    _fill_old_chats(settings)
    make_app.database_url = either_url
    for _ in range(2):
        upgrade(settings)
        with make_app("simple.py").app_context():
            index_pending()
        # Two titles, two questions, two answers, and a greeting.
        assert _found(settings, "SELECT count(*) FROM search_entries") == [7]
        _migrate(settings, "0002")
    assert _found(settings, "SELECT count(*) FROM messages") == [8]


def test_many_old_chats_are_made_findable_in_steps(make_app: AppMaker, either_url: str) -> None:
    settings = Settings(database_url=either_url)
    _migrate(settings, "0002")
    with maintenance_engine(settings).begin() as connection:
        for number in range(1_201):
            said = [(1, "user", "found")]
            _insert_old_chat(connection, number, f"2026-01-02 03:04:{number % 60:02}", said)
    upgrade(settings)
    make_app.database_url = either_url
    with make_app("simple.py").app_context():
        assert index_pending() == 1_201
    assert _found(settings, "SELECT count(*) FROM search_entries") == [2_402]
    assert _found(settings, "SELECT count(*) FROM chats WHERE title = 'found'") == [1_201]


def _fill_old_chats(settings: Settings) -> None:
    with maintenance_engine(settings).begin() as connection:
        newer = [(1, "user", "\nNewer\nthing"), (2, "assistant", "said"), (3, "error", "error")]
        older = [(1, "assistant", "Older greeting"), (2, "user", "Older  one")]
        _insert_old_chat(connection, 1, "2026-01-02 03:04:06", newer)
        _insert_old_chat(connection, 2, "2026-01-02 03:04:05", [*older, (3, "assistant", "said")])
        unwritten = [(1, "assistant", "unwritten"), (2, "assistant", "")]
        _insert_old_chat(connection, 3, "2026-01-02 03:04:07", unwritten)


def _insert_old_chat(
    connection: Connection, number: int, at: str, said: list[tuple[int, str, str]]
) -> None:
    chat_id = f"{number:032x}"
    written = any(kind == "user" for _, kind, _ in said)
    row = {"id": chat_id, "owner": OWNER, "written": written, "at": at}
    connection.execute(
        text(
            'INSERT INTO chats (id, owner, written, "values", created_at, active_at) '
            "VALUES (:id, :owner, :written, '{}', :at, :at)"
        ),
        row,
    )
    for sequence, kind, content in said:
        message_id = f"{number:016x}{sequence:016x}"
        message = {"id": message_id, "chat": chat_id, "n": sequence, "kind": kind, "at": at}
        connection.execute(
            text(
                "INSERT INTO messages (id, chat_id, sequence, kind, content, status, created_at) "
                "VALUES (:id, :chat, :n, :kind, :content, 'complete', :at)"
            ),
            {**message, "content": content},
        )


CHAT_ID = "0" * 31 + "1"
MESSAGE_ID = "0" * 31 + "2"


def _migrate(settings: Settings, revision: str) -> None:
    config = alembic_config()
    with maintenance_engine(settings).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def _found(settings: Settings, statement: str) -> list[object]:
    with maintenance_engine(settings).connect() as connection:
        return list(connection.scalars(text(statement)))
