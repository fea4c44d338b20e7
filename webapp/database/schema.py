"""The schema of the database: its state, and its upgrade."""

from __future__ import annotations

import re
import time
from enum import Enum

from sqlalchemy import Column, String, Table, inspect, select, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from webapp.config.settings import Settings
from webapp.config.startup_error import StartupError
from webapp.database.connections import WRITES
from webapp.database.engines import db, is_sqlite, maintenance_engine, sqlite_file
from webapp.resources import resource_folder

LOCK_KEY = 7_264_001  # any number will do, if all processes that upgrade use the same
WAL_SECONDS = 15.0
FIRST_TABLES = ("accounts", "chats", "login_attempts", "login_sessions", "messages")
# What the driver or the server says of an option of the URL. Waiting does not help against it.
WRONG_OPTION = re.compile(
    r"(?<!received )(invalid |bad value for |number of hosts and ports |definition of service "
    r"|unsupported startup parameter|unrecognized configuration parameter).*"
)
UNMARKED = (
    "the database has tables, but not the mark of the chat-profiles version that made them: "
    "another program made them, or the mark was lost; restore a backup, or name another "
    "database with WEBAPP_DATABASE_URL"
)


# Which programs work with the schema. A migration that only adds leaves it as it is. One that takes
# away what programs of earlier versions use writes its own revision here.
COMPATIBILITY = Table(
    "schema_compatibility", db.metadata, Column("oldest_program", String(32), primary_key=True)
)


class SchemaState(Enum):
    """How the database compares with this version of the program."""

    EMPTY = "empty"
    OLD = "old"
    CURRENT = "current"
    # Made by a newer version, which says that it works with this one as well.
    AHEAD = "ahead"
    UNKNOWN = "unknown"

    @property
    def is_usable(self) -> bool:
        """Return whether this program works with the database."""
        return self in (SchemaState.CURRENT, SchemaState.AHEAD)


SCHEMA_PROBLEMS = {
    SchemaState.EMPTY: "there are no tables yet; run `chat-profiles db upgrade`",
    SchemaState.OLD: "the schema is old; run `chat-profiles db backup FILE`, then `db upgrade`",
    SchemaState.UNKNOWN: "a newer version of chat-profiles made the schema; install that version",
}


class NewerSchemaError(StartupError):
    """A newer version has made the schema, and this program does not work with it."""


def schema_state(connection: Connection) -> SchemaState:
    """Return the state of the schema behind ``connection``."""
    tables = _table_names(connection)
    revision = _stored_revision(connection, tables)
    if revision is None:
        return SchemaState.OLD if "chats" in tables else SchemaState.EMPTY
    known = known_revisions()
    if revision == known[-1]:
        return SchemaState.CURRENT
    if revision in known:
        return SchemaState.OLD
    is_newer = revision.isdigit() and revision > known[-1]
    if not is_newer or COMPATIBILITY.name not in tables:
        return SchemaState.UNKNOWN
    oldest = connection.scalar(select(COMPATIBILITY))
    return SchemaState.AHEAD if oldest is None or oldest in known else SchemaState.UNKNOWN


def known_revisions() -> list[str]:
    """Return the revisions that this program knows, the oldest first.

    They are read from the names of the files, such as ``0001_first_tables.py``: Alembic, which
    would run the files, takes 10 MiB of every process.
    """
    folder = resource_folder("migrations") / "versions"
    return sorted(file.name.partition("_")[0] for file in folder.glob("[0-9]*_*.py"))


def is_unmarked(connection: Connection) -> bool:
    """Return whether tables with our names exist without the mark of their version."""
    tables = _table_names(connection)
    return not tables.isdisjoint(FIRST_TABLES) and _stored_revision(connection, tables) is None


