"""The commands `chat-profiles db` and `chat-profiles secret`."""

from __future__ import annotations

import functools
import os
import shlex
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError

from webapp import site
from webapp.config.secret_file import make_private_folder, new_secret
from webapp.config.settings import Settings
from webapp.console import (
    BadInputError,
    CommandGroup,
    count_noun,
    database_problem,
    note,
    say,
    write_output,
)
from webapp.database.connections import BUSY_MILLISECONDS
from webapp.database.engines import is_sqlite, maintenance_engine, sqlite_file
from webapp.database.schema import (
    SCHEMA_PROBLEMS,
    UNMARKED,
    SchemaState,
    is_unmarked,
    read_schema_state,
    schema_state,
    settle_schema,
)

EXIT_PROBLEM = 1
STDIO = "-"
SHOWN_ROWS = 5
COPIED_BYTES = 1024 * 1024
UPGRADED = {
    SchemaState.EMPTY: "Made the tables.",
    SchemaState.OLD: "Upgraded the schema.",
    SchemaState.CURRENT: "The schema was up to date already.",
    SchemaState.AHEAD: "The schema is newer than this program, and works with it.",
}


@click.group("db", cls=CommandGroup, short_help="Upgrade, check, back up and restore the database.")
def database() -> None:
    """Upgrade, check, back up and restore the database.

    \b
    Example:
      chat-profiles db check
      chat-profiles db backup chat-backup.sqlite3
    """


@database.command(short_help="Bring the schema to this version.")
def upgrade() -> None:
    """Bring the schema to this version. Make a backup first.

    \b
    Example:
      chat-profiles db upgrade
    """
    settings = site.settings()
    before = read_schema_state(settings)
    settle_schema(settings, upgrade_old=True)
    say(UPGRADED[before])
    note(f"Database: {database_name(settings)}")


@database.command(short_help="Check the schema and the contents.")
def check() -> None:
    """Check the schema and the contents of the database. The exit code is 1 if there is a problem.

    \b
    Example:
      chat-profiles db check
    """
    settings = site.settings()
    problems = list(_find_problems(settings))
    for problem in problems:
        note(f"Problem: {problem}")
    for warning in find_readable_files(settings):
        note(f"Warning: {warning}")
    if problems:
        raise SystemExit(EXIT_PROBLEM)
    say("The database is in order: the schema is up to date, and its contents are complete.")
    note(f"Database: {database_name(settings)}")


@database.command(short_help="Copy a SQLite database.")
@click.argument("file")
def backup(file: str) -> None:
    """Copy the SQLite database to FILE (- for standard output). The site may be running.

    FILE must not exist. The files of chats are not in the database: copy their folder after it.

    \b
    Example:
      chat-profiles db backup chat-2026-11-23.sqlite3
      chat-profiles db backup - | gzip > chat.sqlite3.gz
    """
    settings = site.settings()
    source = sqlite_file(settings.url)
    if source is None:
        # Without --file it writes to standard output.
        options = [] if file == STDIO else [f"--file={file}"]
        options = ["--format=custom", *_server_options(settings), *options]
        pg_dump = shlex.join(["pg_dump", *options, settings.url.database or ""])
        raise BadInputError(
            f"the files of chats are not in the database, so also {_files_advice(settings)}; "
            f"for PostgreSQL use its own tool: {pg_dump}"
        )
    if not source.exists():
        raise BadInputError(f"there is no database at {source}")
    if file == STDIO:
        if sys.stdout is not None and sys.stdout.isatty():
            raise BadInputError("a database is not for a terminal; add > FILE, or name a file")
        # SQLite copies to files only. The folder is closed to other users.
        with TemporaryDirectory() as folder:
            copy = Path(folder) / "copy.sqlite3"
            _copy(source, copy)
            with copy.open("rb") as opened:
                write_output(iter(functools.partial(opened.read, COPIED_BYTES), b""))
        return
    with _write_privately(Path(file)) as copy:
        _copy(source, copy)
    say(f"Copied the database to {file}.")
    note(f"The files of chats are not in it. Now {_files_advice(settings)}.")


def _files_advice(settings: Settings) -> str:
    """Say how to back up the files of chats, after the database that names them."""
    folder = settings.files_folder
    if folder is None:
        return f"keep a copy of {settings.files_url} with the tools of your storage"
    return f"copy the folder {folder}, for example with rsync -a"


@database.command(short_help="Put a backup in the place of a SQLite database.")
@click.argument("file")
def restore(file: str) -> None:
    """Put the backup FILE (- for standard input) in the place of the SQLite database.

    Stop the site first. FILE is checked before anything is changed, and the database that was
    there is kept beside it under another name.

    \b
    Example:
      chat-profiles db restore chat-2026-11-23.sqlite3
      gunzip -c chat.sqlite3.gz | chat-profiles db restore -
    """
    settings = site.settings()
    target = sqlite_file(settings.url)
    if target is None:
        options = ["--clean", "--if-exists", *_server_options(settings)]
        options += [f"--dbname={settings.url.database or ''}"]
        pg_restore = shlex.join(["pg_restore", *options, *([] if file == STDIO else [file])])
        raise BadInputError(f"for PostgreSQL use its own tool: {pg_restore}")
    make_private_folder(target.parent)
    with TemporaryDirectory(dir=target.parent, prefix="restore-") as folder:
        given = Path(folder) / "given.sqlite3"
        if file == STDIO:
            given.write_bytes(sys.stdin.buffer.read())
        elif not Path(file).is_file():
            raise BadInputError(f"there is no file {file}")
        copy = Path(folder) / "copy.sqlite3"
        _copy((given if file == STDIO else Path(file)).absolute(), copy)
        copy.chmod(0o600)
        url = URL.create("sqlite", database=str(copy)).render_as_string()
        restored = replace(settings, database_url=url)
        for problem in _find_problems(restored):
            if problem != SCHEMA_PROBLEMS[SchemaState.OLD]:
                raise BadInputError(f"{file} was not restored: {problem}")
        is_old = read_schema_state(restored) is SchemaState.OLD
        kept = _move_aside(target)
        copy.rename(target)
    say(f"Restored the database from {file}.")
    if kept is not None:
        note(f"The database that was there is now {kept}. Remove it when you no longer need it.")
    if is_old:
        note("The schema is old: run `chat-profiles db upgrade` before you start the site.")
    note(f"Database: {target}")


