"""The database object, its engines, and transactions that read and write.

Use `read_connection` for one statement and `write_transaction` for changes: both are plain
connections, which cost least. Use `write_session` to change objects of the models, in commands and
seeds. Use `separate_session` to do that while the request's session must stay as it is.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, Dialect, Engine, TypeDecorator, create_engine, event
from sqlalchemy.engine import URL, Connection, ExceptionContext
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.orm.session import sessionmaker
from sqlalchemy.pool import NullPool

from webapp.authoring.text import clean_json
from webapp.config.secret_file import make_private_folder
from webapp.config.settings import Settings
from webapp.database.connections import (
    BUSY_MILLISECONDS,
    ONE_LOOK,
    WRITES,
    WriteQueue,
    follow_postgresql_rules,
    follow_sqlite_rules,
    replace_dead_connections,
)
from webapp.database.direct_connection import DirectConnection
from webapp.database.silence import watch_for_silence

# How long a health check tries to write, and the free disk space that it requires.
TRY_SECONDS = 1.0
LEAST_FREE_BYTES = 1024 * 1024
_FAILED_AT = "webapp_database_failed_at"
_FILE = "webapp_sqlite_file"
# The engine for single statements that read.
_READER = "webapp_reader"


class Base(DeclarativeBase):
    """The base of every model."""


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})

if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


class UTCDateTime(TypeDecorator[datetime]):
    """A time in UTC. It has a zone in Python and none in the database, as SQLite has no zones."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return value.replace(tzinfo=UTC) if value else None

    # SQLite has text, which SQLAlchemy makes and reads in a longer way.
    def bind_processor(self, dialect: Dialect) -> Any:
        return _to_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        is_sqlite = dialect.name == "sqlite"
        return _from_text if is_sqlite else super().result_processor(dialect, coltype)


def _to_text(value: datetime | None) -> str | None:
    return value.astimezone(UTC).isoformat(" ", "microseconds")[:-6] if value else None


def _from_text(value: str | None) -> datetime | None:
    return datetime.fromisoformat(f"{value}+00:00") if value else None


def utc_now() -> datetime:
    """Return the current time. The whole program uses this clock, so that tests can set it."""
    return datetime.now(UTC)


def engine_options(settings: Settings) -> dict[str, Any]:
    """Return the engine's options. What the host has set for SQLAlchemy wins."""
    own = dict(settings.flask.get("SQLALCHEMY_ENGINE_OPTIONS") or {})
    options: dict[str, Any] = {}
    if is_sqlite(settings.url):
        options = {"pool_size": 64, "max_overflow": 64}
    else:
        # No overflow: it would be closed after each use, and a new connection costs the server as
        # much as several messages.
        options = {"pool_size": settings.database_pool, "max_overflow": 0}
    options["pool_timeout"] = settings.database_timeout
    # The first free one is the last used. SQLite has the newest pages in it, and the others lie
    # idle.
    options["pool_use_lifo"] = True
    if "poolclass" in own or "pool" in own:
        # Another pool than SQLAlchemy's own may not know them.
        options.clear()
    # hide_parameters: no password or message may get into the log with an error.
    return {
        **options,
        "pool_recycle": -1 if is_sqlite(settings.url) else 1_800,
        "hide_parameters": True,
        "json_serializer": dump_json,
        **own,
        "connect_args": _connect_args(settings) | own.get("connect_args", {}),
    }


def engine_url(url: URL) -> URL:
    """Return the URL that connects without making a missing SQLite file."""
    file = sqlite_file(url)
    if file is None:
        return url
    # mode=rw: a missing database must be an error, not a new and empty one.
    return url.set(database=f"file:{quote(str(file))}", query={"mode": "rw", "uri": "true"})


def is_sqlite(url: URL) -> bool:
    """Return whether ``url`` names a SQLite database."""
    return url.get_backend_name() == "sqlite"


def sqlite_file(url: URL) -> Path | None:
    """Return the file of a SQLite database, or ``None`` for a server."""
    return Path(url.database).absolute() if is_sqlite(url) and url.database else None


def init_app(app: Flask, settings: Settings) -> None:
    """Give ``app`` its engine, without connecting to the database."""
    app.config["SQLALCHEMY_DATABASE_URI"] = engine_url(settings.url)
    options = engine_options(settings)
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    if is_sqlite(settings.url):
        # A pool of its own for reading. Then one connection does nearly all writing, and finds the
        # pages that it wrote last in its own memory: SQLite drops them after another has written.
        app.config["SQLALCHEMY_BINDS"] = {_READER: {"url": engine_url(settings.url), **options}}
    db.init_app(app)
    app.extensions[_FILE] = sqlite_file(settings.url)
    app.extensions["webapp_write_queue"] = (
        WriteQueue() if is_sqlite(settings.url) else nullcontext({})
    )
    # A pool replaces a dead connection without an error, so a process that sent no statement during
    # an outage learns of it only here. Weakly: Flask-SQLAlchemy keeps each engine for as long as
    # its app.
    weak_app = weakref.ref(app)

    def note_dead_connection() -> None:
        if app := weak_app():
            note_failure(app)

    def note_disconnect(context: ExceptionContext) -> None:
        if context.is_disconnect:
            note_dead_connection()

    with app.app_context():
        for engine in db.engines.values():
            if is_sqlite(settings.url):
                follow_sqlite_rules(engine, settings.sqlite_synchronous)
            else:
                watch_for_silence(engine, settings.database_timeout)
                follow_postgresql_rules(engine, settings.database_timeout)
                replace_dead_connections(engine, note_dead_connection)
            event.listen(engine, "handle_error", note_disconnect)
        reader = db.engines.get(_READER, db.engine)
        app.extensions[_READER] = reader.execution_options(**{ONE_LOOK: True})


