"""Two processes that share nothing but PostgreSQL and object storage, as on two hosts."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests.support.conversation import wait_until
from tests.support.files import Reader
from tests.support.s3 import S3Server, s3_server
from tests.support.servers import Server, gunicorn, production
from tests.support.wire import RemoteVisitor

pytestmark = [pytest.mark.slow, pytest.mark.postgresql]

SHAPE = ("--workers", "1", "--threads", "4")
WORDS = "Hello, other host"
CONTENT = WORDS.encode() * 100_000


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3Server]:
    with s3_server(tmp_path) as server:
        yield server


@pytest.fixture
def hosts(tmp_path: Path, postgresql_url: str, s3: S3Server) -> Iterator[list[Server]]:
    """Yield two servers, each in a folder of its own."""
    settings = production(postgresql_url, "files.py") | s3.environment
    settings |= {"WEBAPP_FILES_URL": s3.new_bucket()}
    with ExitStack() as servers:
        started = []
        for name in ("one", "two"):
            folder = tmp_path / name
            folder.mkdir()
            started.append(servers.enter_context(gunicorn(folder, settings, *SHAPE)))
        yield started


def say(visitor: RemoteVisitor, chat: str, content: str) -> str:
    """Write a message, and return the address of the file of its answer."""
    key = str(uuid.uuid4())
    visitor.post(f"/chats/{chat}/messages", {"content": content, "key": key}, htmx=True)
    found: list[str] = []

    def has_come() -> bool:
        found[:] = re.findall(r'"(/files/[^"]+)"', visitor.get(f"/chats/{chat}").text)
        return bool(found)

    wait_until(has_come)
    return found[-1]


def test_what_one_host_saves_the_other_one_sends(hosts: list[Server], tmp_path: Path) -> None:
    visitor = RemoteVisitor(hosts[0].port)
    chat = visitor.start_chat().chat_id
    address = say(visitor, chat, WORDS)
    for host in hosts:
        reader = Reader(host.port, address, visitor.cookies)
        assert reader.head.startswith(b"HTTP/1.1 200")
        assert reader.digest() == hashlib.sha256(CONTENT).hexdigest()
        reader.close()
        rest = Reader(host.port, address, visitor.cookies, start=len(CONTENT) - 5)
        assert rest.read(100) == CONTENT[-5:]
        rest.close()
        assert RemoteVisitor(host.port).get(address).status == 404
    assert [path for name in ("one", "two") for path in (tmp_path / name).rglob("files")] == []


def test_the_same_content_from_both_is_stored_once_and_goes_with_the_last(
    hosts: list[Server], postgresql_url: str, s3: S3Server
) -> None:
    chats = []
    for host in hosts:
        visitor = RemoteVisitor(host.port)
        chat = visitor.start_chat().chat_id
        chats.append((visitor, chat, say(visitor, chat, WORDS)))
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        (contents,) = connection.execute("SELECT count(*) FROM stored_files").fetchone() or (0,)
        assert contents == 1
        visitor, chat, _ = chats[0]
        connection.execute("UPDATE chats SET deleted_at = '2020-01-01' WHERE id = %s", [chat])
        # The other host removes it for good, when somebody deletes a chat there.
        other = RemoteVisitor(hosts[1].port)
        other.post(f"/chats/{other.start_chat().chat_id}/delete")

        def is_gone() -> bool:
            found = connection.execute("SELECT count(*) FROM chats WHERE id = %s", [chat])
            return found.fetchone() == (0,)

        wait_until(is_gone)
    visitor, _, address = chats[1]
    assert visitor.get(address).text == CONTENT.decode()


def test_while_object_storage_is_away_files_are_503_and_nothing_is_lost(
    hosts: list[Server], s3: S3Server
) -> None:
    visitor = RemoteVisitor(hosts[0].port)
    chat = visitor.start_chat().chat_id
    address = say(visitor, chat, WORDS)
    s3.pause()
    visitor.move_to(hosts[1].port)
    assert visitor.get(address).status == 503
    page = visitor.get(f"/chats/{chat}")
    assert (page.status, "Here is your file." in page.text) == (200, True)
    s3.go_on()
    assert visitor.get(address).text == CONTENT.decode()
