"""Every statement of a request finds its rows by an index, so none gets slower with time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from flask import Flask
from sqlalchemy import event, text
from sqlalchemy.engine import Connection, make_url

from tests.cli_support import GOOD_PASSWORD, CommandLine
from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.exports import exported, imported
from tests.support.history import History
from tests.support.html import parse
from tests.support.people import Visitor
from tests.support.rows import column
from webapp.chats.tokenizer import Words, entry_words
from webapp.database.engines import db

SEEDED = """
    import webapp as cl

    cl.password_auth_callback(cl.seeded_user)

    @cl.on_chat_start
    def start():
        cl.Message("Hello").send()
"""
ECHO = """
    import webapp as cl

    @cl.on_message
    def answer(message):
        cl.Message("Answer to " + message.content).send()
"""
PLANNED = ("SELECT", "UPDATE", "DELETE", "WITH")

Plans = dict[str, list[str]]


@contextmanager
def plans(app: Flask) -> Iterator[Plans]:
    """Yield SQLite's plan for each statement that is run in the block, filled in at its end."""
    run: dict[str, Any] = {}
    found: Plans = {}
    with app.app_context():
        engines = list(db.engines.values())

    def note(_connection: Connection, _cursor: Any, sql: str, values: Any, *_: Any) -> None:
        if sql.startswith(PLANNED):
            run[sql] = values

    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield found
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)
    with engines[0].connect() as connection:
        for sql, values in run.items():
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all()
            found[sql] = [row[3] for row in rows]


# Steps that a plan calls a scan, and that read no more than they are told: a look into the
# full-text index by words (M), what other steps of the same plan have found, and an index of
# nothing but the chats that are still to be read.
BOUNDED = re.compile(
    r"SCAN (search_words VIRTUAL TABLE INDEX \d+:M|found$|by_chat$|first_question$|CONSTANT ROW$|"
    r"\(subquery-\d+\)$|chats USING INDEX ix_chats_unindexed$)"
)


def scans(found: Plans) -> dict[str, list[str]]:
    """Return the statements that read a whole table or a whole index."""
    return {sql: plan for sql, plan in found.items() if any(map(_is_scan, plan))}


def _is_scan(step: str) -> bool:
    return step.startswith("SCAN") and BOUNDED.match(step) is None


@pytest.fixture
def seeded(make_app: AppMaker, sqlite_url: str, tmp_path: Path) -> Flask:
    """Return an app whose only account is Alice's."""
    CommandLine(tmp_path, sqlite_url).add("alice")
    return make_app(SEEDED)


def use_everything(visitor: Visitor) -> None:
    assert visitor.post("/login", {"username": "alice", "password": "x"}).status_code == 401
    visitor.logged_in("alice", GOOD_PASSWORD)
    chat = visitor.start_chat()
    assert visitor.get(visitor.start_chat()).status_code == 200
    assert visitor.get(chat).status_code == 404
    assert visitor.get("/profiles").status_code == 200
    assert visitor.get("/readyz").status_code == 200
    assert visitor.post("/logout").status_code == 303


def start_as_a_stranger(visitor: Visitor) -> None:
    assert visitor.get(visitor.start_chat("GPT-4")).status_code == 200


def test_nothing_is_scanned_from_login_to_logout(seeded: Flask) -> None:
    with plans(seeded) as found:
        use_everything(Visitor(seeded))
    assert any("login_attempts" in sql for sql in found)
    assert any(sql.startswith("DELETE FROM chats") for sql in found)
    assert scans(_of_tables(found)) == {}


def test_nothing_is_scanned_for_a_visitor_without_login(simple_app: Flask) -> None:
    with plans(simple_app) as found:
        start_as_a_stranger(Visitor(simple_app))
    assert any(sql.startswith("DELETE FROM login_sessions") for sql in found)
    assert scans(_of_tables(found)) == {}


def test_nothing_is_scanned_for_what_is_said_and_searched(make_app: AppMaker) -> None:
    app = make_app(ECHO)
    chat = Chat(app)
    [owner] = column(app, "chats.owner")
    with plans(app) as found:
        chat.say("a needle").say("another needle")
        for profile, before in ((None, None), (None, 2**40), ("None such", None)):
            History(app).search("needle", owner=owner, profile=profile, before=before)
    assert any("search_words MATCH" in sql for sql in found)
    assert scans(_of_tables(found)) == {}


