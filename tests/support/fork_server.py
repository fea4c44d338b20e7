"""A fork server: it has imported the app, so a process of it starts at once.

A Python process needs about a second of a processor to import the app. The tests start some
hundreds, so those that do not test the start itself get theirs from here: a fork that never ran
anything, with its own session, folder, environment, arguments and files.
"""

from __future__ import annotations

import atexit
import fcntl
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

CHECKOUT = Path(__file__).parent.parent.parent
# Also what the app imports late: most processes of tests make tables or users.
# No servers: the app looks at what is imported to know which one it is in.
IMPORTED = (
    "confusable_homoglyphs.confusables",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
    "webapp",
    "webapp.cli",
    "webapp.database.migrating",
    "zxcvbn",
)
LONGEST_REQUEST = 1_000_000
# What can be started: the command's own entry point, and these as `python -m`.
ENTRY_POINT = "from webapp.cli import main; main()"
MODULES = ("flask", "gunicorn", "tests.support.writer", "waitress")


class ForkedProcess:
    """A process of the fork server, used as a `subprocess.Popen` is."""

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self.pid = pid
        self.returncode: int | Any = None  # `None` while it runs, as it is typed for Popen
        # Pipes, where they were asked for.
        self.stdin: IO[str] | None = None
        self.stdout: IO[str] | None = None
        self.stderr: IO[str] | None = None
        self._connection = connection

    def poll(self) -> int | None:
        """Return the exit status, or ``None`` while it runs."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end, and return the exit status."""
        if self.returncode is None:
            if not select.select([self._connection], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            told = self._connection.recv(100)
            assert told, "the fork server has ended"
            self.returncode = int(told)
            self._connection.close()
        return int(self.returncode)

    def communicate(self, text: str = "", timeout: float | None = None) -> tuple[str, str]:
        """Write ``text`` to its input, and return all that it writes until its end."""
        assert self.stdin
        assert self.stdout
        assert self.stderr
        with ThreadPoolExecutor(2) as pool:
            reading = [pool.submit(pipe.read) for pipe in (self.stdout, self.stderr)]
            with suppress(BrokenPipeError), self.stdin as pipe:
                pipe.write(text)
            self.wait(timeout)
            out, err = (text.result(timeout) for text in reading)
        self.stdout.close()
        self.stderr.close()
        return out, err

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The server, seen from the tests."""

    def __init__(self) -> None:
        self._connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours = {"PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1"}
        environment = {**that_keeps_bytecode(os.environ), **ours}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.fork_server", str(theirs.fileno())],
                cwd=CHECKOUT,
                env=environment,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def start(
        self,
        arguments: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        files: tuple[IO[bytes] | int, IO[bytes] | int, IO[bytes] | int],
    ) -> ForkedProcess:
        """Start ``python *arguments``; ``files`` are its standard input, output and error."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        numbers = [file if isinstance(file, int) else file.fileno() for file in files]
        request = [list(arguments), str(folder), dict(environment)]
        with theirs:
            socket.send_fds(
                self._connection, [json.dumps(request).encode()], [theirs.fileno(), *numbers]
            )
        return ForkedProcess(ours, int(ours.recv(100)))

    def start_with_pipes(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> ForkedProcess:
        """Start ``python *arguments`` with a pipe for each of its standard streams."""
        (stdin, ours_in), (ours_out, stdout), (ours_err, stderr) = (os.pipe() for _ in range(3))
        theirs = (stdin, stdout, stderr)
        try:
            process = self.start(arguments, folder, environment, theirs)
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        process.stdin = os.fdopen(ours_in, "w", encoding="utf-8")
        process.stdout = os.fdopen(ours_out, encoding="utf-8")
        process.stderr = os.fdopen(ours_err, encoding="utf-8")
        return process

    def stop(self) -> None:
        """End the server; what it has started goes on."""
        self._connection.close()
        self._process.wait()


@functools.cache
def fork_server() -> ForkServer:
    """Return the fork server of this test process, started when it is first needed."""
    server = ForkServer()
    atexit.register(server.stop)
    return server


def that_keeps_bytecode(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which what is compiled may be kept; that halves a start."""
    return {n: value for n, value in environment.items() if n != "PYTHONDONTWRITEBYTECODE"}


def can_fork(command: Sequence[str]) -> bool:
    """Say whether the fork server can start ``command``."""
    if not hasattr(os, "pidfd_open") or command[0] != sys.executable:
        return False
    entry_point = command[1:3] == ["-c", ENTRY_POINT]
    # The reloader starts the command line once more, which is not a fork's.
    return (entry_point and "--reload" not in command) or (
        command[1] == "-m" and command[2] in MODULES
    )


@dataclass(frozen=True)
class _Request:
    arguments: list[str]
    folder: str
    environment: dict[str, str]
    files: list[int]

    def take_over(self) -> None:
        """Make this process what was asked for."""
        os.setsid()
        for number, file in enumerate(self.files):
            os.dup2(file, number)
            os.close(file)
        if os.isatty(0):
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        os.environ.clear()
        os.environ.update(self.environment)
        os.chdir(self.folder)
        # As Python's own start: `-c` looks in the working directory, whichever that is.
        sys.path[0] = "" if self.arguments[0] == "-c" else self.folder

    def run(self) -> None:
        kind, what, *rest = self.arguments
        sys.argv = [kind, *rest] if kind == "-c" else [what, *rest]
        if kind == "-c":
            importlib.import_module("webapp.cli").main()
        else:
            runpy.run_module(what, run_name="__main__", alter_sys=True)


def _wait_for_requests(control: socket.socket) -> _Request | None:
    """Fork for each request; return it in the child, and ``None`` when the tests are over."""
    # By the file descriptor of each child: whom to tell of its end, and which child it is.
    running: dict[int, tuple[socket.socket, int]] = {}
    while True:
        waiting: list[socket.socket | int] = [control, *running]
        ready, _, _ = select.select(waiting, [], [])
        for descriptor in ready:
            if isinstance(descriptor, int):
                connection, pid = running.pop(descriptor)
                status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                os.close(descriptor)
                with connection:
                    _tell(connection, status)
                continue
            message, descriptors, _, _ = socket.recv_fds(control, LONGEST_REQUEST, 4)
            if not message:
                return None
            connection, *files = socket.socket(fileno=descriptors[0]), *descriptors[1:]
            pid = os.fork()
            if pid == 0:
                for open_one in (control, connection, *(pair[0] for pair in running.values())):
                    open_one.close()
                for open_descriptor in running:
                    os.close(open_descriptor)
                arguments, folder, environment = json.loads(message)
                return _Request(arguments, folder, environment, files)
            for file in files:
                os.close(file)
            running[os.pidfd_open(pid)] = connection, pid
            _tell(connection, pid)


def _tell(connection: socket.socket, number: int) -> None:
    try:
        connection.send(str(number).encode())
    except OSError:  # whoever asked has gone
        return


def _main() -> None:
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()
    request = _wait_for_requests(socket.socket(fileno=int(sys.argv[1])))
    if request is not None:
        request.take_over()
        # From here on it ends as any Python does: with its threads, exit status and traceback.
        request.run()


if __name__ == "__main__":
    _main()
