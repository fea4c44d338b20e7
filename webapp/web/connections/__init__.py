"""Connections that wait: they hold no thread, end after a time, and make room for visitors."""

from __future__ import annotations

import sys
from importlib import import_module


def bound_connections(file_bytes: int) -> None:
    """Let the server that loads the app of this process bound its connections.

    Waitress and the threads of gunicorn have no such limits of their own. Other servers stay as
    they are.

    Parameters
    ----------
    file_bytes:
        How many bytes of files a request may have, if the app takes any.
    """
    # Each of the two is imported for its own server only. The other may not be installed.
    if "waitress.server" in sys.modules:
        import_module(f"{__name__}.waitress_servers").use_bounded_servers(file_bytes)
    if "gunicorn.workers.gthread" in sys.modules:
        import_module(f"{__name__}.gunicorn_worker").use_arrival_workers(sys._getframe(1))
