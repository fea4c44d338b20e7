"""Real servers in processes of their own, on free ports of loopback."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tests.support.apps import APPS, SECRET
from tests.support.fork_server import ENTRY_POINT, ForkedProcess, can_fork, fork_server
from tests.support.ports import free_port

CHECKOUT = Path(__file__).parent.parent.parent
# How long anything may take on a machine that is busy with something else.
PATIENCE = 60.0


class Server:
    """A server process with its workers, and what it wrote to standard output and error."""

    def __init__(
        self, process: subprocess.Popen[bytes] | ForkedProcess, port: int, log_file: Path
    ) -> None:
        self.process = process
        self.port = port
        self._log_file = log_file

    @property
    def log(self) -> str:
        """Return everything that was written so far."""
        return self._log_file.read_text(errors="replace")

    def status(self, path: str, timeout: float = PATIENCE) -> int:
        """Return the status of a GET, or 0 when nobody answers."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, HTTPException):
            return 0
        finally:
            connection.close()

    def wait_for(self, path: str, status: int = 200, seconds: float = PATIENCE) -> None:
        """Wait until a GET of ``path`` has that status."""
        give_up = time.monotonic() + seconds
        while (seen := self.status(path)) != status:
            assert self.process.poll() is None, f"the server has ended:\n{self.log}"
            assert time.monotonic() < give_up, f"{path} answers {seen}:\n{self.log}"
            time.sleep(0.05)

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        return children_of(self.process.pid)

    def stop(self) -> None:
        """Ask the server to end, and end it and its workers if it does not."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE)


@contextmanager
def gunicorn(
    folder: Path, settings: Mapping[str, str], *options: str, fork: bool = True
) -> Iterator[Server]:
    """Yield gunicorn serving ``webapp:create_app()`` in ``folder``; it answers by then."""
    with running(gunicorn_command(*options), folder, settings, fork=fork) as server:
        server.wait_for("/healthz")
        yield server


@contextmanager
def waitress(
    folder: Path, settings: Mapping[str, str], *options: str, fork: bool = True
) -> Iterator[Server]:
    """Yield waitress serving ``webapp:create_app()`` in ``folder``; it answers by then."""
    with running(waitress_command(*options), folder, settings, fork=fork) as server:
        server.wait_for("/healthz")
        yield server


@contextmanager
def uwsgi(folder: Path, settings: Mapping[str, str], *without: str) -> Iterator[Server]:
    """Yield uWSGI serving ``chat_profiles:create_app()`` in ``folder``; it answers by then."""
    with running(uwsgi_command(*without), folder, settings, fork=False) as server:
        server.wait_for("/healthz")
        yield server


@contextmanager
def chat_profiles_run(
    folder: Path, app_file: Path, *options: str, **settings: str
) -> Iterator[Server]:
    """Yield ``chat-profiles run`` serving an app file in ``folder``; it answers by then."""
    arguments = ["run", str(app_file), "--port", "{port}", *options]
    with running(chat_profiles_command(*arguments), folder, settings) as server:
        server.wait_for("/healthz")
        yield server


def gunicorn_command(*options: str) -> list[str]:
    """Return the command line of gunicorn; without options it is the documented shape."""
    shape = options or ("--workers", "1", "--threads", "32")
    start = [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:{port}", "--no-control-socket"]
    return [*start, *shape, "webapp:create_app()"]


def waitress_command(*options: str) -> list[str]:
    """Return the command line of waitress."""
    start = [sys.executable, "-m", "waitress", "--listen", "127.0.0.1:{port}"]
    return [*start, *options, "--call", "webapp:create_app"]


def uwsgi_command(*without: str) -> list[str]:
    """Return the command line of uWSGI that the documentation gives, without some of its words."""
    text = (CHECKOUT / "docs/hosting.md").read_text()
    [line] = re.findall(r"^    (uwsgi (?:.*\\\n)*.*)", text, re.MULTILINE)
    line = line.replace("\\\n", "").replace("127.0.0.1:8000", "127.0.0.1:{port}")
    words = shlex.split(line)
    name, *options = [word for word in words if word not in without]
    return [str(Path(sys.executable).with_name(name)), *options]


def chat_profiles_command(*arguments: str) -> list[str]:
    """Return the command line of ``chat-profiles``."""
    return [sys.executable, "-c", ENTRY_POINT, *arguments]


@contextmanager
def running(
    command: Sequence[str], folder: Path, settings: Mapping[str, str], *, fork: bool = True
) -> Iterator[Server]:
    """Yield a server that was just started, and stop it at the end."""
    server = start(command, folder, settings, fork=fork)
    try:
        yield server
    finally:
        server.stop()
        sys.stdout.write(server.log[-20_000:])  # shown when the test fails


def start(
    command: Sequence[str], folder: Path, settings: Mapping[str, str], *, fork: bool = True
) -> Server:
    """Start ``command``, with a free port for ``{port}``, and return at once.

    Without ``fork`` its Python starts from nothing, for those who test that.
    """
    port = free_port()
    log_file = folder / f"server-{port}-{time.monotonic_ns()}.log"
    ready = [part.replace("{port}", str(port)) for part in command]
    # A process group of its own, so that workers never outlive the test.
    process: subprocess.Popen[bytes] | ForkedProcess
    with log_file.open("wb") as log, Path(os.devnull).open("rb") as nothing:
        if fork and can_fork(ready):
            files = (nothing, log, log)
            process = fork_server().start(ready[1:], folder, environment(settings), files)
        else:
            process = subprocess.Popen(
                ready,
                cwd=folder,
                env=environment(settings),
                stdin=nothing,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
    return Server(process, port, log_file)


def run(
    command: Sequence[str], folder: Path, settings: Mapping[str, str], seconds: float = 90.0
) -> tuple[int, str]:
    """Return the exit status and the output of a command that is expected to end by itself."""
    with running(command, folder, settings) as server:
        try:
            status = server.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds} s:\n{server.log}") from None
        return status, server.log


def production(database_url: str, app_file: str | Path = "simple.py") -> dict[str, str]:
    """Return the settings of a production site that answers on http://127.0.0.1."""
    return {
        "WEBAPP_CHAT": str(APPS / app_file),
        "WEBAPP_SECRET_KEY": SECRET,
        "WEBAPP_TRUSTED_HOSTS": "localhost,127.0.0.1",
        "WEBAPP_INSECURE_COOKIES": "true",
        "WEBAPP_DATABASE_URL": database_url,
        # All people of a test come from one address.
        "WEBAPP_STARTS_PER_ADDRESS": "100000",
        "WEBAPP_MESSAGES_PER_ADDRESS": "100000",
        "WEBAPP_TURNS_PER_ADDRESS": "100000",
    }


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with these settings and none of the caller's."""
    # A server that may not keep what it compiles takes half as long again to start.
    ours = ("WEBAPP_", "FLASK_", "GUNICORN_", "COVERAGE_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1", **settings}


def children_of(pid: int) -> list[int]:
    """Return the process ids of the children of a process (Linux)."""
    children: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that ends meanwhile
            children += map(int, task.read_text().split())
    return children
