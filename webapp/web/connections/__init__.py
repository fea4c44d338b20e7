"""Connections that wait: they hold no thread, end after a time, and make room for visitors."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module


def bound_connections(file_bytes: int, is_busy: Callable[[], bool] = bool) -> None:
    """Let the server that loads the app of this process bound its connections.

    Waitress and the threads of gunicorn have no such limits of their own. Other servers stay as
    they are.

    Parameters
    ----------
    file_bytes:
        How many bytes of files a request may have, if the app takes any.
    is_busy:
        Returns whether this process works on something that it must finish before it ends. A
        worker of gunicorn that has answered enough requests waits for that, and serves meanwhile.
    """
    # Each of the two is imported for its own server only. The other may not be installed.
    if "waitress.server" in sys.modules:
        import_module(f"{__name__}.waitress_servers").use_bounded_servers(file_bytes)
    if "gunicorn.workers.gthread" in sys.modules:
        import_module(f"{__name__}.gunicorn_worker").use_arrival_workers(sys._getframe(1), is_busy)
