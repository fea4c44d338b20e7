"""The thread that sends files: it gives up readers who take nothing, and ends when nobody reads."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.conversation import wait_until
from tests.support.log import LogReader
from webapp.web.downloads import thread as download_thread_module
from webapp.web.downloads.sources import FileSource, PieceSource, Source
from webapp.web.downloads.thread import MOST_OF_ONE, DownloadThread
from webapp.web.sse import Slot

NAME = "webapp-downloads"
CONTENT = os.urandom(3_000_000)


@pytest.fixture
def sender(monkeypatch: pytest.MonkeyPatch) -> Iterator[DownloadThread]:
    """Return a thread that waits for nobody for long."""
    monkeypatch.setattr(download_thread_module, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(download_thread_module, "IDLE_SECONDS", 0.1)
    yield DownloadThread()
    wait_until(lambda: not runs())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "content"
    path.write_bytes(CONTENT)
    return path


def runs() -> bool:
    return any(thread.name == NAME for thread in threading.enumerate())


def slot_of(sender: DownloadThread) -> Slot:
    slot = sender.take_slot("alice")
    assert slot is not None
    return slot


def serve(sender: DownloadThread, source: Source) -> socket.socket:
    """Let the thread send something, and return the end of its reader."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(20)
    sender.serve(ours, source, slot_of(sender))
    return theirs


def read_all(reader: socket.socket) -> bytes:
    pieces = []
    while piece := reader.recv(100_000):
        pieces.append(piece)
    reader.close()
    return b"".join(pieces)


def test_a_file_is_sent_and_all_is_closed(sender: DownloadThread, path: Path) -> None:
    source = FileSource(path, 10, len(CONTENT) - 10)
    assert read_all(serve(sender, source)) == CONTENT[10:-10]
    wait_until(lambda: source.file.closed)
    wait_until(lambda: not runs())
    # It begins again for the next reader.
    assert read_all(serve(sender, FileSource(path, 0, 5))) == CONTENT[:5]


def test_pieces_that_take_a_while_are_sent(sender: DownloadThread) -> None:
    pieces = [CONTENT[:1_000_000], CONTENT[1_000_000:]]
    assert read_all(serve(sender, PieceSource(iter(pieces), len(CONTENT)))) == CONTENT


def test_pieces_that_cannot_be_read_break_the_connection(
    sender: DownloadThread, log: LogReader
) -> None:
    def fail() -> Iterator[bytes]:
        yield b"begin"
        raise OSError("the store is away")

    assert read_all(serve(sender, PieceSource(fail(), 100))) == b"begin"
    assert "the store is away" in log.one("download.failed")["error"]


def test_a_file_that_became_shorter_breaks_the_connection(
    sender: DownloadThread, path: Path
) -> None:
    reader = serve(sender, FileSource(path, 0, len(CONTENT) + 5))
    assert read_all(reader) == CONTENT


def test_a_reader_who_takes_nothing_is_given_up(
    sender: DownloadThread, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download_thread_module, "SILENT_SECONDS", 0.2)
    source = FileSource(path, 0, len(CONTENT))
    reader = serve(sender, source)
    wait_until(lambda: source.file.closed)
    assert len(read_all(reader)) < len(CONTENT)


def test_a_user_has_a_bounded_number_of_downloads(sender: DownloadThread) -> None:
    slots = [slot_of(sender) for _ in range(MOST_OF_ONE)]
    assert sender.take_slot("alice") is None
    assert sender.take_slot("bob") is not None
    slots.pop().give_back()
    assert sender.take_slot("alice") is not None
