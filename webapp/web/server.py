"""The server that runs this process: its name, and the number of its threads.

WSGI tells whether there may be several threads, but not how many. There must be fewer streams than
threads, so each known server is asked in its own way. Of an unknown server, the requests that it
answers at once are counted. Until two were seen, pages poll.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from types import FrameType
from typing import TYPE_CHECKING, Any

from werkzeug.wsgi import ClosingIterator

from webapp.config.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# For servers that do not tell, once requests were seen at once. Even small servers have as many.
ASSUMED_THREADS = 8
# Where `count_requests` notes in an environment how many requests were seen at once.
HOST = "chat_profiles.host"
SEEN_AT_ONCE = "chat_profiles.seen_at_once"
ENDLESS = 1_000
# How long a reader may accept no data before its connection is given up.
SEND_SECONDS = 10.0
# Streams that hold no thread. Each holds a file, and half of the files are for everything else.
MOST_THREADLESS_STREAMS = 2_000


@dataclass(frozen=True, kw_only=True)
class Host:
    """The server around this process.

    Parameters
    ----------
    name:
        The name of the server, or ``unknown``.
    threads:
        The number of requests it answers at once.
    background:
        Whether other threads run while no request is answered.
    worker:
        The server's object that knows whether it is stopping.
    hands_over:
        Whether it lets an answer keep its connection without its thread.
    seen_at_once:
        How many requests an unknown server was seen to answer at once, which proves that many
        threads. ``None`` if the number of threads is known.
    """

    name: str
    threads: int
    background: bool = True
    worker: Any = None
    hands_over: bool = False
    seen_at_once: int | None = None

    @property
    def is_stopping(self) -> bool:
        """Return whether the server is stopping, as far as it tells."""
        # A worker of gunicorn has `alive`, and the dispatcher of waitress has `stop_count`.
        stopping = not getattr(self.worker, "alive", True)
        return stopping or bool(getattr(self.worker, "stop_count", 0))


def host_of(environ: WSGIEnvironment) -> Host:
    """Return what is known of the server that sent this request. It is found once per request."""
    found: Host | None = environ.get(HOST)
    if found is None:
        found = environ[HOST] = _describe_host(environ)
    return found


def _describe_host(environ: WSGIEnvironment) -> Host:
    host = _find_host(environ)
    if host is None:
        return Host(
            name=_name(environ), threads=ASSUMED_THREADS, seen_at_once=environ.get(SEEN_AT_ONCE)
        )
    # A plain connection with one request at a time: neither TLS nor HTTP/2.
    kinds = {kind.__module__ for kind in type(host.worker).__mro__}
    hands_over = (
        "gunicorn.workers.gthread" in kinds
        and type(environ.get("gunicorn.socket")) is socket.socket
        and environ.get("SERVER_PROTOCOL") in ("HTTP/1.0", "HTTP/1.1")
    )
    return replace(host, hands_over=True) if hands_over else host


def count_requests(app: WSGIApplication) -> WSGIApplication:
    """Return ``app``, which notes how many requests an unknown server has answered at once."""
    lock = threading.Lock()
    is_known = False
    running = most = 0

    def count(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        nonlocal is_known, running, most
        if is_known or not environ.get("wsgi.multithread"):
            return app(environ, start_response)
        is_known = _find_host(environ) is not None
        if is_known:
            return app(environ, start_response)

        with lock:
            running += 1
            most = max(most, running)
        environ.setdefault(SEEN_AT_ONCE, most)
        try:
            return ClosingIterator(app(environ, start_response), end)
        except BaseException:
            end()
            raise

    def end() -> None:
        nonlocal running
        with lock:
            running -= 1

    return count


def way_to_watch(settings: Settings, host: Host) -> str:
    """Return how answers reach the page here: ``sse``, ``poll`` or ``inline``."""
    if settings.streaming != "auto":
        return settings.streaming
    if not host.background:
        return "inline"
    return "sse" if most_streams(settings, host) else "poll"


def most_streams(settings: Settings, host: Host) -> int:
    """Return how many streams this process may have open: fewer than threads, if they hold any."""
    if settings.max_streams is not None:
        return settings.max_streams
    if host.hands_over:
        files = os.sysconf("SC_OPEN_MAX")
        return min(MOST_THREADLESS_STREAMS, files // 2) if files > 0 else MOST_THREADLESS_STREAMS
    usual = max(0, host.threads - max(2, host.threads // 4))
    return usual if host.seen_at_once is None else min(usual, host.seen_at_once - 1)


def most_streams_of_one(settings: Settings) -> int:
    """Return how many streams a user may have open: two at least, for a second tab."""
    return max(2, settings.turns_per_user)


def max_held_threads(host: Host) -> int:
    """Return how many threads streams and waiting requests may hold at once.

    An eighth of the threads, and at least one, stays free for quick requests. If there is only one
    thread, a waiting request may hold it.
    """
    usual = max(1, host.threads - max(1, host.threads // 8))
    return usual if host.seen_at_once is None else max(1, min(usual, host.seen_at_once - 1))


def give_up_silent_readers(environ: Mapping[str, Any]) -> socket.socket | None:
    """Let a write fail after 10 seconds if the reader accepts no data.

    Only gunicorn hands out the connection, and other servers have such a limit themselves. Pass the
    returned connection to `wait_again` at the end of the answer.
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
    """Undo `give_up_silent_readers`, since the connection may serve another request."""
    if connection is not None:
        with suppress(OSError):
            connection.settimeout(None)


def _find_host(environ: Mapping[str, Any]) -> Host | None:
    if "uwsgi" in sys.modules:
        options = sys.modules["uwsgi"].opt
        threads = int(options.get("threads", 1) or 1)
        return Host(
            name="uWSGI", threads=threads, background=threads > 1 or "enable-threads" in options
        )
    if not environ.get("wsgi.multithread"):
        return Host(name=_name(environ), threads=1)
    if "mod_wsgi" in sys.modules:
        threads = getattr(sys.modules["mod_wsgi"], "threads_per_process", ASSUMED_THREADS)
        return Host(name="mod_wsgi", threads=threads)
    return _find_server_in_call_stack(sys._getframe())


def _find_server_in_call_stack(frame: FrameType | None) -> Host | None:
    # Servers do not pass on their number of threads. Only the object that called the app knows it.
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith("gunicorn.workers."):
            worker: Any = frame.f_locals.get("self")
            if hasattr(worker, "cfg"):
                return Host(name="gunicorn", threads=int(worker.cfg.threads), worker=worker)
        if module == "waitress.task":
            dispatcher: Any = frame.f_locals.get("self")
            if hasattr(dispatcher, "threads"):
                return Host(name="waitress", threads=len(dispatcher.threads), worker=dispatcher)
        if module == "werkzeug.serving":
            return Host(name="werkzeug", threads=ENDLESS)
        frame = frame.f_back
    return None


def _name(environ: Mapping[str, Any]) -> str:
    return str(environ.get("SERVER_SOFTWARE", "")).partition("/")[0] or "unknown"
