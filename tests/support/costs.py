"""Counting what a request costs: in the database, in threads, and in bytes. No times."""

from __future__ import annotations

import asyncio
import gzip
import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Self

import psycopg
import pytest
from flask import Flask
from psycopg.pq import TransactionStatus
from sqlalchemy import Dialect, event
from werkzeug.test import TestResponse

from tests.support.conversation import wait_until
from tests.support.rows import pooled_connections_in_use
from webapp.database.engines import db, is_sqlite
from webapp.engine.keeper import Keeper
from webapp.testing.background import wait_for_background

_VERB = re.compile(r"\s*(\w+)")
_WRITING = re.compile(r"\b(INSERT|UPDATE|DELETE)\b")
_TRANSACTION = {"BEGIN", "COMMIT", "ROLLBACK"}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one request costs, with what it leaves to be done behind it.

    Parameters
    ----------
    statements:
        Those sent to the database, without the words around a transaction and without pragmas.
    begins, commits, rollbacks:
        The words around transactions.
    writes:
        Transactions that change something, statements on their own included.
    connections:
        How often a connection is taken out of the pool.
    loop_wakes, keeper_wakes:
        How often work is handed to the thread of the loop, and to that of the keeper.
    threads:
        Threads that are started.
    """

    statements: int = 0
    begins: int = 0
    commits: int = 0
    rollbacks: int = 0
    writes: int = 0
    connections: int = 0
    loop_wakes: int = 0
    keeper_wakes: int = 0
    threads: int = 0

    def changes(self, now: Cost) -> str:
        """Say what is more or less than this."""
        new = asdict(now)
        return "".join(f"\n  {k}: {v} -> {new[k]}" for k, v in asdict(self).items() if v != new[k])


@dataclass(frozen=True)
class Call:
    """Something that was sent to the database: by which connection and thread."""

    connection: int
    thread: str
    sql: str

    @property
    def verb(self) -> str:
        """Return its first word, in capitals."""
        found = _VERB.match(self.sql)
        return found[1].upper() if found else ""


class Meter:
    """Counts everything that an app does while it is `running`."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._counts: Counter[str] = Counter()
        self._runs = False

    @classmethod
    def on(cls, app: Flask, monkeypatch: pytest.MonkeyPatch) -> Self:
        """Return a meter on an app that has not connected to its database yet."""
        meter = cls()
        with app.app_context():
            engines = list(db.engines.values())
        connect_to = _connect_to_sqlite if is_sqlite(engines[0].url) else _connect_to_postgresql

        def connect(
            _dialect: Dialect, _entry: object, args: list[Any], given: dict[str, Any]
        ) -> Any:
            return connect_to(meter, *args, **given)

        for engine in engines:
            engine.dispose()
            event.listen(engine, "do_connect", connect)
            event.listen(engine, "checkout", lambda *_: meter.count("connections"))
        meter._count_calls(monkeypatch, asyncio.BaseEventLoop, "call_soon_threadsafe", "loop_wakes")
        meter._count_calls(monkeypatch, Keeper, "_wake", "keeper_wakes")
        meter._count_calls(monkeypatch, threading.Thread, "start", "threads")
        return meter

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count anew what is done in the block."""
        self._calls, self._counts, self._runs = [], Counter(), True
        try:
            yield
        finally:
            self._runs = False

    def note(self, connection: object, sql: str) -> None:
        """Note that a connection is sent a statement."""
        if self._runs:
            name = threading.current_thread().name
            self._calls.append(Call(id(connection), name, " ".join(sql.split())))

    def count(self, what: str) -> None:
        """Count something that has happened."""
        if self._runs:
            self._counts[what] += 1

    @property
    def cost(self) -> Cost:
        """Return what was counted in the block."""
        verbs = Counter(call.verb for call in self._calls)
        return Cost(
            statements=sum(n for verb, n in verbs.items() if verb not in {*_TRANSACTION, "PRAGMA"}),
            begins=verbs["BEGIN"],
            commits=verbs["COMMIT"],
            rollbacks=verbs["ROLLBACK"],
            writes=self._count_writes(),
            connections=self._counts["connections"],
            loop_wakes=self._counts["loop_wakes"],
            keeper_wakes=self._counts["keeper_wakes"],
            threads=self._counts["threads"],
        )

    @property
    def sent(self) -> str:
        """List what was sent to the database, and by which thread."""
        lines = (f"{n:3} {c.thread[:16]:16} {c.sql[:160]}" for n, c in enumerate(self._calls, 1))
        return "\n".join(lines)

    def _count_writes(self) -> int:
        open_since: dict[int, bool] = {}
        writes = 0
        for call in self._calls:
            is_writing = bool(_WRITING.search(call.sql))
            if call.verb == "BEGIN":
                open_since[call.connection] = False
            elif call.verb in {"COMMIT", "ROLLBACK"}:
                writes += open_since.pop(call.connection, False)
            elif call.connection in open_since:
                open_since[call.connection] |= is_writing
            else:
                writes += is_writing
        return writes

    def _count_calls(
        self, monkeypatch: pytest.MonkeyPatch, owner: type, name: str, what: str
    ) -> None:
        original = getattr(owner, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.count(what)
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, counted)


@contextmanager
def measured(app: Flask, meter: Meter) -> Iterator[None]:
    """Count what is done in the block, and what it leaves to be done until nothing is left."""
    settle(app)
    with meter.running():
        yield
        settle(app)


def settle(app: Flask) -> None:
    """Wait until a request has left nothing to be done."""
    wait_for_background()
    wait_until(lambda: not app.extensions["conversation"].keeper.count)
    wait_until(lambda: not pooled_connections_in_use(app))


def unpacked(response: TestResponse) -> str:
    """Return the HTML of an answer, which may have been packed for the wire."""
    packed = response.headers.get("Content-Encoding") == "gzip"
    return (gzip.decompress(response.data) if packed else response.data).decode()


def _connect_to_sqlite(meter: Meter, *args: Any, **given: Any) -> sqlite3.Connection:
    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, *values: Any) -> Self:
            meter.note(self.connection, sql)
            return super().execute(sql, *values)

        def executemany(self, sql: str, values: Any) -> Self:
            meter.note(self.connection, sql)
            return super().executemany(sql, values)

    class Connection(sqlite3.Connection):
        def cursor(self, *_: Any, **__: Any) -> Any:
            return super().cursor(Cursor)

        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            made: sqlite3.Cursor = self.cursor().execute(sql, *values)
            return made

        def commit(self) -> None:
            if self.in_transaction:
                meter.note(self, "COMMIT")
            super().commit()

        def rollback(self) -> None:
            if self.in_transaction:
                meter.note(self, "ROLLBACK")
            super().rollback()

    return sqlite3.connect(*args, **given, factory=Connection)


def _connect_to_postgresql(meter: Meter, *args: Any, **given: Any) -> psycopg.Connection:
    class Cursor(psycopg.Cursor[Any]):
        def execute(self, query: Any, *values: Any, **options: Any) -> Self:
            self._note(query)
            return super().execute(query, *values, **options)

        def executemany(self, query: Any, *values: Any, **options: Any) -> None:
            self._note(query)
            super().executemany(query, *values, **options)

        def _note(self, query: Any) -> None:
            assert isinstance(self.connection, Connection)
            self.connection.note_begin()
            meter.note(self.connection, str(query))

    class Connection(psycopg.Connection[Any]):
        has_begun = False

        def note_begin(self) -> None:
            # It is sent without a cursor, or by the driver with the first statement.
            begins = _status(self) != TransactionStatus.IDLE or not self.autocommit
            if begins and not self.has_begun:
                meter.note(self, "BEGIN")
            self.has_begun = begins

        def commit(self) -> None:
            self._note_end("COMMIT")
            super().commit()

        def rollback(self) -> None:
            self._note_end("ROLLBACK")
            super().rollback()

        def _note_end(self, word: str) -> None:
            if _status(self) != TransactionStatus.IDLE:
                self.note_begin()
                meter.note(self, word)
            self.has_begun = False

    return Connection.connect(*args, **given, cursor_factory=Cursor)


def _status(connection: psycopg.Connection[Any]) -> TransactionStatus:
    return connection.info.transaction_status
