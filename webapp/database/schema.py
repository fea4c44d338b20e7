"""The schema of the database: its state, and its upgrade."""

from __future__ import annotations

import re
import time
from enum import Enum

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from webapp.config import Settings, StartupError
from webapp.database.connections import WRITES
from webapp.database.engines import is_sqlite, maintenance_engine, sqlite_file
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


class SchemaState(Enum):
    """How the database compares with this version of the program."""

    EMPTY = "empty"
    OLD = "old"
    CURRENT = "current"
    UNKNOWN = "unknown"


def schema_state(connection: Connection) -> SchemaState:
    """Return the state of the schema behind ``connection``."""
    tables = _table_names(connection)
    revision = _stored_revision(connection, tables)
    if revision is None:
        return SchemaState.OLD if "chats" in tables else SchemaState.EMPTY
    known = known_revisions()
    if revision == known[-1]:
        return SchemaState.CURRENT
    return SchemaState.OLD if revision in known else SchemaState.UNKNOWN


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
        When the database is old and may not be upgraded here, newer than this program, or of
        unknown origin.
    OperationalError
        When the database cannot be reached.
    """
    state = read_schema_state(settings)
    if not (state is SchemaState.OLD and upgrade_old):
        refuse_schema(state)
    if state is not SchemaState.CURRENT:
        upgrade(settings)


def refuse_schema(state: SchemaState) -> None:
    """Refuse a schema that this program cannot use as it is.

    Raises
    ------
    StartupError
        The schema is older or newer.
    """
    if state is SchemaState.UNKNOWN:
        raise StartupError(
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

    Raises
    ------
    StartupError
        When there are tables of unknown origin.
    """
    from webapp.database.migrating import run_migrations  # noqa: PLC0415 - Alembic: 10 MiB

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
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
        run_migrations(connection)
        if connection.dialect.name == "sqlite":
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
