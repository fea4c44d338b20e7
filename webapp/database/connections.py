"""The rules for each connection to SQLite or PostgreSQL."""

from __future__ import annotations

import os
import random
import select
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Generator
from sqlite3 import Connection as SQLiteConnection
from typing import Any, Literal, cast
from urllib.parse import unquote

from sqlalchemy import Engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DisconnectionError, InvalidatePoolError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_MILLISECONDS = 5_000
# The pause between two attempts to take SQLite's write lock from another process.
PAUSE_SECONDS = (0.000_5, 0.003)
# How long a connection to PostgreSQL may lie unused before it has to answer a question first.
TRUSTED_SECONDS = 1.0
# What the driver waits for: that the server has sent something.
READABLE = 1
# Execution options of a transaction: the time until which it tries to write, or that it is a
# single statement.
WRITES = "webapp_writes"
ONE_LOOK = "webapp_one_look"


class WriteQueue:
    """Lets the writers of one process into SQLite one at a time.

    A lock passes from writer to writer at once, while SQLite's own lock has to be tried again and
    again. Both waits together take at most `BUSY_MILLISECONDS`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        if hasattr(os, "register_at_fork"):
            # Weakly: a registered function stays until the process ends, and would keep the queue.
            replace_lock = weakref.WeakMethod(self._replace_lock)
            os.register_at_fork(after_in_child=lambda: (alive := replace_lock()) and alive())

    def __enter__(self) -> dict[str, float]:
        """Return the execution options of the transaction, with the time when it gives up."""
        give_up = _when_to_give_up()
        if not self._lock.acquire(timeout=BUSY_MILLISECONDS / 1_000):
            raise OperationalError("BEGIN IMMEDIATE", None, TimeoutError("the writers are stuck"))
        return {WRITES: give_up}

    def __exit__(self, *exc_info: object) -> None:
        self._lock.release()

    def _replace_lock(self) -> None:
        # A fork copies the lock as it is, and a thread that does not exist here may hold it.
        self._lock = threading.Lock()


def follow_sqlite_rules(engine: Engine, synchronous: str, *, foreign_keys: bool = True) -> None:
    """Make every connection of ``engine`` safe and durable on SQLite."""
    file = unquote(str(engine.url.database).removeprefix("file:"))

    @event.listens_for(engine, "connect")
    def set_up(connection: SQLiteConnection, entry: ConnectionPoolEntry) -> None:
        # The driver begins transactions too late and loses updates, so SQLAlchemy begins them.
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA foreign_keys = {'ON' if foreign_keys else 'OFF'}")
        if connection.execute("PRAGMA foreign_keys").fetchone() != (int(foreign_keys),):
            raise RuntimeError("this SQLite was built without foreign keys; install another one")
        entry.info["inode"] = _inode(file)
        entry.info["waits"] = True

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get(WRITES):
            _begin_to_write(connection, options[WRITES])
        elif ONE_LOOK not in options:
            _wait_when_busy(connection, True)
            connection.exec_driver_sql("BEGIN")

    @event.listens_for(engine, "checkout")
    def refuse_replaced_file(
        _connection: SQLiteConnection, entry: ConnectionPoolEntry, _proxy: object
    ) -> None:
        # After a restore the old file still exists without a name. Writes to it would be lost.
        if entry.info["inode"] != _inode(file):
            raise DisconnectionError("the database file was replaced")


def follow_postgresql_rules(engine: Engine, seconds: float) -> None:
    """Let no connection of ``engine`` wait for a lock for longer than ``seconds``.

    A single statement that reads begins no transaction, and so needs none ended: both would be
    waits for the server.
    """
    milliseconds = round(seconds * 1_000)

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, entry: ConnectionPoolEntry) -> None:
        connection.autocommit = True
        # A statement, since connection poolers refuse start-up options. A pooler tells its clients
        # a process id of its own, and gives the session to others, who must not get the limit.
        limit = """
            SELECT pg_backend_pid(), CASE WHEN pg_backend_pid() = %s
                THEN set_config('lock_timeout', %s, false) END
        """
        own_pid = connection.info.backend_pid
        found = connection.execute(limit, [own_pid, str(milliseconds)]).fetchone()
        entry.info["begin"] = b"BEGIN"
        if found[0] != own_pid:
            # A pooler such as PgBouncer gives each transaction another session, which knows neither
            # the statements that were prepared in this one nor its settings.
            connection.prepare_threshold = None
            entry.info["begin"] = f"BEGIN; SET LOCAL lock_timeout = {milliseconds}".encode()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if ONE_LOOK not in connection.get_execution_options():
            _begin_on_server(connection)


def replace_dead_connections(engine: Engine, note_dead_connection: Callable[[], None]) -> None:
    """Let the pool of ``engine`` give out no connection that its server has closed."""

    @event.listens_for(engine, "checkin")
    def note_use(_connection: Any, entry: ConnectionPoolEntry) -> None:
        entry.info["used_at"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def refuse_dead(connection: Any, entry: ConnectionPoolEntry, _proxy: object) -> None:
        used_at = entry.info.get("used_at")
        if used_at is None:
            return
        try:
            if time.monotonic() - used_at < TRUSTED_SECONDS and hasattr(select, "poll"):
                # A server that ends a session says so, and nothing else is unread now.
                socket = select.poll()
                socket.register(connection.fileno(), select.POLLIN)
                if not socket.poll(0):
                    return
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            note_dead_connection()
            # All connections of the pool are as old, so they are replaced too.
            raise InvalidatePoolError("the server has closed the connection") from error


def _when_to_give_up() -> float:
    return time.monotonic() + BUSY_MILLISECONDS / 1_000


def _begin_to_write(connection: Connection, give_up: float | Literal[True]) -> None:
    # SQLite waits longer after each attempt, so one of two busy processes starves for seconds.
    # Short pauses of random length are fair to both (benchmarks/writers.py).
    until = _when_to_give_up() if give_up is True else give_up
    raw = _wait_when_busy(connection, False)
    while (problem := _try_to_begin(raw)) == sqlite3.SQLITE_BUSY and time.monotonic() < until:
        time.sleep(random.uniform(*PAUSE_SECONDS))  # noqa: S311 - not a secret
    if problem:
        # Once more, so that the failure is an error of SQLAlchemy, which callers handle.
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _wait_when_busy(connection: Connection, waits: bool) -> SQLiteConnection:
    """Let SQLite itself wait for a lock, or not; return the driver's connection."""
    pooled = connection.connection
    raw = cast(SQLiteConnection, pooled.dbapi_connection)
    # Only on a change: the connection that writes is nearly always the same one.
    if pooled.info["waits"] != waits:
        raw.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS if waits else 0}")
        pooled.info["waits"] = waits
    return raw


def _try_to_begin(raw: SQLiteConnection) -> int:
    """Return SQLite's code for what went wrong, or 0."""
    try:
        raw.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        return error.sqlite_errorcode & 0xFF
    return 0


def _begin_on_server(connection: Connection) -> None:
    pooled = connection.connection
    raw = cast(Any, pooled.dbapi_connection)
    try:
        # Not by a cursor, which takes as long again as the statement.
        has_begun = raw.wait(_exchange(raw.pgconn, pooled.info["begin"]))
    except connection.dialect.loaded_dbapi.Error:
        has_begun = False
    if not has_begun:
        raw.close()
        # So that the failure is an error of SQLAlchemy, which callers handle.
        connection.exec_driver_sql("BEGIN")


def _exchange(server: Any, statements: bytes) -> Generator[int, int, bool]:
    """Send statements, and return whether all of them succeeded; the driver waits in between."""
    server.send_query(statements)
    while server.is_busy():
        if (yield READABLE):
            server.consume_input()
    results = iter(server.get_result, None)
    return not any(result.error_message for result in results)


def _inode(file: str) -> int | None:
    try:
        return os.stat(file).st_ino  # noqa: PTH116 - at every checkout, where a Path costs too much
    except FileNotFoundError:
        return None
