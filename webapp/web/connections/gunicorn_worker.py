"""A worker of gunicorn whose threads meet only requests that have arrived.

A thread of gunicorn waits for a request itself: 5 seconds for its first byte, and for ever for the
rest. So 32 connections that send half a request hold 32 threads. Here the loop of the worker reads
what arrives, as a proxy that buffers requests does.
"""

from __future__ import annotations

import re
import selectors
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from tempfile import SpooledTemporaryFile
from types import FrameType
from typing import Any

from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import ThreadWorker

from webapp.web.connections.limits import (
    is_silent,
    is_too_slow,
    most_connections,
    seconds_left,
)

# A head that is longer is read by a thread, which refuses it.
MOST_HEAD_BYTES = 64 * 1024
# A form up to here arrives before a thread is needed. The app refuses a longer one, and one without
# a length, and reads nothing of it.
MOST_BODY_BYTES = 64 * 1024 * 1024
# A form with files is given to a thread when so much of it has arrived: all of a small one, and of
# a large one the fields that tell whether its files are taken. The thread reads them.
MOST_EARLY_BYTES = 256 * 1024
# What is longer is kept in a file.
MEMORY_BYTES = 64 * 1024
PIECE_BYTES = 64 * 1024
# How long a thread waits for the rest of a request that its worker did not read.
THREAD_SECONDS = 0.1
# How long a connection lingers after its last answer, and how long a worker that ends waits for
# requests that have begun to arrive.
STOP_SECONDS = 2.0
# How long a worker that has answered enough goes on while it always has something to do.
GO_ON_SECONDS = 600.0
# A worker has its own files, and its streams have half of all.
SHARE_OF_FILES = 3
_LENGTH = re.compile(rb"\r\ncontent-length[ \t]*:[ \t]*(\d{1,15})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding[ \t]*:", re.IGNORECASE)
_WITH_FILES = re.compile(rb"\r\ncontent-type[ \t]*:[ \t]*multipart/form-data", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect[ \t]*:[ \t]*100-continue", re.IGNORECASE)


class ArrivingRequest:
    """What has arrived of a request, and how much is missing."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.head = bytearray()
        self.body: SpooledTemporaryFile[bytes] | None = None
        self.size = 0
        # Not known before the end of the head.
        self.missing: int | None = None
        # Whether the thread that gets it reads the rest itself.
        self.goes_on = False

    @property
    def is_whole(self) -> bool:
        """Return whether a thread can have it."""
        return self.missing is not None and self.missing <= 0

    def add(self, data: bytes) -> bool:
        """Add what has arrived. Return whether the sender waits for a sign before it continues."""
        self.size += len(data)
        if self.missing is not None:
            self.missing -= len(data)
            if self.body is None:
                self.body = SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115 - read by a thread
            self.body.write(data)
            return False

        self.head += data
        end = self.head.find(b"\r\n\r\n", max(0, len(self.head) - len(data) - 3))
        if end < 0:
            if len(self.head) > MOST_HEAD_BYTES:
                self.missing = 0
            return False
        head = bytes(self.head[: end + 2])
        length = _LENGTH.search(head)
        size = int(length[1]) if length and not _CHUNKED.search(head) else 0
        if _WITH_FILES.search(head):
            self.goes_on = size > MOST_EARLY_BYTES
            self.missing = end + 4 + min(size, MOST_EARLY_BYTES) - len(self.head)
        else:
            self.missing = 0 if size > MOST_BODY_BYTES else end + 4 + size - len(self.head)
        return self.missing > 0 and _EXPECT.search(head) is not None


class ArrivedReader(SocketUnreader):
    """Gives gunicorn's parser what has arrived, and waits for more only for a short time."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._request: ArrivingRequest | None = None
        self._give_up = 0.0
        # When the files began to arrive that a thread reads, and how much of them has.
        self._began: float | None = None
        self._received = 0

    def begin(self, request: ArrivingRequest) -> None:
        """Begin a request."""
        self._give_up = time.monotonic() + THREAD_SECONDS
        self._began = request.began if request.goes_on else None
        self._received = request.size
        self._request = request
        if request.body is not None:
            request.body.seek(0)

    def end(self) -> None:
        """Wait no longer for the rest of a request that has its answer, or a moment for files."""
        self._give_up = time.monotonic()
        if self._began is not None:
            self._give_up += THREAD_SECONDS
        self._began = None

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next piece, or nothing if the sender has gone or takes too long."""
        request = self._request
        if request is not None:
            if request.head:
                head, request.head = bytes(request.head), bytearray()
                return head
            if request.body is not None and (piece := request.body.read(PIECE_BYTES)):
                return piece
            self._request = None
        now = time.monotonic()
        left = self._give_up - now
        if self._began is not None:
            left = seconds_left(now - self._began, self._received)
        try:
            self.sock.settimeout(max(0.001, left))
            data = self.sock.recv(max(self.mxchunk, min(size_hint or 0, PIECE_BYTES)))
            self._received += len(data)
            return data
        except TimeoutError:
            return b""
        finally:
            self.sock.settimeout(None)


class ArrivalWorker(ThreadWorker):
    """A worker with threads, which get a connection when its request has arrived."""

    # Whether this process works on something that it must finish before it ends.
    busy: tuple[Callable[[], bool], ...] = ()

    def run(self) -> None:
        """Serve until the worker ends."""
        # gunicorn would end at once after `--max-requests`, and start the next worker when this
        # process has ended. Until then, with one worker, nobody would be answered.
        self._most_requests, self.max_requests = self.max_requests, sys.maxsize
        self._enough_since: float | None = None
        # Both in the order in which they began.
        self._arriving: dict[Any, ArrivingRequest] = {}
        self._lingering: dict[Any, float] = {}
        files = most_connections() // SHARE_OF_FILES
        cfg: Any = self.cfg
        plain = (cfg.protocol, cfg.proxy_protocol, cfg.http2_cleartext) == ("http", "off", "off")
        self._is_plain = plain and not cfg.is_ssl
        self._most = max(self.cfg.threads + 1, min(self.worker_connections, files))
        super().run()

    def wait_for_and_dispatch_events(self, timeout: float | None) -> None:
        """Handle what has happened, except to connections that were dropped meanwhile.

        gunicorn would look at those as well, and the worker would end.
        """
        waiting_for = self.poller.get_map()
        for key, _ in self.poller.select(timeout):
            # The number of a closed file may belong to a new connection already.
            if waiting_for.get(key.fd) is key:
                key.data(key.fileobj)

    def accept(self, listener: Any) -> None:
        """Accept a connection. If it is one too many, the oldest that waits ends."""
        try:
            super().accept(listener)
        except OSError as error:  # for example, no file is left
            self.log.warning("A connection was not accepted: %s", error)
            self._drop_oldest()
        if self.nr_conns >= self._most:
            self._drop_oldest()

    def enqueue_req(self, conn: Any) -> None:
        """Wait for a request without a thread. gunicorn calls this for each connection to serve."""
        if not self._is_plain:
            super().enqueue_req(conn)
            return
        request = self._arriving[conn] = ArrivingRequest()
        conn.sock.setblocking(False)
        # gunicorn may have read the beginning of this request with the end of the last one.
        early = conn.parser.unreader.take_buffered() if conn.parser else b""
        if early:
            self._take(conn, request, early)
        else:
            self._read(conn, conn.sock)
        if conn in self._arriving:
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._read, conn))

    def finish_request(self, conn: Any, fs: Future[bool]) -> None:
        """Keep or close a connection after an answer.

        gunicorn waits in its loop until the reader closes its side, for 2 seconds at most. All
        other connections would wait as long.
        """
        has_ended = not fs.cancelled() and fs.exception() is None and fs.result() is False
        if not (has_ended and self._is_plain):
            super().finish_request(conn, fs)
            return
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
            return
        self._lingering[conn] = time.monotonic()
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._skip, conn))

    def handle_request(self, req: Any, conn: Any) -> bool:
        """Answer a request, in a thread. What is left of a body that was refused is not awaited."""
        keeps = super().handle_request(req, conn)
        if isinstance(conn.parser.unreader, ArrivedReader):
            conn.parser.unreader.end()
        return keeps

    def murder_pending(self) -> None:
        """End what arrives too slowly. gunicorn calls this after each event."""
        super().murder_pending()
        now = time.monotonic()
        for conn, ended in list(self._lingering.items()):
            if now - ended < STOP_SECONDS:
                break
            self._drop(conn)
        for conn, request in list(self._arriving.items()):
            seconds = now - request.began
            if self.alive and not is_too_slow(seconds, 0):
                break  # and so are all that follow
            if is_too_slow(seconds, request.size) or (not self.alive and seconds > STOP_SECONDS):
                self._drop(conn)
        self._end_after_enough(now)

    def _end_after_enough(self, now: float) -> None:
        """End after `--max-requests`, as soon as nobody has to wait for that."""
        if not self.alive or self.nr < self._most_requests:
            return
        if self._enough_since is None:
            self._enough_since = now
        if self._is_idle() or now - self._enough_since > GO_ON_SECONDS:
            self.log.info("Autorestarting worker after %s requests.", self.nr)
            self.alive = False

    def _is_idle(self) -> bool:
        waiting = (self.keepalived_conns, self.pending_conns, self._arriving, self._lingering)
        answering = self.nr_conns - sum(map(len, waiting))
        has_begun = any(request.size for request in self._arriving.values())
        return answering <= 0 and not has_begun and not any(is_busy() for is_busy in self.busy)

    def _read(self, conn: Any, _sock: Any) -> None:
        request = self._arriving[conn]
        try:
            data = conn.sock.recv(min(PIECE_BYTES, request.missing or PIECE_BYTES))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._take(conn, request, data)
        else:
            self._drop(conn)

    def _take(self, conn: Any, request: ArrivingRequest, data: bytes) -> None:
        try:
            if request.add(data):
                conn.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        except OSError:  # the sender has gone, or there is no room for the file
            self._drop(conn)
            return
        if not request.is_whole:
            return
        self._forget(conn)
        conn.init()
        if not isinstance(conn.parser.unreader, ArrivedReader):
            conn.parser.unreader = ArrivedReader(conn.sock)
        conn.parser.unreader.begin(request)
        conn.data_ready = True
        super().enqueue_req(conn)

    def _skip(self, conn: Any, _sock: Any) -> None:
        try:
            if conn.sock.recv(PIECE_BYTES):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._drop(conn)

    def _drop_oldest(self) -> None:
        if self._lingering:
            self._drop(next(iter(self._lingering)))
        elif self.keepalived_conns:
            # The first is the oldest.
            conn = self.keepalived_conns.popleft()
            self.poller.unregister(conn.sock)
            self._close(conn)
        elif self._arriving:
            now = time.monotonic()
            silent = (
                conn
                for conn, request in self._arriving.items()
                if is_silent(now - request.began, request.size)
            )
            self._drop(next(silent, next(iter(self._arriving))))

    def _drop(self, conn: Any) -> None:
        self._forget(conn)
        self._close(conn)

    def _forget(self, conn: Any) -> None:
        self._arriving.pop(conn, None)
        self._lingering.pop(conn, None)
        with suppress(KeyError):  # a request that has arrived at once was never waited for
            self.poller.unregister(conn.sock)

    def _close(self, conn: Any) -> None:
        self.nr_conns -= 1
        with suppress(OSError):
            conn.close()


def use_arrival_workers(frame: FrameType | None, is_busy: Callable[[], bool]) -> None:
    """Let the workers that load this app, or are forked later, be those of this module.

    Parameters
    ----------
    frame:
        Where the app is loaded. Only gunicorn's frames know the worker, or with ``--preload`` the
        process that makes the workers.
    is_busy:
        Returns whether a worker must finish something before it ends.
    """
    # Older versions have no such loop.
    is_known = hasattr(ThreadWorker, "murder_pending") and hasattr(SocketUnreader, "take_buffered")
    while is_known and frame is not None:
        if str(frame.f_globals.get("__name__")).startswith("gunicorn."):
            server: Any = frame.f_locals.get("self")
            if type(server) is ThreadWorker:
                server.__class__ = ArrivalWorker
            elif getattr(server, "worker_class", None) is ThreadWorker:
                # A class of its own: what it knows of this app is no state of a module.
                server.worker_class = type(ArrivalWorker.__name__, (ArrivalWorker,), {})
            worker = server if isinstance(server, ArrivalWorker) else _worker_class(server)
            if worker is not None:
                worker.busy = (*worker.busy, is_busy)
        frame = frame.f_back


def _worker_class(server: Any) -> type[ArrivalWorker] | None:
    found = getattr(server, "worker_class", None)
    return found if isinstance(found, type) and issubclass(found, ArrivalWorker) else None