def close_connections() -> None:
    """Close all connections of the current app that nobody uses."""
    for engine in db.engines.values():
        engine.dispose()


def note_failure(app: Flask) -> None:
    """Note that the database has just failed in this process."""
    app.extensions[_FAILED_AT] = time.monotonic()


def has_failed_recently(seconds: float) -> bool:
    """Return whether the database has failed in this process within the last ``seconds``."""
    failed_at: float = current_app.extensions.get(_FAILED_AT, float("-inf"))
    return time.monotonic() - failed_at < seconds


def maintenance_engine(settings: Settings) -> Engine:
    """Return an engine that keeps no connection, for migrations and backups.

    A missing SQLite file is made, readable by its owner only. Foreign keys are off: SQLite alters a
    table by copying it, and dropping the old table would delete the rows that refer to it.
    """
    url = settings.url
    if file := sqlite_file(url):
        try:
            make_private_folder(file.parent)
            os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            problem = f"{error.strerror}; check WEBAPP_DATABASE_URL"
            raise OSError(error.errno, problem, error.filename) from error
    engine = create_engine(
        engine_url(url),
        poolclass=NullPool,
        hide_parameters=True,
        connect_args=_connect_args(settings)
        # A pooler would give what is prepared here to others.
        | ({} if is_sqlite(url) else {"prepare_threshold": None}),
    )
    if file:
        follow_sqlite_rules(engine, settings.sqlite_synchronous, foreign_keys=False)
    return engine


@contextmanager
def write_session() -> Iterator[Session]:
    """Yield the request's session in a write transaction: all of the block is stored, or none.

    Use it to change objects of the models that the request or command has loaded. An open read
    transaction is ended first. SQLite begins with ``BEGIN IMMEDIATE``, since a transaction that
    turns from reading to writing fails at once if another process has written in between.
    """
    db.session.commit()
    with current_app.extensions["webapp_write_queue"] as turn:
        try:
            db.session.connection(execution_options=turn)
            yield db.session()
            db.session.commit()
        except BaseException:
            db.session.rollback()
            raise


@contextmanager
def separate_session() -> Iterator[Session]:
    """Yield a new session in a write transaction.

    Use it where the request's session must be neither committed nor rolled back, as for a sign-in
    attempt: it counts whatever becomes of the request.
    """
    with current_app.extensions["webapp_write_queue"] as turn:
        maker = sessionmaker(bind=db.engine.execution_options(**turn))
        with maker(expire_on_commit=False) as session, session.begin():
            yield session


def release_connection() -> None:
    """Give the request's connection back before something slow, such as an author's code."""
    # Most requests make no session. Committing an idle one would begin a transaction to end it.
    if db.session.registry.has() and db.session().in_transaction():
        db.session.commit()


@contextmanager
def read_connection() -> Iterator[Connection]:
    """Yield a connection for one statement that reads.

    Use it for what each request reads. The ORM's session costs more than the statement, and a
    single statement needs no transaction.
    """
    reader: Engine = current_app.extensions[_READER]
    with DirectConnection(reader) as connection:
        yield connection


@contextmanager
def write_transaction() -> Iterator[Connection]:
    """Yield a connection in a write transaction.

    Use it for what each request writes, with plain statements: the ORM's session costs as much as a
    flush of the disk. An open read transaction of the request's session is ended first.
    """
    release_connection()
    with (
        current_app.extensions["webapp_write_queue"] as turn,
        DirectConnection(db.engine) as connection,
    ):
        connection.execution_options(**turn)
        with connection.begin():
            yield connection


def try_to_write() -> None:
    """Try whether the database takes changes, without keeping one.

    Raises
    ------
    SQLAlchemyError
        The database is locked or read-only, or its disk is full.
    """
    with db.engine.connect() as connection:
        # Outside the queue of writers, since a health check must be quick.
        connection.execution_options(**{WRITES: time.monotonic() + TRY_SECONDS})
        with connection.begin() as transaction:
            # Any change would do. This table has one row.
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")
            transaction.rollback()
    # SQLite notices a full disk when it commits, which does not happen here.
    file: Path | None = current_app.extensions[_FILE]
    if file and shutil.disk_usage(file.parent).free < LEAST_FREE_BYTES:
        raise OperationalError("BEGIN IMMEDIATE", None, OSError("the disk is full"))


def dump_json(value: Any) -> str:
    """Return JSON that both databases can store."""
    return json.dumps(clean_json(value))


def _connect_args(settings: Settings) -> dict[str, Any]:
    if is_sqlite(settings.url):
        return {"timeout": BUSY_MILLISECONDS / 1_000, "check_same_thread": False}
    if "connect_timeout" in settings.url.query:
        return {}
    # The driver knows whole seconds, and at least two.
    return {"connect_timeout": max(2, round(settings.database_timeout))}
