"""`GET /files/<id>/<name>`: for those who may see the chat, and never active on our origin."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.cli_support import GOOD_PASSWORD
from tests.support.apps import AppMaker
from tests.support.costs import Meter, measured
from tests.support.files import Shown, new_file, save, show
from tests.support.log import LogReader
from tests.support.people import Visitor
from tests.test_file_types import GIF, HTML, PDF, PNG, SVG
from webapp.accounts import directory
from webapp.authoring.chat_message import NewFile
from webapp.elements.file_views import FIXED
from webapp.files.contents import FilesUnavailableError
from webapp.files.folder_store import FolderStore

SEEDED = """
    import webapp as cl

    cl.password_auth_callback(cl.seeded_user)
"""
TEXT = b"0123456789" * 20_000
ALICE = "user:alice"


@pytest.fixture
def shown(alice: Visitor) -> Shown:
    """Return a message to Alice, under a profile of everybody, that shows a file."""
    return show(alice.app, ALICE, new_file(TEXT, "numbers.txt"))


def shared(alice: Visitor, shown: Shown) -> str:
    """Share a chat and return the token of its link."""
    assert alice.post(f"{shown.chat}/share").status_code == 303
    found = re.search(r"/shared/([\w-]{43})", alice.get(f"{shown.chat}/share").text)
    assert found is not None
    return found[1]


def get_content(visitor: Visitor, content: bytes, name: str) -> TestResponse:
    return visitor.get(show(visitor.app, ALICE, new_file(content, name)).address)


def test_its_owner_gets_a_file(alice: Visitor, shown: Shown) -> None:
    answer = alice.get(shown.address)
    assert (answer.status_code, answer.data) == (200, TEXT)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Content-Length"] == str(len(TEXT))
    assert answer.headers["Content-Disposition"].startswith('inline; filename="numbers.txt"')


def test_nobody_else_does(bob: Visitor, anonymous: Visitor, shown: Shown) -> None:
    assert bob.get(shown.address).status_code == 404
    assert bob.get(f"{shown.address}?share={'x' * 43}").status_code == 404
    answer = anonymous.get(shown.address)
    assert (answer.status_code, TEXT in answer.data) == (303, False)


def test_a_file_of_a_deleted_chat_is_404(alice: Visitor, shown: Shown) -> None:
    alice.post(f"{shown.chat}/delete")
    assert alice.get(shown.address).status_code == 404
    alice.post(f"{shown.chat}/restore")
    assert alice.get(shown.address).status_code == 200


def test_who_may_read_a_shared_chat_gets_its_files(alice: Visitor, shown: Shown) -> None:
    token = shared(alice, shown)
    bob = Visitor(alice.app).logged_in("bob")
    address = f"{shown.address}?share={token}"
    assert bob.get(address).data == TEXT
    assert bob.get(shown.address).status_code == 404
    assert Visitor(alice.app).get(address).status_code == 303
    alice.post(f"{shown.chat}/unshare")
    assert bob.get(address).status_code == 404


def test_what_was_not_shared_is_not_read_by_the_link(alice: Visitor, shown: Shown) -> None:
    token = shared(alice, shown)
    other_chat = show(alice.app, ALICE, new_file(b"Elsewhere"))
    later = show(alice.app, ALICE, new_file(b"Later"), chat_id=shown.chat_id, sequence=2)
    bob = Visitor(alice.app).logged_in("bob")
    for unshared in (other_chat, later):
        assert alice.get(unshared.address).status_code == 200
        assert bob.get(f"{unshared.address}?share={token}").status_code == 404


def test_a_link_shows_the_content_that_was_shared(alice: Visitor) -> None:
    file = new_file(b"Before")
    shown = show(alice.app, ALICE, file)
    token = shared(alice, shown)
    # The element is updated: it has a new content under the same id.
    updated = NewFile(id=file.id, name=file.name, mime=None, source=b"After")
    save(alice.app, shown.chat_id, shown.message_id, updated)
    bob = Visitor(alice.app).logged_in("bob")
    assert alice.get(shown.address).data == b"After"
    assert bob.get(f"{shown.address}?share={token}").data == b"Before"


def test_a_link_of_a_disabled_user_gives_no_files(make_app: AppMaker) -> None:
    app = make_app(SEEDED, sharing="yes")
    people = {}
    for name in ("alice", "bob"):
        with app.app_context():
            directory.add(name, GOOD_PASSWORD)
        people[name] = Visitor(app).logged_in(name, GOOD_PASSWORD)
    shown = show(app, ALICE, new_file())
    address = f"{shown.address}?share={shared(people['alice'], shown)}"
    assert people["bob"].get(address).status_code == 200
    with app.app_context():
        directory.disable("alice")
    assert people["bob"].get(address).status_code == 404


@pytest.mark.parametrize("name", ["x", "..", "%2e%2e", "a%00b", "%E2%80%AEgnp.exe", '"x"', "a b"])
def test_the_name_in_the_address_does_not_matter(alice: Visitor, shown: Shown, name: str) -> None:
    answer = alice.get(f"/files/{shown.elements[0].id}/{name}")
    assert answer.data == TEXT
    assert "numbers.txt" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize("path", ["x/y", "x%2Fy", "", "../x"])
def test_an_address_with_folders_leads_nowhere(alice: Visitor, shown: Shown, path: str) -> None:
    assert alice.get(f"/files/{shown.elements[0].id}/{path}").status_code == 404


def test_a_hostile_name_stays_within_its_header(alice: Visitor) -> None:
    answer = get_content(alice, b"x", '../a"; filename=b.html\r\nX-Evil: 1\0\u202egnp.exe')
    assert "X-Evil" not in answer.headers
    disposition = answer.headers["Content-Disposition"]
    assert disposition.count('"') == 2
    assert "%E2%80%AE" not in disposition


@pytest.mark.parametrize(
    ("content", "name", "mime", "kind"),
    [
        (PNG, "a.png", "image/png", "inline"),
        (GIF, "a.gif", "image/gif", "inline"),
        (PDF, "a.pdf", "application/pdf", "inline"),
        (SVG, "a.svg", "image/svg+xml", "attachment"),
        (SVG, "a.png", "image/svg+xml", "attachment"),
        (HTML, "a.html", "application/octet-stream", "attachment"),
        (HTML, "a.png", "application/octet-stream", "attachment"),
        (b'<?xml version="1.0"?><a/>', "a.xml", "application/octet-stream", "attachment"),
        (b"alert(1)", "a.js", "text/plain; charset=utf-8", "inline"),
        (b"a,b\n", "a.csv", "text/csv; charset=utf-8", "attachment"),
        (GIF + HTML, "a.html", "image/gif", "inline"),
        (b"", "a.html", "application/octet-stream", "attachment"),
        # A page takes a style sheet from its own origin, whatever the disposition says.
        (b"*{color:red}", "a.css", "application/octet-stream", "attachment"),
    ],
)
def test_nothing_is_active_on_our_origin(
    alice: Visitor, content: bytes, name: str, mime: str, kind: str
) -> None:
    answer = get_content(alice, content, name)
    assert answer.data == content
    assert answer.headers["Content-Type"] == mime
    assert answer.headers["Content-Disposition"].startswith(f"{kind};")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert policy.startswith("sandbox;")
    # Only the browser's viewer of PDF may stand in a page of ours.
    framed = "SAMEORIGIN" if content == PDF else "DENY"
    assert answer.headers["X-Frame-Options"] == framed
    assert ("frame-ancestors 'self'" in policy) == (content == PDF)


@pytest.mark.parametrize(
    ("asked", "status", "start", "stop"),
    [
        ("bytes=0-0", 206, 0, 1),
        ("bytes=5-9", 206, 5, 10),
        ("bytes=199990-", 206, 199_990, 200_000),
        ("bytes=-3", 206, 199_997, 200_000),
        ("bytes=-300000", 206, 0, 200_000),
        ("bytes=0-999999999", 206, 0, 200_000),
        ("bytes=0-1,5-6", 200, 0, 200_000),
        ("bytes=9-5", 200, 0, 200_000),
        ("lines=0-1", 200, 0, 200_000),
        ("bytes=", 200, 0, 200_000),
        ("bytes=x-y", 200, 0, 200_000),
    ],
)
def test_a_range_is_sent(
    alice: Visitor, shown: Shown, asked: str, status: int, start: int, stop: int
) -> None:
    answer = alice.get(shown.address, headers={"Range": asked})
    assert (answer.status_code, answer.data) == (status, TEXT[start:stop])
    assert answer.headers["Content-Length"] == str(stop - start)
    expected = f"bytes {start}-{stop - 1}/200000" if status == 206 else None
    assert answer.headers.get("Content-Range") == expected


@pytest.mark.parametrize("asked", ["bytes=200000-", "bytes=300000-300001"])
def test_a_range_behind_the_end_is_416(alice: Visitor, shown: Shown, asked: str) -> None:
    answer = alice.get(shown.address, headers={"Range": asked})
    assert (answer.status_code, answer.data) == (416, b"")
    assert answer.headers["Content-Range"] == "bytes */200000"


def test_a_range_of_another_content_is_not_sent(alice: Visitor, shown: Shown) -> None:
    etag = alice.get(shown.address).headers["ETag"]
    ask = {"Range": "bytes=0-1"}
    assert alice.get(shown.address, headers={**ask, "If-Range": etag}).status_code == 206
    for other in ('"other"', f"W/{etag}", "Mon, 01 Jan 2035 00:00:00 GMT"):
        assert alice.get(shown.address, headers={**ask, "If-Range": other}).status_code == 200


def test_what_the_browser_has_is_not_sent_again(alice: Visitor, shown: Shown) -> None:
    etag = alice.get(shown.address).headers["ETag"]
    answer = alice.get(shown.address, headers={"If-None-Match": f'"x", {etag}'})
    assert (answer.status_code, answer.data) == (304, b"")
    assert answer.headers["ETag"] == etag
    assert alice.get(shown.address, headers={"If-None-Match": '"x"'}).status_code == 200


def test_a_file_is_kept_by_the_browser_of_its_reader_alone(alice: Visitor, shown: Shown) -> None:
    assert alice.get(shown.address).headers["Cache-Control"] == "private, no-cache"
    file = shown.elements[0].file
    assert file is not None
    fixed = alice.get(f"{shown.address}?v={file.sha256[:16]}")
    assert fixed.headers["Cache-Control"] == FIXED
    assert fixed.headers["Vary"] == "Cookie"
    assert alice.get(f"{shown.address}?v={'0' * 16}").status_code == 404


def test_head_sends_the_headers_alone(alice: Visitor, shown: Shown) -> None:
    answer = alice.client.head(shown.address)
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Content-Length"] == str(len(TEXT))


def test_an_empty_file_is_sent(alice: Visitor) -> None:
    answer = get_content(alice, b"", "a.txt")
    assert (answer.status_code, answer.data, answer.headers["Content-Length"]) == (200, b"", "0")


def test_a_file_costs_one_statement_beside_that_of_the_session(
    make_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app("simple.py")
    meter = Meter.on(app, monkeypatch)
    visitor = Visitor(app)
    chat_id = uuid.UUID(visitor.start_chat("GPT-4").rpartition("/")[2])
    shown = show(app, "", new_file(), chat_id=chat_id, sequence=99)
    visitor.get(shown.address)
    with measured(app, meter):
        assert visitor.get(shown.address).status_code == 200
    assert meter.cost.statements == 2, meter.sent


def test_a_store_that_does_not_answer_is_503(
    alice: Visitor, shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: FolderStore, sha256: str) -> Path:
        raise FilesUnavailableError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(FolderStore, "path", fail)
        answer = alice.get(shown.address)
        assert (answer.status_code, "Nothing is lost" in answer.text) == (503, True)
        assert answer.headers["Retry-After"]
    assert alice.get(shown.address).data == TEXT


def test_a_content_that_was_lost_is_404_and_logged(
    alice: Visitor, shown: Shown, log: LogReader, roles_app: Flask
) -> None:
    for path in roles_app.extensions["settings"].files_folder.rglob("*"):
        if path.is_file():
            path.unlink()
    assert alice.get(shown.address).status_code == 404
    assert "file.lost" in str(log.lines)


def test_a_page_asks_for_a_content_by_its_hash(alice: Visitor) -> None:
    shown = show(alice.app, ALICE, new_file(b"Hello", "hello.txt"))
    file = shown.elements[0].file
    assert file is not None
    address = f"/files/{shown.elements[0].id}/hello.txt?v={file.sha256[:16]}"
    assert address in alice.get(shown.chat).text
    assert alice.get(address).headers["Cache-Control"] == FIXED
