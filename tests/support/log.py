"""Reading the log as whoever collects it would: line by line."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from webapp.web.log import JSONFormatter


class LogReader(logging.Handler):
    """Keeps each line that the app logs."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(JSONFormatter())
        self.lines: list[str] = []

    @classmethod
    @contextmanager
    def attached(cls, *names: str) -> Iterator[LogReader]:
        """Yield a reader that listens to the loggers called ``names``."""
        reader = cls()
        for name in names:
            logging.getLogger(name).addHandler(reader)
        try:
            yield reader
        finally:
            for name in names:
                logging.getLogger(name).removeHandler(reader)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(self.format(record))

    @property
    def text(self) -> str:
        """Return everything that was logged."""
        return "\n".join(self.lines)

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """Return the logged events called ``name``, or all."""
        read = [json.loads(line) for line in self.lines]
        return [event for event in read if name in (None, event["event"])]

    def wait_for(self, name: str, seconds: float = 60.0) -> None:
        """Wait for an event of the background."""
        give_up = time.monotonic() + seconds
        while not self.events(name):
            assert time.monotonic() < give_up, f"no event {name}: {self.lines}"
            time.sleep(0.02)

    def one(self, name: str) -> dict[str, Any]:
        """Return the only event called ``name``."""
        found = self.events(name)
        assert len(found) == 1, f"{len(found)} events {name}: {self.lines}"
        return found[0]
