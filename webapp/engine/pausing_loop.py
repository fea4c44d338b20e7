"""An event loop that is not tied to a thread: one thread after another runs it."""

from __future__ import annotations

import asyncio
import logging
import math
import select
import selectors
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from contextvars import Context
from typing import Any

# How long a visiting thread runs the loop at most while something is ready to run.
VISIT_SECONDS = 0.05
# How long a visitor waits while another thread runs the loop. That is mostly soon over, and to wait
# is cheaper than to wake the loop's thread.
DOOR_SECONDS = 0.02
# The loop's thread is not woken for a timer that comes earlier by less than this.
CLOCK_SECONDS = 0.001
# `select` takes no file whose number is this or higher.
SELECT_FILES = 1_024

logger = logging.getLogger("webapp")


class PausingSelector(selectors.BaseSelector):
    """Makes a loop pause where it would wait.

    A loop asks its selector to wait for files and timers, and says how long. This selector stops
    the loop instead, so that its thread can wait outside, and other threads can run it meanwhile.
    """

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        # When the loop has to run again by itself: at once, for a timer, or never.
        self.next_run = 0.0
        # Until when a visiting thread may run the loop. A visitor leaves the files to its thread.
        self.visit_ends: float | None = None
        self._files: selectors.BaseSelector = selectors.DefaultSelector()
        self._number: int = self._files.fileno()
        # One for the loop's thread, and one for visitors: they may look at the same time.
        self._thread_poll, self._visitor_poll = select.poll(), select.poll()
        for poll in (self._thread_poll, self._visitor_poll):
            poll.register(self._number, select.POLLIN)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return the files that are ready. Stop the loop if it would have to wait for one."""
        ready: list[tuple[selectors.SelectorKey, int]] = []
        if self.visit_ends is None:
            ready = self._files.select(0)
        elif time.monotonic() > self.visit_ends:
            self._stop(0.0)
        if not ready and (timeout is None or timeout > 0):
            self._stop(math.inf if timeout is None else time.monotonic() + timeout)
        return ready

    def _stop(self, next_run: float) -> None:
        self.next_run = next_run
        if self.loop is not None:
            self.loop.stop()

    def wait(self, until: float) -> None:
        """Wait for a file that is ready, until a time of the monotonic clock."""
        seconds = until - time.monotonic()
        if seconds <= 0:
            return
        if seconds < math.inf and self._number < SELECT_FILES:
            # To the microsecond. An answer that sleeps after each word would fall behind by half a
            # millisecond a word if the loop waited as `poll` does.
            select.select([self._number], [], [], seconds)
        else:
            # As asyncio does, round away from zero: a timer must not come early.
            self._thread_poll.poll(
                None if seconds == math.inf else math.ceil(min(seconds, 86_400) * 1_000)
            )

    def has_ready_files(self) -> bool:
        """Return whether a file is ready, or another thread has woken the loop."""
        return bool(self._visitor_poll.poll(0))

    def let_go(self) -> None:
        """Forget the files without touching them: in a forked child they belong to the parent."""
        self._files = selectors.SelectSelector()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Watch a file."""
        return self._files.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """Watch a file no more."""
        return self._files.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """Watch a file for something else."""
        return self._files.modify(fileobj, events, data)

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        """Return what is known of a file."""
        return self._files.get_key(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """Return the files."""
        return self._files.get_map()

    def close(self) -> None:
        """Close the selector, not its files."""
        self._files.close()


class PausingLoop:
    """A loop with a thread of its own, which other threads may visit while it pauses.

    Nothing of asyncio notices: wherever a coroutine runs, its loop runs in the same thread, and no
    other thread runs the loop at that time.

    Parameters
    ----------
    is_wanted:
        Returns whether the loop is to go on. If not, its thread ends and closes it.
    task_factory:
        Makes its tasks.
    """

    def __init__(
        self, is_wanted: Callable[[PausingLoop], bool], task_factory: Callable[..., Any]
    ) -> None:
        self.loop = asyncio.new_event_loop()
        self._selector: PausingSelector | None = None
        # Any other loop, such as one that the author's policy makes, never pauses.
        can_pause = hasattr(selectors.DefaultSelector, "fileno") and hasattr(select, "poll")
        if can_pause and type(self.loop) is asyncio.SelectorEventLoop:
            self.loop.close()
            self._selector = PausingSelector()
            self.loop = self._selector.loop = asyncio.SelectorEventLoop(self._selector)
        self.loop.set_task_factory(task_factory)
        self._is_wanted = is_wanted
        # Held by the thread that runs the loop.
        self._permit = threading.Lock()
        # When the loop's thread, which waits, will run the loop again.
        self._thread_wakes = 0.0
        self._thread = threading.Thread(target=self._keep_running, name="webapp-loop", daemon=True)

    def start(self) -> None:
        """Start the thread of the loop."""
        self._thread.start()

    @property
    def works(self) -> bool:
        """Return whether the loop is open and has its thread."""
        return self._thread.is_alive() and not self.loop.is_closed()

    @property
    def is_visited(self) -> bool:
        """Return whether a thread other than its own runs the loop at this moment."""
        return self._selector is not None and self._selector.visit_ends is not None

    def visit(
        self, coroutine: Coroutine[Any, Any, Any], context: Context
    ) -> asyncio.Task[Any] | None:
        """Run a coroutine in this thread until it ends or would wait, and return its task.

        Return nothing, and leave the coroutine as it is, if the loop is busy. What the coroutine
        waits for, the loop's thread waits for.
        """
        selector = self._selector
        with suppress(RuntimeError):
            asyncio.get_running_loop()
            return None  # a thread runs one loop at a time
        if selector is None or not self._permit.acquire(timeout=DOOR_SECONDS):
            return None
        try:
            if selector.next_run <= time.monotonic() or selector.has_ready_files():
                return None  # others would run in this thread
            task = self.loop.create_task(coroutine, context=context)
            selector.visit_ends = time.monotonic() + VISIT_SECONDS
            try:
                # Not in the caller's context, which holds the request.
                Context().run(self._run)
            finally:
                selector.visit_ends = None
                if selector.next_run < self._thread_wakes - CLOCK_SECONDS:
                    self.wake()
        finally:
            self._permit.release()
        return task

    def wake(self) -> None:
        """Let the loop's thread run the loop."""
        self.loop.call_soon_threadsafe(_do_nothing)

    def let_go(self) -> None:
        """Forget the loop in a forked child: what it watches is the parent's."""
        if self._selector is not None:
            self._selector.let_go()

    def _run(self) -> None:
        if self._selector is not None:
            self._selector.next_run = 0.0
        try:
            self.loop.run_forever()
        except (SystemExit, KeyboardInterrupt) as error:
            # asyncio lets these out of any task; every other chat needs the loop.
            logger.error("loop.exit_in_a_task", exc_info=error)

    def _keep_running(self) -> None:
        loop, selector = self.loop, self._selector
        while self._is_wanted(self) and not loop.is_closed():
            with self._permit:
                self._run()
                if selector is not None:
                    self._thread_wakes = selector.next_run
            if selector is not None and self._is_wanted(self):
                selector.wait(self._thread_wakes)
        with self._permit:
            if not loop.is_closed():
                self._close()

    def _close(self) -> None:
        # Nobody waits for the tasks that are left, but their `finally` blocks still run.
        loop = self.loop
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            ends = asyncio.gather(*tasks, return_exceptions=True)
            ends.add_done_callback(lambda _: loop.stop())
            while not ends.done():
                self._run()
                if self._selector is not None:
                    self._selector.wait(self._selector.next_run)
        loop.close()


def _do_nothing() -> None:
    """Run on a loop that is only to be woken."""
