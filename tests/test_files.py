"""Files of messages: saved before their rows, removed when nothing names them."""

from __future__ import annotations

import errno
import os
import tracemalloc
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.costs import Meter, measured
from tests.support.files import contents, new_file, save
from tests.support.rows import column, count
from webapp.database.engines import utc_now, write_transaction
from webapp.files import saving
from webapp.files.collecting import (
    LEFT_FOR,
    collect_contents,
    collect_unknown,
    collect_unnamed,
    delete_rows,
)
from webapp.files.contents import FilesUnavailableError
from webapp.files.folder_store import FolderStore
from webapp.files.models import File
from webapp.files.rows import lock_contents
from webapp.files.saving import FileTooLargeError
from webapp.files.store import file_store

CHAT, MESSAGE = uuid.uuid4(), uuid.uuid4()
ROUNDS = 20


@pytest.fixture
def app(make_app: AppMaker) -> Flask:
    return make_app("simple.py")


def remove(app: Flask, message_id: uuid.UUID) -> int:
    with app.app_context():
        with write_transaction() as connection:
            gone = delete_rows(connection, File.message_id == message_id)
        return collect_contents(gone)


def test_a_file_has_a_row_and_its_content_is_in_the_folder(app: Flask) -> None:
    (sha256,) = save(app, CHAT, MESSAGE, new_file(b"Hello", "../a\0b.txt"))
    assert contents(app) == [b"Hello"]
    assert column(app, "stored_files.sha256") == column(app, "files.sha256") == [sha256]
    assert column(app, "files.name") == ["ab.txt"]
    assert column(app, "files.mime") == ["text/plain"]
    assert column(app, "files.size") == [5]
    assert column(app, "files.uploaded_by") == [None]


def test_a_local_file_is_copied(app: Flask, tmp_path: Path) -> None:
    path = tmp_path / "plot.bin"
    path.write_bytes(b"1" * 2_000_000)
    save(app, CHAT, MESSAGE, new_file(path))
    path.unlink()
    assert contents(app) == [b"1" * 2_000_000]


