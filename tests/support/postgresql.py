"""A PostgreSQL server of the tests' own, from the system's packages."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from tests.support.ports import free_port
from tests.support.servers import children_of
from webapp.config.settings import Settings
from webapp.database.schema import upgrade

USER = "postgres"
# A server that is killed loses nothing of this; one whose machine is may.
OPTIONS = ("fsync=off", "full_page_writes=off", "autovacuum=off", "wal_level=minimal")
# What a test may have changed besides rows: tables, columns, triggers, and the schema's version.
SHAPE = """
    SELECT
        md5(string_agg(concat(relname, relkind, relnatts, relhastriggers), ',' ORDER BY relname)),
        (SELECT string_agg(version_num, ',') FROM alembic_version),
        (SELECT string_agg(oldest_program, ',') FROM schema_compatibility)
    FROM pg_class WHERE relnamespace = 'public'::regnamespace
"""
END_OTHER_CONNECTIONS = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid != pg_backend_pid()
"""
# Without the checks of foreign keys, so that the order does not matter.
DELETE_ALL_ROWS = """
    SET session_replication_role = replica;
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public'
            AND tablename NOT IN ('alembic_version', 'schema_compatibility')
        LOOP EXECUTE format('DELETE FROM %I', name); END LOOP;
        PERFORM setval(oid, 1, false) FROM pg_class WHERE relkind = 'S';
    END $$
"""


def find_postgresql() -> Path | None:
    """Return the folder with the newest ``initdb`` and ``pg_ctl``, or ``None``."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def find_pgbouncer() -> str | None:
    """Return the path of PgBouncer, or ``None``."""
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@dataclass(frozen=True)
class PgBouncer:
    """A running connection pooler."""

    port: int

    def url(self, url: str) -> str:
        """Return the URL of a database that is reached through the pooler."""
        through = make_url(url).set(host="127.0.0.1", port=self.port)
        return through.render_as_string(hide_password=False)

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until it takes connections."""
        while True:
            assert process.poll() is None, process.communicate()
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)


class PostgreSQLServer:
    """A running server with a template database that has the current schema."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self._numbers = count(1)
        self._shape: object = None
        self._emptied: list[str] = []

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[PostgreSQLServer]:
        """Start a server and stop it at the end."""
        # Not in pytest's own folder: that is closed to others, and the server refuses to run as
        # root.
        with (
            tempfile.TemporaryDirectory(prefix="chat-profiles-postgresql-") as name,
            cls._started_in(Path(name)) as server,
        ):
            yield server

    @classmethod
    @contextmanager
    def _started_in(cls, folder: Path) -> Iterator[PostgreSQLServer]:
        if os.geteuid() == 0:
            shutil.chown(folder, USER)
        server = cls(folder, free_port())
        server._run("initdb", "--auth=trust", f"--username={USER}", "--no-sync", "-D", "data")
        server.start()
        try:
            server._execute("CREATE DATABASE template_chat")
            upgrade(Settings(database_url=server.url("template_chat")))
            with server._connected("template_chat") as connection:
                server._shape = connection.execute(SHAPE).fetchone()
            yield server
        finally:
            server.stop()

    def start(self) -> None:
        """Start the server, on loopback only."""
        listening = f"-p {self._port} -k '' -c listen_addresses=127.0.0.1 -c max_wal_senders=0"
        options = " ".join([listening, *(f"-c {option}" for option in OPTIONS)])
        self._run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")

    def stop(self) -> None:
        """Stop the server at once."""
        self._run("pg_ctl", "-D", "data", "-w", "-m", "immediate", "stop")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop all processes of the server where they are, as a machine that hangs would."""
        first = int((self._folder / "data" / "postmaster.pid").read_text().split()[0])
        stopped = [first]
        try:
            # First the one that would start others, so that all of them are known.
            os.kill(first, signal.SIGSTOP)
            for process in children_of(first):
                with suppress(ProcessLookupError):  # one that was just ending
                    os.kill(process, signal.SIGSTOP)
                    stopped.append(process)
            yield
        finally:
            for process in stopped:
                os.kill(process, signal.SIGCONT)

    @contextmanager
    def pooled(self, *options: str) -> Iterator[PgBouncer]:
        """Start PgBouncer in transaction mode before the server, and stop it at the end."""
        pooler = PgBouncer(free_port())
        lines = [
            "[databases]",
            f"* = host=127.0.0.1 port={self._port} user={USER}",
            "[pgbouncer]",
            f"listen_addr = 127.0.0.1\nlisten_port = {pooler.port}\nunix_socket_dir =",
            "auth_type = any\npool_mode = transaction\ndefault_pool_size = 4",
            *options,
        ]
        file = self._folder / f"pgbouncer-{pooler.port}.ini"
        file.write_text("\n".join(lines))
        process = subprocess.Popen(
            [*_as_user(), find_pgbouncer() or "", "--quiet", str(file)], stderr=subprocess.PIPE
        )
        try:
            pooler.wait(process)
            yield pooler
        finally:
            process.kill()
            process.communicate()

    @staticmethod
    def run_as_printed(command: str) -> None:
        """Run a command line with the programs of this server's version."""
        program, *arguments = shlex.split(command)
        folder = find_postgresql()
        assert folder is not None
        subprocess.run([str(folder / program), *arguments], check=True, stdin=subprocess.DEVNULL)

    def url(self, database: str) -> str:
        """Return the URL of a database on this server."""
        return f"postgresql://{USER}:secret-in-the-dsn@127.0.0.1:{self._port}/{database}"

    @contextmanager
    def database(self, template: str = "template_chat") -> Iterator[str]:
        """Yield the URL of a fresh database, with the current schema unless told otherwise."""
        name = f"chat_{next(self._numbers)}"
        if template == "template_chat" and self._emptied:
            # A new name, so that nothing that an earlier test left behind can reach it.
            self._execute(f"ALTER DATABASE {self._emptied.pop()} RENAME TO {name}")
        else:
            self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            # Emptying one takes an eighth of what making one takes.
            if self._can_empty(name):
                self._emptied.append(name)
            else:
                self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _can_empty(self, name: str) -> bool:
        """Delete all rows of a database, and say whether it is like a fresh one by that."""
        try:
            with self._connected(name) as connection:
                connection.execute(END_OTHER_CONNECTIONS)
                if connection.execute(SHAPE).fetchone() != self._shape:
                    return False
                connection.execute(DELETE_ALL_ROWS)
        except psycopg.Error:
            return False
        return True

    def _connected(self, database: str) -> psycopg.Connection:
        return psycopg.connect(self.url(database), autocommit=True)

    def _execute(self, statement: str) -> None:
        with self._connected("postgres") as connection:
            connection.execute(statement.encode())

    def _run(self, program: str, *arguments: str) -> None:
        folder = find_postgresql()
        assert folder is not None
        command = [*_as_user(), str(folder / program), *arguments]
        result = subprocess.run(
            command,
            cwd=self._folder,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        assert result.returncode == 0, result.stdout


def _as_user() -> list[str]:
    as_user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
    return as_user if os.geteuid() == 0 else []


def _version(path: Path) -> int:
    name = path.parent.parent.name
    return int(name) if name.isdigit() else 0
