"""One asyncio loop per process, in a thread of its own, started when it is first needed."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextvars import Context
from typing import Any


class ProcessLoop:
    """An event loop that survives from request to request.

    Author coroutines share it, so an HTTP client made at the top of an app file keeps working;
    a loop per request breaks about half of such calls. It starts lazily because servers fork
    after loading the app, and threads do not survive a fork; a forked child starts its own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pid: int | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def submit(self, coroutine: Coroutine[Any, Any, Any], context: Context) -> Future[Any]:
        """Run ``coroutine`` on the loop, with the variables of ``context`` and no others.

        Started from the caller's own context, the coroutine would inherit the request and with
        it the database session, which must not be used from a second thread.
        """
        return context.run(asyncio.run_coroutine_threadsafe, coroutine, self._running_loop())

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._pid != os.getpid():
                self._loop = asyncio.new_event_loop()
                self._pid = os.getpid()
                threading.Thread(
                    target=self._loop.run_forever, name="webapp-loop", daemon=True
                ).start()
            return self._loop

    def _forget(self) -> None:
        # The parent may have held the lock while it forked.
        self._lock = threading.Lock()
        self._loop = None


# The one deliberate state of this module: there is one loop per process by definition.
process_loop = ProcessLoop()