def settle_schema(settings: Settings, *, upgrade_old: bool) -> None:
    """Make the schema of an empty database; upgrade an old one, or refuse it.

    Raises
    ------
    StartupError
        When the database is old and may not be upgraded here, or of unknown origin.
    NewerSchemaError
        When the database is newer than this program, and does not work with it.
    OperationalError
        When the database cannot be reached.
    """
    state = read_schema_state(settings)
    if not (state is SchemaState.OLD and upgrade_old):
        refuse_schema(state)
    if not state.is_usable:
        upgrade(settings)


def refuse_schema(state: SchemaState) -> None:
    """Refuse a schema that this program cannot use as it is.

    Raises
    ------
    StartupError
        The schema is older or newer.
    """
    if state is SchemaState.UNKNOWN:
        raise NewerSchemaError(
            "The database was made by a newer version of chat-profiles; install that version."
        )
    if state is SchemaState.OLD:
        raise StartupError(
            "The database has an older schema; make a copy with `chat-profiles db backup FILE`, "
            "then run `chat-profiles db upgrade`."
        )


def read_schema_state(settings: Settings) -> SchemaState:
    """Return the state of the configured database. A file that does not exist is empty."""
    file = sqlite_file(settings.url)
    if file and not file.exists():
        return SchemaState.EMPTY
    try:
        with maintenance_engine(settings).connect() as connection:
            return schema_state(connection)
    except (DBAPIError, ArgumentError) as error:
        reason = str(error.orig if isinstance(error, DBAPIError) else error)
        if is_sqlite(settings.url) or not (found := WRONG_OPTION.search(reason)):
            raise
        raise StartupError(
            f"WEBAPP_DATABASE_URL has a wrong option: {found[0]}. Correct it, or remove it."
        ) from error


def upgrade(settings: Settings) -> None:
    """Bring the schema to this version. Of several processes that try at once, one does it.

    On PostgreSQL, others read and write meanwhile.

    Raises
    ------
    StartupError
        When there are tables of unknown origin.
    """
    from webapp.database import migrating  # noqa: PLC0415 - Alembic: 10 MiB

    engine = maintenance_engine(settings)
    # Before anything is changed. Tables and their version are committed together, so no process
    # sees one without the other while another process makes them.
    with engine.connect() as connection:
        if is_unmarked(connection):
            raise StartupError(UNMARKED)
    if is_sqlite(settings.url):
        _switch_to_wal(engine)
    with engine.execution_options(**{WRITES: True}).connect() as connection, connection.begin():
        # SQLite: BEGIN IMMEDIATE has taken the lock already.
        if not is_sqlite(settings.url):
            # A transaction that waits for the others' steps holds up nobody.
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
        known = known_revisions()
        stored = _stored_revision(connection, _table_names(connection))
        revisions = known[known.index(stored) + 1 :] if stored in known else known
        if revisions == known_revisions():
            # Nobody uses an empty database. Its tables and their version come at once.
            migrating.run_migrations(connection)
        elif not is_sqlite(settings.url):
            migrating.migrate_in_steps(engine, revisions)
        else:
            migrating.migrate_in_transaction(connection, revisions)
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            if broken:
                problem = ValueError(f"{len(broken)} rows point nowhere")
                raise OperationalError("PRAGMA foreign_key_check", None, problem)


def _table_names(connection: Connection) -> set[str]:
    # In one look: another process may make all tables, with their version, between two looks.
    return set(inspect(connection).get_table_names())


def _stored_revision(connection: Connection, tables: set[str]) -> str | None:
    if "alembic_version" not in tables:
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _switch_to_wal(engine: Engine) -> None:
    # Once, when the schema is made: the file keeps the mode. Setting it on each connection fails
    # now and then with "database is locked", whatever the timeout.
    give_up = time.monotonic() + WAL_SECONDS
    while True:
        try:
            connection = engine.raw_connection()
            try:
                connection.cursor().execute("PRAGMA journal_mode = WAL")
            finally:
                connection.close()
        except Exception as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.05)
        else:
            return
