"""The watch over a PostgreSQL that has stopped answering.

A server that is frozen closes nothing, and its kernel still accepts connections. A statement would
wait for as long as that lasts. So a statement that has got no answer for a while asks the server on
another connection. A server that is only busy, or waits for a lock, answers there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

# The part of the timeout after which a silent server is asked on another connection.
PATIENCE = 0.6
# The driver takes no shorter timeout for connecting.
CONNECT_SECONDS = 2
# How long nobody tries again. A request may use the database several times, and each attempt would
# wait as long as the first.
PAUSE_SECONDS = 2.0
SILENT = "the database server does not answer, although its machine does"

Exchange = Generator[Any, Any, Any]


def watch_for_silence(engine: Engine, seconds: float) -> None:
    """Let no statement of ``engine`` wait for a silent server for longer than ``seconds``."""
    watch = SilenceWatch(engine.dialect.loaded_dbapi, seconds)

    @event.listens_for(engine, "do_connect")
    def begin(_dialect: Any, _entry: Any, args: list[Any], options: dict[str, Any]) -> None:
        watch.refuse_connection()
        watch.opened_with = (args, options)

    @event.listens_for(engine, "connect")
    def follow(connection: Any, _entry: Any) -> None:
        watch.follow(connection)

    @event.listens_for(engine, "handle_error")
    def note_timeout(context: ExceptionContext) -> None:
        if isinstance(context.original_exception, watch.driver.errors.ConnectionTimeout):
            watch.note_silence()


class SilenceWatch:
    """What the connections of an engine know about the silence of their server."""

    opened_with: tuple[list[Any], dict[str, Any]]

    def __init__(self, driver: Any, seconds: float) -> None:
        self.driver = driver
        self._patience = seconds * PATIENCE
        self._last_wait = seconds - self._patience
        self._silent_until = float("-inf")

    def note_silence(self) -> None:
        """Let nobody connect for a moment."""
        self._silent_until = time.monotonic() + PAUSE_SECONDS

    def refuse_connection(self) -> None:
        """Raise an error of the driver if the server was silent a moment ago."""
        if time.monotonic() < self._silent_until:
            raise self.driver.OperationalError(SILENT)

    def follow(self, connection: Any) -> None:
        """Let the statements of a connection fail when the server is silent."""

        def is_silent(since: float) -> bool:
            waited = time.monotonic() - since
            known = time.monotonic() < self._silent_until
            if known or (waited > self._patience and not self._answers_elsewhere()):
                self.note_silence()
                connection.close()
                return True
            return False

        self._watch_exchanges(connection, is_silent)

    def _answers_elsewhere(self) -> bool:
        args, options = self.opened_with
        soon = {"connect_timeout": CONNECT_SECONDS, "autocommit": True, "prepare_threshold": None}
        try:
            with self.driver.connect(*args, **{**options, **soon}) as other:
                self._watch_exchanges(
                    other, lambda since: time.monotonic() - since > self._last_wait
                )
                other.execute("SELECT 1")
        except self.driver.Error:
            return False
        return True

    def _watch_exchanges(self, connection: Any, is_silent: Callable[[float], bool]) -> None:
        wait = connection.wait

        def watched(exchange: Exchange) -> Exchange:
            silent_since = None
            try:
                state = next(exchange)
                while True:
                    # While nothing comes, the driver goes on ten times a second.
                    ready = yield state
                    if ready:
                        silent_since = None
                    elif silent_since is None:
                        silent_since = time.monotonic()
                    elif is_silent(silent_since):
                        raise self.driver.OperationalError(SILENT)
                    state = exchange.send(ready)
            except StopIteration as stop:
                return stop.value

        connection.wait = lambda exchange, *rest, **options: wait(
            watched(exchange), *rest, **options
        )
