"""Exports and imports with large files: what they hold in memory, and where the files are."""

from __future__ import annotations

import hashlib
import json
import os
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support.apps import AppMaker
from tests.support.exports import (
    bring_in_file,
    export_of,
    exported_zip,
    said,
    unzipped,
    zip_of,
)
from tests.support.files import new_file, show
from tests.support.html import parse
from tests.support.people import Visitor
from tests.support.s3 import S3Server, s3_server

MIB = 1024 * 1024
LARGE = 100 * MIB
MOST_GROWTH = 8 * MIB
ALICE = "user:alice"


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Return a file of 100 MB, all of it different."""
    path = tmp_path / "large.bin"
    piece = os.urandom(MIB)
    with path.open("wb") as file:
        for number in range(LARGE // MIB):
            file.write(number.to_bytes(8) + piece[8:])
    return path


@pytest.fixture
def person(make_app: AppMaker) -> Visitor:
    return Visitor(make_app("roles.py", file_bytes=2 * LARGE)).logged_in("alice")


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Check that what is allocated meanwhile stays within the bound."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MOST_GROWTH, peak


def hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.mark.slow
def test_an_export_of_100_mb_takes_little_memory(
    person: Visitor, large: Path, tmp_path: Path
) -> None:
    shown = show(person.app, ALICE, new_file(large, "large.bin"))
    person.get("/chats/export")  # what is imported and compiled once
    made = tmp_path / "export.zip"
    with bounded_memory(), made.open("wb") as file:
        answer = person.client.get(f"{shown.chat}/export?format=json", buffered=False)
        for piece in answer.iter_encoded():
            file.write(piece)
        answer.close()
    with ZipFile(made) as archive:
        assert archive.testzip() is None
        assert max(info.file_size for info in archive.infolist()) == LARGE


@pytest.mark.slow
def test_an_import_of_100_mb_takes_little_memory(
    person: Visitor, large: Path, tmp_path: Path
) -> None:
    file = {"path": "files/a", "name": "a.bin", "sha256": hash_of(large), "size": LARGE}
    element = {"kind": "file", "name": "a", "file": file}
    export = export_of({"messages": [said("See", "assistant", elements=[element])]})
    made, body = tmp_path / "chats.zip", tmp_path / "body"
    with ZipFile(made, "w") as archive:
        archive.write(large, "files/a")
        archive.writestr("chats.json", json.dumps(export))
    bring_in_file(person, zip_of({}))  # what is imported and compiled once
    with body.open("wb") as out:
        out.write(
            f'--x\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{person.token}\r\n'
            '--x\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n'.encode()
        )
        out.write(made.read_bytes())
        out.write(b"\r\n--x--\r\n")
    with bounded_memory(), body.open("rb") as stream:
        answer = person.client.post(
            "/chats/import", input_stream=stream, content_type="multipart/form-data; boundary=x"
        )
    assert answer.status_code == 303, answer.text
    folder: Path = person.app.extensions["settings"].files_folder
    [stored] = folder.glob("[0-9a-f][0-9a-f]/*")
    assert hash_of(stored) == file["sha256"]
    assert list((folder / "temporary").glob("*")) == []


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


def test_files_move_from_and_to_object_storage(
    make_app: AppMaker, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    alice = Visitor(make_app("roles.py", files_url=s3.new_bucket())).logged_in("alice")
    content = os.urandom(MIB)
    shown = show(alice.app, ALICE, new_file(content, "a.bin"))
    made = exported_zip(alice, shown.chat)
    assert content in unzipped(made).values()
    answer = bring_in_file(alice, made)
    assert answer.status_code == 303, answer.text
    copied = str(answer.location).partition("?")[0]
    [element] = parse(alice.get(copied).text).all(data_testid="element")
    assert alice.get(element.one("a")["href"]).data == content
