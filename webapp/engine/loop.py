"""One asyncio loop per process, with a thread of its own, started when it is first needed."""

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

from webapp.authoring.context import make_task
from webapp.engine.pausing_loop import PausingLoop

# How long a loop may be silent, after a call on it was not ended in time.
STUCK_SECONDS = 10.0

BLOCKS = (
    "run_sync was called below an async def, so all other async callbacks of this process wait for "
    "it. Await the coroutine, or call the plain function with make_async."
)

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
        # How often another thread has handed something to the loop's thread, for tests.
        self.handovers = 0
        self._lock = threading.Lock()
        self._current: PausingLoop | None = None
        self._pid: int | None = None
        # Each runs what the one before it waits for.
        self._aside: list[asyncio.AbstractEventLoop] = []
        self._silent_since: float | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def submit(self, coroutine: Coroutine[Any, Any, Any], context: Context) -> Future[Any]:
        """Run ``coroutine`` on the loop, with the variables of ``context`` and no others.

        Started from the caller's own context, the coroutine would inherit the request and with
        it the database session, which must not be used from a second thread.
        """
        return self._hand_over(self._working_loop(), coroutine, context)

    def run_here(self, coroutine: Coroutine[Any, Any, Any], context: Context) -> Future[Any]:
        """Run ``coroutine`` on the loop, in this thread for as long as it need not wait.

        A coroutine that need not wait at all costs no wake-up of another thread. If the loop is
        busy, this is `submit`. A coroutine that blocks holds up this thread.
        """
        current = self._working_loop()
        task = current.visit(coroutine, context)
        if task is None:
            return self._hand_over(current, coroutine, context)
        if not task.done():
            # In no context of the task's: it may be running in that already.
            return self._hand_over(current, _wait_for(task), Context())
        future: Future[Any] = Future()
        if task.cancelled():
            future.cancel()
            future.set_running_or_notify_cancel()
        elif error := task.exception():
            future.set_exception(error)
        else:
            future.set_result(task.result())
        return future

    @property
    def is_held_up(self) -> bool:
        """Return whether the caller runs on a loop of ours, which waits as long as it does."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            return False
        return running in self._aside or (
            self._current is not None and running is self._current.loop
        )

    def submit_aside(self, coroutine: Coroutine[Any, Any, Any], context: Context) -> Future[Any]:
        """Run ``coroutine`` for a plain function that waits for it, called in an ``async def``.

        The loop on which that function runs is held up until the coroutine ends, so another loop
        must run it. There is one beside the loop of the process, one beside that, and so on.
        """
        held = asyncio.get_running_loop()
        with self._lock:
            if not self._aside:
                logger.warning("run_sync.blocks", extra={"fields": {"advice": BLOCKS}})
            place = self._aside.index(held) + 1 if held in self._aside else 0
            if place == len(self._aside):
                self._aside.append(asyncio.new_event_loop())
                threading.Thread(
                    target=self._aside[place].run_forever, name="webapp-aside", daemon=True
                ).start()
            loop = self._aside[place]
        return context.run(asyncio.run_coroutine_threadsafe, coroutine, loop)

    @property
    def is_visited(self) -> bool:
        """Return whether a thread other than the loop's runs the loop at this moment."""
        return self._current is not None and self._current.is_visited

    def _hand_over(
        self, current: PausingLoop, coroutine: Coroutine[Any, Any, Any], context: Context
    ) -> Future[Any]:
        self.handovers += 1
        return context.run(asyncio.run_coroutine_threadsafe, coroutine, current.loop)

    def cancel(self, future: Future[Any]) -> None:
        """Cancel what was submitted, once it has begun.

        A coroutine that is cancelled before its first step never runs, and so says nothing of its
        end to whoever waits for that. On a loop that was busy, the first step comes in between.
        """
        loop = self._working_loop().loop
        self.handovers += 1
        loop.call_soon_threadsafe(loop.call_soon, future.cancel)

    def suspect(self) -> None:
        """Check whether the loop is blocked: it has not ended a call whose time was up."""
        with self._lock:
            current = self._current
            if current is None or not current.works or self._silent_since is not None:
                return
            self._silent_since = time.monotonic()
            current.loop.call_soon_threadsafe(self._note_alive, current)

    def _note_alive(self, loop: PausingLoop) -> None:
        # A loop that comes back after it was replaced proves nothing about its successor.
        if self._current is loop:
            self._silent_since = None

    def _working_loop(self) -> PausingLoop:
        with self._lock:
            current, silent = self._current, self._silent_since
            is_ours = current is not None and self._pid == os.getpid() and current.works
            is_stuck = silent is not None and time.monotonic() - silent >= STUCK_SECONDS
            if current is not None and is_ours and not is_stuck:
                return current
            self._pid, self._silent_since = os.getpid(), None
            self._current = PausingLoop(lambda loop: self._current is loop, make_task)
            self._current.start()
            if current is not None and is_ours:
                logger.error("loop.replaced", extra={"fields": {"silent_seconds": STUCK_SECONDS}})
                # If it comes back one day, it ends.
                current.loop.call_soon_threadsafe(current.loop.stop)
            return self._current

    def _forget(self) -> None:
        # The parent may have held the lock while it forked.
        self._lock = threading.Lock()
        self._aside = []
        if self._current is not None:
            self._current.let_go()
        self._current = None


async def _wait_for(task: asyncio.Task[Any]) -> Any:
    return await task


# The one deliberate state of this module: there is one loop per process by definition.
process_loop = ProcessLoop()
