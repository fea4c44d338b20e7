"""A command in a terminal of its own, which is read and typed into."""

from __future__ import annotations

import os
import pty
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.cli_support import CHECKOUT, CommandLine
from tests.support.fork_server import ENTRY_POINT, ForkedProcess, fork_server


class Terminal:
    """Somebody who reads what a command shows, and answers."""

    def __init__(self, process: ForkedProcess, descriptor: int) -> None:
        self._process = process
        self._descriptor = descriptor
        self.shown = ""

    @classmethod
    @contextmanager
    def running(cls, cli: CommandLine, *arguments: str) -> Iterator[Terminal]:
        """Yield a terminal in which ``chat-profiles`` runs with ``arguments``."""
        descriptor, theirs = pty.openpty()
        environment = {**os.environ, "WEBAPP_DATABASE_URL": cli.url, "PYTHONPATH": str(CHECKOUT)}
        process = fork_server().start(
            ["-c", ENTRY_POINT, *arguments], cli.folder, environment, (theirs, theirs, theirs)
        )
        os.close(theirs)
        try:
            yield cls(process, descriptor)
        finally:
            os.close(descriptor)

    def answer(self, question: str, text: str) -> None:
        """Wait until the last thing shown is ``question``, and type a line."""
        while not self.shown.rstrip().endswith(question):
            self._read()
        os.write(self._descriptor, f"{text}\n".encode())
        self.shown += "|"

    def interrupt(self, question: str) -> None:
        """Wait until the last thing shown is ``question``, and press Ctrl+C."""
        while not self.shown.rstrip().endswith(question):
            self._read()
        os.write(self._descriptor, b"\x03")

    def end(self) -> int:
        """Read to the end, and return the exit code."""
        # Linux ends a terminal that nobody has open any more with an error.
        with suppress(OSError):
            while self._read():
                pass
        return self._process.wait()

    def _read(self) -> bytes:
        data = os.read(self._descriptor, 1_000)
        self.shown += data.decode(errors="replace").replace("\r\n", "\n")
        return data
