"""One asyncio loop per process, in a thread of its own, started when it is first needed."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from contextvars import Context
from typing import Any

# How long a loop may be silent, after a call on it was not ended in time.
STUCK_SECONDS = 10.0

logger = logging.getLogger("webapp")


class ProcessLoop:
    """An event loop that survives from request to request.

    Author coroutines share it, so an HTTP client made at the top of an app file keeps working;
    a loop per request breaks about half of such calls. It starts lazily because servers fork
    after loading the app, and threads do not survive a fork; a forked child starts its own.

    It also survives what is done on it: an exit in a task does not end it, and one that is
    blocked for good is left to itself and replaced.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid: int | None = None
        self._silent_since: float | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def submit(self, coroutine: Coroutine[Any, Any, Any], context: Context) -> Future[Any]:
        """Run ``coroutine`` on the loop, with the variables of ``context`` and no others.

        Started from the caller's own context, the coroutine would inherit the request and with
        it the database session, which must not be used from a second thread.
        """
        return context.run(asyncio.run_coroutine_threadsafe, coroutine, self._running_loop())

    def cancel(self, future: Future[Any]) -> None:
        """Cancel what was submitted, once it has begun.

        A coroutine that is cancelled before its first step never runs, and so says nothing of its
        end to whoever waits for that. On a loop that was busy, the first step comes in between.
        """
        loop = self._running_loop()
        loop.call_soon_threadsafe(loop.call_soon, future.cancel)

    def suspect(self) -> None:
        """Check whether the loop is blocked: it has not ended a call whose time was up."""
        with self._lock:
            loop = self._loop
            if loop is None or loop.is_closed() or self._silent_since is not None:
                return
            self._silent_since = time.monotonic()
            loop.call_soon_threadsafe(self._is_alive, loop)

    def _is_alive(self, loop: asyncio.AbstractEventLoop) -> None:
        # A loop that comes back after it was replaced proves nothing about its successor.
        if self._loop is loop:
            self._silent_since = None

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            loop, silent = self._loop, self._silent_since
            is_ours = loop is not None and self._pid == os.getpid() and not loop.is_closed()
            is_stuck = silent is not None and time.monotonic() - silent >= STUCK_SECONDS
            if loop is not None and is_ours and not is_stuck:
                return loop
            if loop is not None and is_ours:
                logger.error("loop.replaced", extra={"fields": {"silent_seconds": STUCK_SECONDS}})
                # If it comes back one day, it ends.
                loop.call_soon_threadsafe(loop.stop)

            self._loop = loop = asyncio.new_event_loop()
            self._pid = os.getpid()
            self._silent_since = None
            threading.Thread(
                target=self._keep_running, args=[loop], name="webapp-loop", daemon=True
            ).start()
            return loop

    def _keep_running(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._loop is loop and not loop.is_closed():
            try:
                loop.run_forever()
            except (SystemExit, KeyboardInterrupt) as error:
                # asyncio lets these out of any task; every other chat needs the loop.
                logger.error("loop.exit_in_a_task", exc_info=error)
        # Nobody waits for the tasks that are left, but their `finally` blocks still run.
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        try:
            if tasks:
                loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        finally:
            loop.close()

    def _forget(self) -> None:
        # The parent may have held the lock while it forked.
        self._lock = threading.Lock()
        self._loop = None


# The one deliberate state of this module: there is one loop per process by definition.
process_loop = ProcessLoop()
