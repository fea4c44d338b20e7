"""What the server around us can do: how many threads it has, and whether others run on meanwhile.

WSGI tells whether there are several threads, not how many. Streams must stay fewer than those
(R66), so the servers we know are asked in their own ways.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

from webapp.config import Settings

# Where the server does not say; small servers have at least as many.
ASSUMED_THREADS = 8
ENDLESS = 1_000
# For how long what was written to a reader may lie about before the connection is given up.
SEND_SECONDS = 10.0


@dataclass(frozen=True)
class Host:
    """The server around this process.

    Parameters
    ----------
    name:
        What it is called, or ``unknown``.
    threads:
        How many requests it answers at once.
    background:
        Whether other threads run on while no request is answered.
    """

    name: str
    threads: int
    background: bool = True
    worker: Any = None

    @property
    def leaving(self) -> bool:
        """Say whether the server has been asked to end, as far as it tells."""
        # A worker of gunicorn, or the dispatcher of waitress, which stops its threads first.
        asked = not getattr(self.worker, "alive", True)
        return asked or bool(getattr(self.worker, "stop_count", 0))


def host_of(environ: Mapping[str, Any]) -> Host:
    """Return what is known of the server that sent this request."""
    if "uwsgi" in sys.modules:
        return _uwsgi(sys.modules["uwsgi"])
    if not environ.get("wsgi.multithread"):
        return Host(_name(environ), 1)
    if "mod_wsgi" in sys.modules:
        threads = getattr(sys.modules["mod_wsgi"], "threads_per_process", ASSUMED_THREADS)
        return Host("mod_wsgi", threads)
    return _asked(sys._getframe()) or Host(_name(environ), ASSUMED_THREADS)


def way_to_watch(settings: Settings, host: Host) -> str:
    """Return how answers reach the page here: ``sse``, ``poll`` or ``inline``."""
    if settings.streaming != "auto":
        return settings.streaming
    if not host.background:
        return "inline"
    return "sse" if most_streams(settings, host) else "poll"


def most_streams(settings: Settings, host: Host) -> int:
    """Return how many streams this process may have open: fewer than it has threads (R66)."""
    if settings.max_streams is not None:
        return settings.max_streams
    return max(0, host.threads - max(2, host.threads // 4))


def most_streams_of_one(settings: Settings) -> int:
    """Return how many of the streams one user may have open; two, to follow one in another tab."""
    return max(2, settings.turns_per_user)


def most_held(host: Host) -> int:
    """Return how many threads may be held at once by streams and by requests that wait.

    The others, an eighth and at least one, stay free for pages that are there at once (R66). Where
    there is one thread only, a request that waits holds it as any other does.
    """
    return max(1, host.threads - max(1, host.threads // 8))


def give_up_silent_readers(environ: Mapping[str, Any]) -> socket.socket | None:
    """Let writing to a reader that takes nothing fail after a while, instead of never.

    Only gunicorn hands the connection out; the others see to it themselves. Returns it, so that
    `wait_again` can be called at the end.
    """
    connection = environ.get("gunicorn.socket")
    if connection is None:
        return None
    connection.settimeout(SEND_SECONDS)
    with suppress(AttributeError, OSError):  # a Unix socket, or not Linux
        limit = int(SEND_SECONDS * 1_000)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limit)
    return connection  # type: ignore[no-any-return]


def wait_again(connection: socket.socket | None) -> None:
    """Undo `give_up_silent_readers`: the connection may be used for another request."""
    if connection is not None:
        with suppress(OSError):
            connection.settimeout(None)


def _asked(frame: FrameType | None) -> Host | None:
    # Up the stack to whoever called the app: servers keep their number of threads to themselves.
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith("gunicorn.workers."):
            worker: Any = frame.f_locals.get("self")
            if hasattr(worker, "cfg"):
                return Host("gunicorn", int(worker.cfg.threads), worker=worker)
        if module == "waitress.task":
            dispatcher: Any = frame.f_locals.get("self")
            if hasattr(dispatcher, "threads"):
                return Host("waitress", len(dispatcher.threads), worker=dispatcher)
        if module == "werkzeug.serving":
            return Host("werkzeug", ENDLESS)
        frame = frame.f_back
    return None


def _uwsgi(module: Any) -> Host:
    threads = int(module.opt.get("threads", 1) or 1)
    return Host("uWSGI", threads, background=threads > 1 or "enable-threads" in module.opt)


def _name(environ: Mapping[str, Any]) -> str:
    return str(environ.get("SERVER_SOFTWARE", "")).partition("/")[0] or "unknown"
