"""The stores of files: a private folder, and S3-compatible object storage."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.s3 import S3Server, s3_server
from webapp.config import reading
from webapp.config.settings import Settings
from webapp.config.startup_error import StartupError
from webapp.database.engines import utc_now
from webapp.files.contents import PIECE_BYTES, ChangedContentError, FilesUnavailableError
from webapp.files.folder_store import UNFINISHED, FolderStore
from webapp.files.store import FileStore, make_store

HELLO = b"Hello, file"
LARGE = os.urandom(2 * PIECE_BYTES + 7)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def put(store: FileStore, content: bytes) -> str:
    store.put(io.BytesIO(content), sha256(content), len(content))
    return sha256(content)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(params=["folder", "s3"])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> FileStore:
    if request.param == "folder":
        return make_store(Settings(files_url=str(tmp_path / "files")))
    s3: S3Server = request.getfixturevalue("s3")
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    return make_store(Settings(files_url=s3.new_bucket()))


@pytest.mark.parametrize("content", [HELLO, b"", LARGE, os.urandom(11 * 1024 * 1024)])
def test_what_is_put_is_read_as_it_was(store: FileStore, content: bytes) -> None:
    name = put(store, content)
    assert store.exists(name)
    pieces = list(store.read(name))
    assert b"".join(pieces) == content
    assert all(len(piece) <= PIECE_BYTES for piece in pieces)


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (5, 9), (3, None), (PIECE_BYTES - 1, None)])
def test_a_part_is_read(store: FileStore, start: int, stop: int | None) -> None:
    name = put(store, LARGE)
    assert b"".join(store.read(name, start, stop)) == LARGE[start:stop]


def test_the_same_content_is_stored_once(store: FileStore) -> None:
    assert put(store, HELLO) == put(store, HELLO)
    assert [(item.sha256, item.size) for item in store.list_all()] == [(sha256(HELLO), len(HELLO))]


def test_what_is_deleted_is_gone_and_may_be_deleted_again(store: FileStore) -> None:
    name = put(store, HELLO)
    store.delete(name)
    store.delete(name)
    assert not store.exists(name)
    assert list(store.list_all()) == []
    with pytest.raises(FileNotFoundError):
        list(store.read(name))


def test_a_store_that_nobody_used_is_empty(store: FileStore) -> None:
    assert not store.exists(sha256(HELLO))
    assert list(store.list_all()) == []
    assert store.delete_unfinished(utc_now()) == 0


@pytest.mark.parametrize("content", [HELLO, os.urandom(6 * 1024 * 1024)])
def test_a_file_that_changes_while_it_is_stored_is_not_kept(
    store: FileStore, content: bytes
) -> None:
    with pytest.raises((ChangedContentError, FilesUnavailableError)):
        store.put(io.BytesIO(content), sha256(b"before"), len(content))
    assert list(store.list_all()) == []


def test_only_the_owner_may_read_the_folder(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "a" / "files")
    path = store.path(put(store, HELLO))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (path.parent, path.parent.parent, tmp_path / "a"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_proxy_that_sends_the_files_may_read_them_by_its_group(tmp_path: Path) -> None:
    store = make_store(
        Settings(files_url=str(tmp_path / "a" / "files"), files_sendfile="X-Sendfile")
    )
    path = store.path(put(store, HELLO))
    assert path is not None
    modes = [path, path.parent, path.parent.parent, tmp_path / "a"]
    assert [stat.S_IMODE(each.stat().st_mode) for each in modes] == [0o640, 0o750, 0o750, 0o700]


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store = FolderStore(tmp_path / "files")
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(FilesUnavailableError, match="No space left on device"):
        put(store, HELLO)
    assert [path for path in (tmp_path / "files").rglob("*") if path.is_file()] == []


def test_what_a_killed_process_left_goes_after_a_day(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "files")
    put(store, HELLO)
    left = tmp_path / "files" / UNFINISHED / "left"
    left.write_bytes(b"half")
    assert store.delete_unfinished(utc_now() - timedelta(days=1)) == 0
    os.utime(left, (0, 0))
    assert store.delete_unfinished(utc_now() - timedelta(days=1)) == 1
    assert not left.exists()
    assert store.exists(sha256(HELLO))


def test_object_storage_that_does_not_answer_is_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with s3_server(tmp_path) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        store = make_store(Settings(files_url=server.new_bucket()))
        name = put(store, HELLO)
    for use in (lambda: put(store, LARGE), lambda: store.exists(name), lambda: store.delete(name)):
        with pytest.raises(FilesUnavailableError):
            use()
    with pytest.raises(FilesUnavailableError):
        list(store.read(name))


def test_object_storage_without_its_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "find_spec", lambda _: None)
    with pytest.raises(StartupError, match=r"pip install 'chat-profiles\[s3\]'"):
        Settings.from_environment({"WEBAPP_FILES_URL": "s3://bucket"})


def test_files_lie_in_the_instance_folder_unless_a_setting_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given: dict[str, Any] = {"": "instance/files", "kept": "kept", "/srv/files": "/srv/files"}
    for url, folder in given.items():
        assert Settings(files_url=url).files_folder == tmp_path / folder
    assert list(tmp_path.iterdir()) == []