def test_a_look_into_all_of_the_full_text_index_would_be_noticed(simple_app: Flask) -> None:
    with plans(simple_app) as found, simple_app.app_context(), db.engine.connect() as connection:
        connection.exec_driver_sql("SELECT rowid FROM search_words")
    assert len(scans(_of_tables(found))) == 1


def test_nothing_is_scanned_for_exports_imports_and_links(make_app: AppMaker) -> None:
    app = make_app("simple.py", sharing="yes")
    visitor = Visitor(app)
    chat = visitor.start_chat("GPT-4")
    with plans(app) as found:
        imported(visitor, exported(visitor, chat))
        exported(visitor)
        assert visitor.post(f"{chat}/share").status_code == 303
        link = parse(visitor.get(f"{chat}/share").text).one(data_testid="share-link")["value"]
        assert visitor.get(link.removeprefix("http://localhost")).status_code == 200
        assert visitor.post(f"{chat}/unshare").status_code == 303
    assert any("FROM shares" in sql for sql in found)
    assert any("JOIN feedback" in sql for sql in found)
    assert scans(_of_tables(found)) == {}


def test_a_scan_would_be_noticed(simple_app: Flask) -> None:
    with plans(simple_app) as found, simple_app.app_context(), db.engine.connect() as connection:
        connection.exec_driver_sql("SELECT id FROM chats WHERE profile = 'GPT-4'")
    assert len(scans(_of_tables(found))) == 1


def _of_tables(found: Plans) -> Plans:
    # Which tables exist, and the one row that says which schema it is, are no growing tables.
    small = ("alembic_version", "sqlite_master")
    return {sql: plan for sql, plan in found.items() if not any(name in sql for name in small)}


OTHERS = 20_000
# What somebody else has said, with all words that are looked for. Neither chats nor messages are
# needed to be found in the index.
SAY_ELSEWHERE = """
    SET LOCAL session_replication_role = replica;
    INSERT INTO search_entries (chat_id, message_id, words)
    SELECT gen_random_uuid(), gen_random_uuid(), CAST(:words AS tsvector)
    FROM generate_series(1, :entries)
"""


@pytest.mark.postgresql
@pytest.mark.parametrize("query", ["needle", "need", "ne", "needle answer", "edle"])
def test_a_search_on_postgresql_reads_no_entries_of_others(
    make_app: AppMaker, postgresql_url: str, query: str
) -> None:
    make_app.database_url = postgresql_url
    app = make_app(ECHO)
    history = History(app)
    history.write("chat", *["a needle, and an answer"] * 5)
    dialect = make_url(postgresql_url).get_dialect()()
    said = entry_words("user:b", uuid4(), "a needle, and an answer")
    words = Words().process_bind_param(said, dialect)
    set_up, insert = SAY_ELSEWHERE.split(";")
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text(set_up))
        connection.execute(text(insert), {"words": words, "entries": OTHERS})
    with psycopg.connect(postgresql_url, autocommit=True) as server:
        # The database may have been another test's. Few dead rows are left in the index otherwise,
        # and each of them is read.
        server.execute("VACUUM (ANALYZE, INDEX_CLEANUP ON)")
    with app.app_context(), db.engine.connect() as connection:
        read = _rows_read(app, connection, lambda: history.search(query))
    # The entries of the one who asks, in the index and in each step after it.
    assert 0 < max(read) <= 5


def _rows_read(app: Flask, connection: Connection, act: Callable[[], object]) -> list[int]:
    """Return how many search entries each step of the statements of a search has read."""
    run: list[tuple[str, Any]] = []

    def note(_connection: Connection, _cursor: Any, sql: str, values: Any, *_: Any) -> None:
        if "search_entries" in sql and sql.startswith(PLANNED):
            run.append((sql, values))

    event.listen(db.engine, "before_cursor_execute", note)
    act()
    event.remove(db.engine, "before_cursor_execute", note)
    assert run
    found: list[int] = []
    for sql, values in run:
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}"
        [plan] = connection.exec_driver_sql(explain, values).scalar_one()
        found += _rows_of(plan["Plan"])
    return found


def _rows_of(step: dict[str, Any]) -> Iterator[int]:
    names = str(step.get("Index Name", "")) + str(step.get("Relation Name", ""))
    if "search_entries" in names:
        thrown = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
        yield step["Actual Rows"] + sum(step.get(name, 0) for name in thrown)
    for part in step.get("Plans", ()):
        yield from _rows_of(part)
