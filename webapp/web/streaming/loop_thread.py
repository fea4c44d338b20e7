"""A thread that serves connections of its process: with the first one it starts, after any fork."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

SHUTDOWN_SECONDS = 1.0


class Loop(Protocol):
    """What the thread does until it ends."""

    @property
    def has_news(self) -> bool:
        """Whether somebody has given it something that it has not looked at."""

    def run(self) -> None:
        """Serve until the process ends, or ``end_if_idle`` says so."""

    def shut_down(self, seconds: float) -> None:
        """End everything, and wait so long for the last bytes."""


L = TypeVar("L", bound=Loop)


class LoopThread(Generic[L]):
    """A thread of a process that runs a loop while there is something to do.

    Parameters
    ----------
    name:
        Of the thread.
    make_loop:
        Makes a loop, which asks the given function whether it may end.
    shutdown_seconds:
        How long the end of the process waits for the last bytes.
    """

    def __init__(
        self,
        name: str,
        make_loop: Callable[[Callable[[L], bool]], L],
        shutdown_seconds: float = SHUTDOWN_SECONDS,
    ) -> None:
        self._name = name
        self._make_loop = make_loop
        self._shutdown_seconds = shutdown_seconds
        # Something between the server and this app changes answers, so none can be handed over.
        self.is_bypassed = False
        self.lock = threading.RLock()
        self._loop: L | None = None
        if hasattr(os, "register_at_fork"):
            # Weakly, as in the keeper: what is registered stays until the process ends.
            forget = weakref.WeakMethod(self._forget)
            os.register_at_fork(after_in_child=lambda: (alive := forget()) and alive())

    def start(self) -> L:
        """Start the thread if it does not run.

        Raises
        ------
        RuntimeError
            The system allows no further thread.
        """
        with self.lock:
            loop = self._loop
            if loop is None:
                loop = self._make_loop(self._end_if_idle)
                # As in `webapp/turns/runtime.py`: before the turns are told to end.
                register = getattr(threading, "_register_atexit", atexit.register)
                register(_shut_down, weakref.ref(loop), self._shutdown_seconds)
                threading.Thread(target=loop.run, name=self._name, daemon=True).start()
                self._loop = loop
            return loop

    def _end_if_idle(self, loop: L) -> bool:
        with self.lock:  # nobody can add anything meanwhile
            if loop.has_news:
                return False
            self._loop = None
            return True

    def _forget(self) -> None:
        # In a forked child the thread does not run; the parent may have held the lock.
        self.lock = threading.RLock()
        self._loop = None


def _shut_down(reference: weakref.ref[Loop], seconds: float) -> None:
    loop = reference()
    if loop is not None:
        loop.shut_down(seconds)
