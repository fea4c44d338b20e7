"""A PostgreSQL server of the tests' own, from the system's packages."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

from tests.support.ports import free_port
from webapp.config import Settings
from webapp.database.schema import upgrade

USER = "postgres"


def find_postgresql() -> Path | None:
    """Return the folder with the newest ``initdb`` and ``pg_ctl``, or ``None``."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


class PostgreSQLServer:
    """A running server with a template database that has the current schema."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self._numbers = count(1)

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
            yield server
        finally:
            server.stop()

    def start(self) -> None:
        """Start the server, on loopback only."""
        options = f"-p {self._port} -k '' -c listen_addresses=127.0.0.1 -c fsync=off"
        self._run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")

    def stop(self) -> None:
        """Stop the server at once."""
        self._run("pg_ctl", "-D", "data", "-w", "-m", "immediate", "stop")

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
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self._execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _execute(self, statement: str) -> None:
        url = self.url("postgres")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def _run(self, program: str, *arguments: str) -> None:
        folder = find_postgresql()
        assert folder is not None
        as_user = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
        command = [*(as_user if os.geteuid() == 0 else []), str(folder / program), *arguments]
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


def _version(path: Path) -> int:
    name = path.parent.parent.name
    return int(name) if name.isdigit() else 0
