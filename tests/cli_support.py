"""Calling `chat-profiles`, in this process and in one of its own, on a database of the test's."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner, Result
from flask import Flask
from flask.cli import ScriptInfo

from tests.support.fork_server import (
    ENTRY_POINT,
    ForkedProcess,
    can_fork,
    fork_server,
    that_keeps_bytecode,
)
from webapp.accounts.models import LoginAttempt, LoginSession
from webapp.accounts.throttle import username_key
from webapp.chats.models import Chat
from webapp.cli import admin_app, chat_profiles
from webapp.database.engines import close_connections, db, utc_now, write_session

CHECKOUT = Path(__file__).parent.parent
GOOD_PASSWORD = "violet tractor parade"
# argon2id, m=19456, t=2, p=1, of GOOD_PASSWORD.
READY_HASH = (
    "$argon2id$v=19$m=19456,t=2,p=1$x1n4zf8j+3/ReLFfkKsQhQ"
    "$MPXAZtzDvi6hwtwuU/pNXpuiNh9K+A4AVDELKvZQj74"
)


class CommandLine:
    """The command, in a folder of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url

    @property
    def file(self) -> Path:
        """Return the SQLite file."""
        return Path(self.url.removeprefix("sqlite:///"))

    def __call__(self, *arguments: str, stdin: str | bytes = "") -> Result:
        """Run a command in this process, and return its output and exit code."""
        info = ScriptInfo(create_app=admin_app, set_debug_flag=False)
        return CliRunner(env={"WEBAPP_DATABASE_URL": self.url}).invoke(
            chat_profiles,
            arguments,
            input=stdin,
            obj=info,
            prog_name="chat-profiles",
            catch_exceptions=False,
        )

    def ok(self, *arguments: str, stdin: str | bytes = "") -> str:
        """Run a command that must succeed, and return its standard output."""
        result = self(*arguments, stdin=stdin)
        assert result.exit_code == 0, result.output
        return result.stdout

    def refused(self, *arguments: str, stdin: str | bytes = "") -> str:
        """Run a command that must be refused with one line, changing nothing; return the line."""
        before = self.dump()
        result = self(*arguments, stdin=stdin)
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        assert result.stderr.startswith("Error: ")
        assert result.stderr.count("\n") == 1
        assert self.dump() == before
        return result.stderr

    def start(
        self, *arguments: str, code: str = "", **settings: str
    ) -> subprocess.Popen[str] | ForkedProcess:
        """Start a command in a process of its own; ``code`` runs before it."""
        command = [sys.executable, "-c", f"{code}\n{ENTRY_POINT}" if code else ENTRY_POINT]
        command += arguments
        environment = {
            **that_keeps_bytecode(os.environ),
            "PYTHONPATH": str(CHECKOUT),
            "WEBAPP_DATABASE_URL": self.url,
            **settings,
        }
        if can_fork(command):
            return fork_server().start_with_pipes(command[1:], self.folder, environment)
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def process(self, *arguments: str, stdin: str = "", **settings: str) -> tuple[int, str, str]:
        """Run a command in a process of its own; return exit code, standard output and error."""
        process = self.start(*arguments, **settings)
        out, err = process.communicate(stdin, timeout=60)
        return process.returncode, out, err

    def shell(self, line: str) -> tuple[int, str, str]:
        """Run a line of bash in which ``chat`` is the command; fails as any part of a pipe does."""
        script = f'set -o pipefail; chat() {{ "{sys.executable}" -m webapp.cli "$@"; }}; {line}'
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env={
                **that_keeps_bytecode(os.environ),
                "PYTHONPATH": str(CHECKOUT),
                "WEBAPP_DATABASE_URL": self.url,
                "WEBAPP_LOG_LEVEL": "ERROR",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    def add(self, username: str, password: str = GOOD_PASSWORD, *options: str) -> None:
        """Add a user."""
        self.ok("users", "add", username, "--password-stdin", *options, stdin=password)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return what a statement finds in the SQLite file, and commit."""
        with closing(sqlite3.connect(self.file)) as connection, connection:
            return connection.execute(sql, values).fetchall()

    def dump(self) -> list[str]:
        """Return everything that is stored, to see that nothing changed."""
        if not self.url.startswith("sqlite") or not self.file.exists():
            return []
        with closing(sqlite3.connect(self.file)) as connection:
            return list(connection.iterdump())

    @contextmanager
    def app(self) -> Iterator[Flask]:
        """Yield an app on the same database, within its context."""
        before = os.environ.get("WEBAPP_DATABASE_URL")
        os.environ["WEBAPP_DATABASE_URL"] = self.url
        try:
            app = admin_app()
        finally:
            if before is None:
                del os.environ["WEBAPP_DATABASE_URL"]
            else:
                os.environ["WEBAPP_DATABASE_URL"] = before
        with app.app_context():
            yield app
            db.session.remove()
            close_connections()

    def log_in(self, username: str, token: str = "", **columns: Any) -> str:
        """Store a login session of somebody, and return its id."""
        with self.app(), write_session() as session:
            row = LoginSession(
                token_hash=token or os.urandom(8).hex(), identifier=username, data={}, **columns
            )
            session.add(row)
            session.flush()
            return str(row.id)

    def store_chats(self, owner: str, count: int = 1) -> None:
        """Store chats of somebody."""
        with self.app(), write_session() as session:
            session.add_all(
                Chat(id=uuid.uuid4(), owner=owner, written=True, values={}, created_at=utc_now())
                for _ in range(count)
            )

    def fail_logins(self, username: str, times: int = 3) -> None:
        """Store failed logins of somebody."""
        with self.app(), write_session() as session:
            key = username_key(username)
            session.add_all(
                LoginAttempt(username_key=key, ip_key="198.51.100.7") for _ in range(times)
            )

    def session_count(self) -> int:
        """Return how many login sessions are stored."""
        return int(self.rows("SELECT count(*) FROM login_sessions")[0][0])


def all_commands(
    command: click.Command = chat_profiles, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command and group below ``command`` with its path."""
    yield path, command
    if isinstance(command, click.Group):
        for name, child in sorted(command.commands.items()):
            yield from all_commands(child, (*path, name))
