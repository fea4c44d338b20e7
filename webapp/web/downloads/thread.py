"""The one thread of a process that sends files to all readers whose connections were handed over.

A reader with a slow connection takes minutes for a large file. It gets what its connection takes,
whenever that is something, and holds no thread of the server meanwhile.
"""

from __future__ import annotations

import logging
import math
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from flask import Flask, current_app

from webapp.web.downloads.sources import Source
from webapp.web.log import log_event
from webapp.web.sse import Slot, Slots
from webapp.web.streaming.loop_thread import LoopThread
from webapp.web.streaming.reader import LINGER_SECONDS, MOST_RECEIVED

EXTENSION = "download_thread"
# A phone in a tunnel comes back. Who takes nothing for so long does not.
SILENT_SECONDS = 60.0
TICK_SECONDS = 0.5
IDLE_SECONDS = 10.0
# How long the end of the process waits for those who have nearly all.
SHUTDOWN_SECONDS = 5.0
# How many pieces of slow sources are asked for at once.
LOADERS = 4
# Each download holds a connection and a file, and half of the files are for everything else.
MOST_DOWNLOADS = 1_000
SHARE_OF_FILES = 8
# One reader leaves room for others, and may still open a page with many pictures.
MOST_OF_ONE = 100


class DownloadThread(LoopThread["_Loop"]):
    """Sends files to many readers with one thread."""

    def __init__(self) -> None:
        super().__init__("webapp-downloads", _Loop, SHUTDOWN_SECONDS)
        self._slots = Slots()

    def take_slot(self, owner: str) -> Slot | None:
        """Return a slot for a download of a user, or ``None`` if there is no free one."""
        files = os.sysconf("SC_OPEN_MAX")
        most = min(MOST_DOWNLOADS, files // SHARE_OF_FILES) if files > 0 else MOST_DOWNLOADS
        return self._slots.take(most, owner, MOST_OF_ONE)

    @property
    def is_sending(self) -> bool:
        """Return whether somebody downloads a file."""
        return self._slots.in_use > 0

    def serve(self, connection: socket.socket, source: Source, slot: Slot) -> None:
        """Send a file to a connection, and close both in the end."""
        with self.lock:  # so that the thread does not end meanwhile
            self.start().add(_Download(connection, source, slot))

    def _forget(self) -> None:
        super()._forget()
        self._slots = Slots()


class _Download:
    """A connection of our own that never blocks, and what it is to get."""

    def __init__(self, connection: socket.socket, source: Source, slot: Slot) -> None:
        self.connection = connection
        self.source = source
        self.accepted_at = time.monotonic()
        self.ended_at = math.inf
        self._slot = slot
        self._received = 0

    @property
    def has_ended(self) -> bool:
        """Whether all is sent, and the reader may close the connection."""
        return self.ended_at < math.inf

    def is_given_up(self, now: float) -> bool:
        """Return whether the reader has taken nothing, or not closed the connection, for long."""
        if self.has_ended:
            return now - self.ended_at > LINGER_SECONDS
        return now - self.accepted_at > SILENT_SECONDS

    def send(self) -> None:
        """Send what the reader takes now."""
        is_over = self.source.send_to(self.connection)
        self.accepted_at = time.monotonic()
        if is_over:
            self.ended_at = self.accepted_at
            self.release()
            self.connection.shutdown(socket.SHUT_WR)

    def is_there(self) -> bool:
        """Return whether the reader is still there, when there is something to receive."""
        try:
            received = len(self.connection.recv(4_096))
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._received += received
        return received > 0 and self._received <= MOST_RECEIVED

    def release(self) -> None:
        """Close the source, and give the slot back."""
        self.source.close()
        self._slot.give_back()


class _Loop:
    """What the thread does until it ends."""

    def __init__(self, end_if_idle: Callable[[_Loop], bool]) -> None:
        self._end_if_idle = end_if_idle
        self._downloads: set[_Download] = set()
        # Those that are new, and those whose next piece is there or will never be.
        self._news: deque[tuple[_Download, bool]] = deque()
        self._loaders: ThreadPoolExecutor | None = None
        self._is_stopping = threading.Event()
        self._has_stopped = threading.Event()
        self._bell, self._bell_button = socket.socketpair()
        self._bell.setblocking(False)
        self._bell_button.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._bell, selectors.EVENT_READ)

    @property
    def has_news(self) -> bool:
        """Whether a download is new."""
        return bool(self._news)

    def add(self, download: _Download) -> None:
        """Serve one more reader."""
        download.connection.setblocking(False)
        self._tell(download, is_fine=True)

    def shut_down(self, seconds: float) -> None:
        """Wait so long for the downloads, and then end them."""
        self._is_stopping.set()
        self._ring()
        self._has_stopped.wait(seconds)

    def run(self) -> None:
        """Serve until nobody has come for a while, or the process ends."""
        tick_at = 0.0
        used_at = time.monotonic()
        while True:
            now = time.monotonic()
            while self._news:
                self._take(*self._news.popleft())
            if now >= tick_at:
                tick_at = now + TICK_SECONDS
                for download in [each for each in self._downloads if each.is_given_up(now)]:
                    self._drop(download)
            if self._downloads:
                used_at = now
            else:
                is_idle = now - used_at > IDLE_SECONDS and self._end_if_idle(self)
                if is_idle or self._is_stopping.is_set():
                    break
            self._wait(TICK_SECONDS)
        self._has_stopped.set()
        if self._loaders is not None:
            self._loaders.shutdown(wait=False)
        self._selector.close()
        self._bell.close()
        self._bell_button.close()

    def _wait(self, seconds: float) -> None:
        for key, mask in self._selector.select(seconds):
            download: _Download | None = key.data
            if download is None:
                with suppress(BlockingIOError):
                    self._bell.recv(64)
            elif download in self._downloads:
                if mask & selectors.EVENT_READ and not download.is_there():
                    self._drop(download)
                elif mask & selectors.EVENT_WRITE:
                    self._send(download)

    def _take(self, download: _Download, is_fine: bool) -> None:
        if download not in self._downloads:
            if download.has_ended:
                return
            self._downloads.add(download)
            self._selector.register(download.connection, selectors.EVENT_READ, download)
        if is_fine:
            both = selectors.EVENT_READ | selectors.EVENT_WRITE
            self._selector.modify(download.connection, both, download)
        else:
            self._drop(download)

    def _send(self, download: _Download) -> None:
        try:
            if download.source.is_ready:
                download.send()
        except BlockingIOError:
            return
        except OSError:  # the reader has gone
            self._drop(download)
            return
        if download.has_ended or not download.source.is_ready:
            self._selector.modify(download.connection, selectors.EVENT_READ, download)
        if not (download.has_ended or download.source.is_ready):
            if self._loaders is None:
                self._loaders = ThreadPoolExecutor(LOADERS, "webapp-downloads-load")
            self._loaders.submit(self._load, download)

    def _load(self, download: _Download) -> None:
        is_fine = False
        try:
            download.source.load()
            is_fine = True
        except Exception as error:  # noqa: BLE001 - whatever it is, only this download ends
            why = f"{type(error).__name__}: {error}"
            log_event("download.failed", level=logging.WARNING, error=why)
        finally:
            self._tell(download, is_fine=is_fine)

    def _tell(self, download: _Download, *, is_fine: bool) -> None:
        self._news.append((download, is_fine))
        self._ring()

    def _ring(self) -> None:
        with suppress(OSError):  # full, or closed since the thread has ended
            self._bell_button.send(b"\0")

    def _drop(self, download: _Download) -> None:
        if not download.has_ended:
            download.ended_at = time.monotonic()
            download.release()
        self._downloads.discard(download)
        self._selector.unregister(download.connection)
        download.connection.close()


def set_up_downloads(app: Flask) -> None:
    """Let ``app`` send files by one thread."""
    app.extensions[EXTENSION] = DownloadThread()


def sends_files(app: Flask) -> bool:
    """Return whether somebody downloads a file of ``app`` from this process."""
    found: DownloadThread = app.extensions[EXTENSION]
    return found.is_sending


def download_thread() -> DownloadThread:
    """Return the download thread of this process."""
    found: DownloadThread = current_app.extensions[EXTENSION]
    return found