def test_many_files_cost_two_statements_and_none_costs_nothing(
    make_app: AppMaker, either_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_app.database_url = either_url
    app = make_app("simple.py")
    meter = Meter.on(app, monkeypatch)
    save(app, CHAT, MESSAGE, new_file())  # the first connection asks more
    for files, statements in ((10, 2), (0, 0)):
        new = [new_file(bytes([number])) for number in range(files)]
        with measured(app, meter):
            save(app, CHAT, MESSAGE, *new)
        assert (meter.cost.statements, meter.cost.begins) == (statements, statements // 2)


def test_the_same_file_again_changes_nothing(app: Flask) -> None:
    file = new_file()
    assert save(app, CHAT, MESSAGE, file, file) == save(app, CHAT, MESSAGE, file, file)
    assert count(app, "files") == count(app, "stored_files") == 1


def test_a_large_file_is_never_in_memory(make_app: AppMaker, tmp_path: Path) -> None:
    app = make_app("simple.py", file_bytes=100_000_000)
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(60_000_000)
    save(app, CHAT, MESSAGE, new_file())  # what the first file needs is there by now
    tracemalloc.start()
    try:
        save(app, CHAT, MESSAGE, new_file(path))
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_a_file_above_the_limit_is_refused_and_nothing_is_stored(make_app: AppMaker) -> None:
    app = make_app("simple.py", file_bytes=1024)
    with pytest.raises(FileTooLargeError, match=r"large\.bin is larger than 1,024 bytes"):
        save(app, CHAT, MESSAGE, new_file(), new_file(bytes(1025), "large.bin"))
    save(app, CHAT, MESSAGE, new_file(bytes(1024)))
    assert contents(app) == [bytes(1024)]


def test_a_full_disk_leaves_no_row(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(FilesUnavailableError, match="No space left"):
        save(app, CHAT, MESSAGE, new_file())
    assert count(app, "files") == count(app, "stored_files") == 0
    assert contents(app) == []


def test_a_content_goes_with_the_last_file_that_names_it(app: Flask) -> None:
    other = uuid.uuid4()
    save(app, CHAT, MESSAGE, new_file())
    save(app, CHAT, other, new_file())
    assert remove(app, MESSAGE) == 0
    assert contents(app) == [b"Hello, file"]
    assert remove(app, other) == 1
    assert contents(app) == []
    assert count(app, "stored_files") == 0


def test_a_content_that_was_lost_is_stored_again(app: Flask) -> None:
    (sha256,) = save(app, CHAT, MESSAGE, new_file())
    with app.app_context():
        file_store().delete(sha256)
    save(app, CHAT, uuid.uuid4(), new_file())
    assert contents(app) == [b"Hello, file"]


def test_a_content_that_is_removed_just_before_it_is_named_is_stored_again(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(app, CHAT, MESSAGE, new_file())

    def remove_first(*args: Any) -> None:
        with app.app_context():
            for sha256 in column(app, "stored_files.sha256"):
                file_store().delete(sha256)
        lock_contents(*args)

    monkeypatch.setattr(saving, "lock_contents", remove_first)
    save(app, CHAT, uuid.uuid4(), new_file())
    assert contents(app) == [b"Hello, file"]


def test_a_content_that_is_removed_while_it_is_looked_for_is_stored_again(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Remove it as soon as the first look has found it."""
    save(app, CHAT, MESSAGE, new_file())
    stat = Path.stat

    def remove_after(path: Path, **options: bool) -> os.stat_result:
        found = stat(path, **options)
        if path.parent.parent == app.extensions["settings"].files_folder:
            path.unlink(missing_ok=True)
        return found

    with app.app_context(), monkeypatch.context() as patch:
        patch.setattr(Path, "stat", remove_after)
        saving.prepare_files([new_file()])
    save(app, CHAT, uuid.uuid4(), new_file())
    assert contents(app) == [b"Hello, file"]


@pytest.mark.slow
def test_saving_and_removing_at_once_lose_no_content(make_app: AppMaker, either_url: str) -> None:
    make_app.database_url = either_url
    app = make_app("simple.py")
    # Whoever fails leaves the other waiting, so the wait has an end.
    start = Barrier(2, timeout=60)

    def save_rounds() -> list[uuid.UUID]:
        ids = [uuid.uuid4() for _ in range(ROUNDS)]
        for message_id in ids:
            start.wait()
            save(app, CHAT, message_id, new_file(), new_file(b"Other"))
        return ids

    def remove_rounds() -> None:
        for _ in range(ROUNDS):
            start.wait()
            with app.app_context():
                with write_transaction() as connection:
                    gone = delete_rows(connection, File.chat_id == CHAT)
                collect_contents(gone)
                collect_unnamed()

    with ThreadPoolExecutor(2) as pool:
        saving_, removing = pool.submit(save_rounds), pool.submit(remove_rounds)
        saving_.result()
        removing.result()
    named = set(column(app, "files.sha256"))
    assert named <= set(column(app, "stored_files.sha256"))
    with app.app_context():
        assert all(file_store().exists(sha256) for sha256 in named)
        collect_unnamed()
    assert len(contents(app)) == len(named)


def test_what_a_process_left_before_its_row_was_stored_goes_after_a_day(app: Flask) -> None:
    save(app, CHAT, MESSAGE, new_file())
    with app.app_context():
        saving.prepare_files([new_file(b"left")])
        assert (collect_unnamed(), collect_unknown()) == (0, 0)
        left = next(
            path
            for path in app.extensions["settings"].files_folder.rglob("*")
            if path.is_file() and path.read_bytes() == b"left"
        )
        long_ago = (utc_now() - 2 * LEFT_FOR).timestamp()
        os.utime(left, (long_ago, long_ago))
        assert collect_unknown() == 1
    assert contents(app) == [b"Hello, file"]
    assert count(app, "stored_files") == 1


def test_a_store_that_does_not_answer_keeps_the_rows_for_the_next_time(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(app, CHAT, MESSAGE, new_file())

    def fail(self: FolderStore, sha256: str) -> None:
        raise FilesUnavailableError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(FolderStore, "delete", fail)
        with pytest.raises(FilesUnavailableError):
            remove(app, MESSAGE)
    assert (count(app, "files"), count(app, "stored_files")) == (0, 1)
    with app.app_context():
        assert collect_unnamed() == 1
    assert contents(app) == []