def _server_options(settings: Settings) -> list[str]:
    # Without the password: PostgreSQL's tools ask for it, or find it in ~/.pgpass.
    url = settings.url
    parts = {"host": url.host, "port": url.port, "username": url.username}
    return [f"--{name}={value}" for name, value in parts.items() if value]


def _move_aside(file: Path) -> Path | None:
    """Give a database another name, and return that."""
    if not file.exists():
        return None
    now = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    kept = file.with_name(f"{file.stem}-before-restore-{now}{file.suffix}")
    try:
        with closing(sqlite3.connect(file, timeout=BUSY_MILLISECONDS / 1_000)) as connection:
            # What the log holds belongs to this file, and must not be applied to another one.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.DatabaseError:
        # It is damaged, or in use. Then the log is kept beside it.
        pass
    for ending in ("-wal", "-shm", ""):
        beside = file.with_name(file.name + ending)
        if beside.exists():
            beside.rename(kept.with_name(kept.name + ending))
    return kept


@click.command(short_help="Print a fresh secret for WEBAPP_SECRET_KEY.")
def secret() -> None:
    """Print a fresh secret for WEBAPP_SECRET_KEY.

    \b
    Example:
      export WEBAPP_SECRET_KEY=$(chat-profiles secret)
    """
    click.echo(new_secret())


def database_name(settings: Settings) -> str:
    """Return the file of the database, or its address without the password."""
    return str(sqlite_file(settings.url) or settings.url.render_as_string(hide_password=True))


def refuse_empty_database(settings: Settings) -> None:
    """Refuse a database without tables.

    Raises
    ------
    BadInputError
        The line names the database, and says what to do.
    """
    if read_schema_state(settings) is SchemaState.EMPTY:
        raise BadInputError(
            f"there is no database of a site at {database_name(settings)}; set "
            "WEBAPP_DATABASE_URL, run the command in the folder of the site, or make one with "
            "`chat-profiles db upgrade`"
        )


def _find_problems(settings: Settings) -> Iterator[str]:
    file = sqlite_file(settings.url)
    if file and not file.exists():
        yield f"there is no database at {file}; run `chat-profiles db upgrade`"
        return
    try:
        yield from find_schema_problems(settings)
        if not is_sqlite(settings.url):
            return
        with maintenance_engine(settings).connect() as connection:
            found = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
            loose = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if found != ["ok"]:
            first = "; ".join(found[:SHOWN_ROWS])
            yield f"the file is damaged ({first}); replace it with a backup"
        if loose:
            tables = ", ".join(sorted({row[0] for row in loose}))
            yield f"{count_noun(len(loose), 'row')} with missing parents (in {tables})"
    except DatabaseError as error:
        yield database_problem(error)


def find_schema_problems(settings: Settings) -> Iterator[str]:
    """Yield the problems with the tables of a database that exists."""
    with maintenance_engine(settings).connect() as connection:
        state = schema_state(connection)
        if is_unmarked(connection):
            yield UNMARKED
        elif not state.is_usable:
            yield SCHEMA_PROBLEMS[state]


def find_readable_files(settings: Settings) -> Iterator[str]:
    """Yield a warning for each file of the database that other users can read."""
    file = sqlite_file(settings.url)
    if file is None:
        return
    for path in (file, file.with_name(f"{file.name}-wal"), file.with_name(f"{file.name}-shm")):
        if path.exists() and path.stat().st_mode & 0o077:
            yield f"{path} can be read by other users of this machine; run `chmod 600 {path}`"


@contextmanager
def _write_privately(path: Path) -> Iterator[Path]:
    """Yield a path to write to. It becomes ``path`` when everything is written."""
    if path.exists():
        raise BadInputError(f"{path} exists already; choose another name")
    part = path.with_name(f"{path.name}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError as error:
        raise BadInputError(
            f"{part} is left from another backup; remove it if no backup is running"
        ) from error
    except OSError as error:
        # Name the folder: nobody has typed the name with .part.
        error.filename = str(path.parent)
        raise
    try:
        yield part
        part.rename(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _copy(source: Path, target: Path) -> None:
    # All pages in one step: a reader of the write-ahead log blocks nobody, while a copy in several
    # steps starts again whenever another process writes in between.
    timeout = BUSY_MILLISECONDS / 1_000
    try:
        with (
            closing(
                sqlite3.connect(f"{source.as_uri()}?mode=rw", uri=True, timeout=timeout)
            ) as old,
            closing(sqlite3.connect(target, timeout=timeout)) as new,
        ):
            old.backup(new)
            # The copy is one file, which needs no -wal beside it.
            new.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise BadInputError(f"the database could not be copied: {error}") from error
