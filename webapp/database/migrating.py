"""What needs Alembic. A process that serves pages imports it only to make or upgrade the tables.

A migration has two parts. ``upgrade()`` changes tables, and is a transaction of milliseconds: it
adds what is new, and programs of the version before go on. ``prepare(steps)``, if there is one,
runs before it while others read and write: it makes indexes, and fills what earlier migrations have
added. It may be broken off at any place and run again. ``LOCKS`` names the older tables that
``upgrade()`` changes or refers to.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Executable, Row, TextClause, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import OperationalError

from webapp.resources import resource_folder

# Who comes after a statement that waits for a lock on a table waits as well, even to read. So such
# a statement waits for a moment, and is tried again.
WAIT_BRIEFLY = text("SET LOCAL lock_timeout = '200ms'")
PAUSE_SECONDS = (0.2, 0.6)
PATIENCE_SECONDS = 600.0


class Steps(Protocol):
    """What a migration can do before it changes tables."""

    def run(self, statement: Executable, values: Any = None) -> list[Row[Any]]:
        """Run a statement that is short, and return its rows."""

    def make_index(self, name: str, on: str) -> None:
        """Make an index, such as ``chats (owner, id)``, if it is not there."""

    def drop_index(self, name: str) -> None:
        """Drop an index if it is there."""


def run_migrations(connection: Connection, revision: str = "head") -> None:
    """Bring the tables behind ``connection`` to a version, in its transaction."""
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def migrate_in_transaction(connection: Connection, revisions: list[str]) -> None:
    """Migrate a database that has rows, in the caller's transaction."""
    steps = _StepsOfTransaction(connection)
    for revision in revisions:
        _prepare(revision, steps)
        run_migrations(connection, revision)


def migrate_in_steps(engine: Engine, revisions: list[str]) -> None:
    """Migrate a PostgreSQL database that has rows, while others read and write."""
    for revision in revisions:
        _prepare(revision, _StepsOfTheirOwn(engine))
        tables: list[str] = list(getattr(_module(revision), "LOCKS", ()))
        for attempt in _attempts():
            with attempt, engine.connect() as connection, connection.begin():
                connection.execute(WAIT_BRIEFLY)
                # All of them first. Halfway through, a writer could hold a table that is needed
                # next and wait for one that is changed already, and so could the writer after it.
                for table in tuple(tables):
                    # One that is not free comes first the next time, when no other is held.
                    tables.remove(table)
                    tables.insert(0, table)
                    connection.execute(
                        _with_names("LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE", table)
                    )
                config = alembic_config()
                config.attributes.update(connection=connection, makes_indexes_later=True)
                command.upgrade(config, revision)


def alembic_config() -> Config:
    """Return Alembic's settings, without a database."""
    config = Config()
    config.set_main_option("script_location", str(resource_folder("migrations")).replace("%", "%%"))
    return config


def _prepare(revision: str, steps: Steps) -> None:
    module = _module(revision)
    if hasattr(module, "prepare"):
        module.prepare(steps)


def _module(revision: str) -> Any:
    return ScriptDirectory.from_config(alembic_config()).get_revision(revision).module


class _StepsOfTransaction:
    """Steps in a transaction that has the database to itself."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def run(self, statement: Executable, values: Any = None) -> list[Row[Any]]:
        return _rows(self._connection, statement, values)

    def make_index(self, name: str, on: str) -> None:
        self._connection.execute(_with_names("CREATE INDEX IF NOT EXISTS {name} ON {on}", name, on))

    def drop_index(self, name: str) -> None:
        self._connection.execute(_with_names("DROP INDEX IF EXISTS {name}", name))


class _StepsOfTheirOwn:
    """Steps on PostgreSQL, each of which is a transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def run(self, statement: Executable, values: Any = None) -> list[Row[Any]]:
        rows: list[Row[Any]] = []
        for attempt in _attempts():
            with attempt, self._engine.connect() as connection, connection.begin():
                connection.execute(WAIT_BRIEFLY)
                rows = _rows(connection, statement, values)
        return rows

    def make_index(self, name: str, on: str) -> None:
        # An index that was broken off stays there, and is not used.
        is_broken = text(
            "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid"
        )
        if self.run(is_broken, {"name": name}):
            self.drop_index(name)
        make = "CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {on}"
        self._outside(_with_names(make, name, on))

    def drop_index(self, name: str) -> None:
        self._outside(_with_names("DROP INDEX CONCURRENTLY IF EXISTS {name}", name))

    def _outside(self, statement: TextClause) -> None:
        engine = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(statement)


def _rows(connection: Connection, statement: Executable, values: Any) -> list[Row[Any]]:
    result = connection.execute(statement, values)
    return list(result.all()) if result.returns_rows else []


def _with_names(statement: str, name: str, on: str = "") -> TextClause:
    # Both stand in a migration. No database takes names as parameters.
    return text(statement.replace("{name}", name).replace("{on}", on))


def _attempts() -> Iterator[Any]:
    """Yield contexts until one of them ends without waiting too long for a lock."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    done = False

    @contextmanager
    def attempt() -> Iterator[None]:
        nonlocal done
        try:
            yield
            done = True
        except OperationalError as error:
            # A lock was not free, or two waited for each other.
            waited = getattr(error.orig, "sqlstate", None) in ("55P03", "40P01")
            if not waited or time.monotonic() > give_up:
                raise
            time.sleep(random.uniform(*PAUSE_SECONDS))  # noqa: S311 - not a secret

    while not done:
        yield attempt()
