"""An upgrade on PostgreSQL: others read and write meanwhile, and it can be broken off."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import event, inspect
from sqlalchemy.engine import Engine, ExceptionContext

from webapp.config.settings import Settings
from webapp.database import migrating
from webapp.database.engines import maintenance_engine
from webapp.database.migrating import alembic_config
from webapp.database.schema import SchemaState, read_schema_state, upgrade

pytestmark = [pytest.mark.postgresql, pytest.mark.slow]

CHATS, MESSAGES = 2_000, 10
FILL = f"""
    INSERT INTO chats (id, owner, written, values, profile, created_at)
    SELECT md5('chat' || n)::uuid, 'user:' || n % 100, true, '{{}}', 'Quick', '2026-01-02'
    FROM generate_series(1, {CHATS}) n;
    INSERT INTO messages (id, chat_id, sequence, kind, content, status, created_at)
    SELECT md5(n || '-' || m)::uuid, md5('chat' || n)::uuid, m,
        CASE WHEN m % 2 = 1 THEN 'user' ELSE 'assistant' END, 'Question ' || n, 'complete',
        '2026-01-02'
    FROM generate_series(1, {CHATS}) n, generate_series(1, {MESSAGES}) m;
"""
# What a process of the version before does all the time. A statement that waits for a lock for
# longer fails. How long it takes itself depends on the machine.
BRIEFLY = "SET LOCAL lock_timeout = 1000;"
READ = "SELECT count(*) FROM chats WHERE owner = 'user:1';"
WRITE_CHAT = "UPDATE chats SET written = true WHERE id = md5('chat1')::uuid;"
WRITE_MESSAGE = "UPDATE messages SET status = 'complete' WHERE id = md5('1-1')::uuid;"
# The tables that an upgrade has locked against writers, and the one it waits for.
LOCKS_OF_UPGRADE = """
    SELECT array_agg(relation::regclass::text) FILTER (WHERE granted),
        array_agg(relation::regclass::text) FILTER (WHERE NOT granted)
    FROM pg_locks WHERE locktype = 'relation' AND relation >= 16384
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND mode IN ('ShareRowExclusiveLock', 'AccessExclusiveLock')
"""
ALL_INDEXES = """
    SELECT indexname FROM pg_indexes JOIN pg_index ON indexrelid = indexname::regclass
    WHERE schemaname = 'public' AND indisvalid ORDER BY indexname
"""


@pytest.fixture
def old(postgresql_url: str) -> Settings:
    """Return the settings of a database as the first version has left it."""
    settings = Settings(database_url=postgresql_url)
    config = alembic_config()
    with maintenance_engine(settings).begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
    with psycopg.connect(postgresql_url) as filling:
        filling.execute(FILL.encode())
    return settings


def test_readers_and_writers_go_on_while_the_schema_is_upgraded(
    old: Settings, postgresql_url: str
) -> None:
    with _at_work(postgresql_url) as failures:
        upgrade(old)
    assert failures == []
    assert read_schema_state(old) is SchemaState.CURRENT
    with psycopg.connect(postgresql_url) as connection:
        counts = """
            SELECT count(*) FILTER (WHERE title LIKE 'Question %' AND unindexed_from = 0
                AND active_at = created_at) FROM chats
            UNION ALL SELECT count(*) FILTER (WHERE profile = 'Quick') FROM messages
        """
        assert connection.execute(counts).fetchall() == [(CHATS,), (CHATS * MESSAGES,)]


def test_an_upgraded_schema_has_the_indexes_of_a_fresh_one(
    old: Settings, postgresql_url: str
) -> None:
    upgrade(old)
    with psycopg.connect(postgresql_url) as connection:
        upgraded = connection.execute(ALL_INDEXES.encode()).fetchall()
        template = postgresql_url.rpartition("/")[0] + "/template_chat"
    with psycopg.connect(template) as connection:
        assert connection.execute(ALL_INDEXES.encode()).fetchall() == upgraded


def test_an_upgrade_waits_for_a_lock_in_short_pieces(old: Settings, postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url) as holder:
        holder.execute("SELECT count(*) FROM chats")
        thread = threading.Thread(target=upgrade, args=(old,))
        thread.start()
        # While the upgrade waits for the holder, others are not held up.
        with _at_work(postgresql_url) as failures:
            time.sleep(2)
        assert thread.is_alive()
        holder.commit()
    thread.join()
    assert failures == []
    assert read_schema_state(old) is SchemaState.CURRENT


def test_an_upgrade_that_waits_for_a_table_holds_no_other(
    old: Settings, postgresql_url: str
) -> None:
    with psycopg.connect(postgresql_url) as holder:
        holder.execute("UPDATE messages SET status = 'complete' WHERE sequence = 1")
        thread = threading.Thread(target=upgrade, args=(old,))
        thread.start()
        with psycopg.connect(postgresql_url, autocommit=True) as observer:
            give_up = time.monotonic() + 60
            while observer.execute(LOCKS_OF_UPGRADE).fetchone() != (None, ["messages"]):
                assert time.monotonic() < give_up
                time.sleep(0.01)
        holder.commit()
    thread.join()
    assert read_schema_state(old) is SchemaState.CURRENT


@pytest.mark.parametrize("writes", [WRITE_CHAT + WRITE_MESSAGE, WRITE_MESSAGE + WRITE_CHAT])
def test_an_upgrade_gets_its_turn_beside_writers_that_never_pause(
    old: Settings, postgresql_url: str, writes: str
) -> None:
    waits: list[str] = []

    def note(context: ExceptionContext) -> None:
        waits.append(str(context.original_exception))

    event.listen(Engine, "handle_error", note)
    try:
        with _at_work(postgresql_url, writes, pause=0) as failures:
            upgrade(old)
    finally:
        event.remove(Engine, "handle_error", note)
    assert failures == []
    assert read_schema_state(old) is SchemaState.CURRENT
    # A hundred, if the upgrade waits for one table while it holds another.
    assert len(waits) <= 40, waits


def test_each_migration_names_the_tables_that_it_locks(old: Settings) -> None:
    config = alembic_config()
    revisions = list(ScriptDirectory.from_config(config).walk_revisions())
    for revision in reversed(revisions[:-1]):
        with maintenance_engine(old).begin() as connection:
            tables = set(inspect(connection).get_table_names())
            config.attributes.update(connection=connection, makes_indexes_later=True)
            command.upgrade(config, revision.revision)
            held = connection.exec_driver_sql(LOCKS_OF_UPGRADE).one()[0] or []
        assert tables & set(held) == set(getattr(revision.module, "LOCKS", ())), revision


def test_an_upgrade_that_was_broken_off_is_run_again(
    old: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patches:
        patches.setattr(migrating._StepsOfTheirOwn, "drop_index", break_off)
        with pytest.raises(KeyboardInterrupt):
            upgrade(old)
    assert read_schema_state(old) is SchemaState.OLD
    upgrade(old)
    assert read_schema_state(old) is SchemaState.CURRENT


@contextmanager
def _at_work(
    url: str, statements: str = READ + WRITE_CHAT + WRITE_MESSAGE, pause: float = 0.005
) -> Iterator[list[str]]:
    """Read and write all the time, and yield what went wrong."""
    failures: list[str] = []
    stop = threading.Event()

    def work() -> None:
        with psycopg.connect(url) as connection:
            while not stop.wait(pause):
                try:
                    connection.execute((BRIEFLY + statements).encode())
                    connection.commit()
                except psycopg.Error as error:
                    connection.rollback()
                    failures.append(str(error))

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        yield failures
    finally:
        stop.set()
        for worker in workers:
            worker.join()
