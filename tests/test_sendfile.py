"""Files that the proxy before the site sends itself, by a header of the app."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.apps import AppMaker
from tests.support.files import Reader, new_file, show
from tests.support.nginx import needs_nginx, nginx
from tests.support.people import Visitor
from tests.support.servers import gunicorn, production
from tests.support.wire import RemoteVisitor
from tests.test_file_types import HTML, PDF

ALICE = "user:alice"
CONTENT = os.urandom(3_000_000)
LOCATION = """
    location / {{
        proxy_pass http://127.0.0.1:{port};
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }}
    {internal}
"""


def documented_location(folder: Path) -> str:
    """Return the location of nginx that the docs show, for the files of this test."""
    docs = Path(__file__).parent.parent / "docs" / "hosting.md"
    text = docs.read_text()
    start = text.index("    location /internal-files/ {")
    block = text[start : text.index("    }\n", start) + 6]
    return block.replace("/srv/chat/instance/files/", f"{folder}/")


@pytest.mark.parametrize(
    ("setting", "name", "value"),
    [
        ("X-Accel-Redirect:/internal-files", "X-Accel-Redirect", "/internal-files/{ab}/{sha}"),
        ("X-Accel-Redirect:/a/b/", "X-Accel-Redirect", "/a/b/{ab}/{sha}"),
        ("X-Sendfile", "X-Sendfile", "{folder}/{ab}/{sha}"),
    ],
)
def test_the_app_names_the_file_and_sends_nothing(
    make_app: AppMaker, tmp_path: Path, setting: str, name: str, value: str
) -> None:
    app = make_app("roles.py", files_sendfile=setting)
    alice = Visitor(app).logged_in("alice")
    shown = show(app, ALICE, new_file(PDF, "a.pdf"))
    file = shown.elements[0].file
    assert file is not None
    for headers in ({}, {"Range": "bytes=0-1"}, {"Range": "bytes=999999-"}):
        answer = alice.get(shown.address, headers=headers)
        assert (answer.status_code, answer.data) == (200, b"")
        assert answer.headers[name] == value.format(
            ab=file.sha256[:2], sha=file.sha256, folder=tmp_path / "files"
        )
        assert answer.headers["Content-Type"] == "application/pdf"
    not_changed = alice.get(shown.address, headers={"If-None-Match": f'"{file.sha256}"'})
    assert (not_changed.status_code, name in not_changed.headers) == (304, False)
    bob = Visitor(app).logged_in("bob")
    refused = bob.get(shown.address)
    assert (refused.status_code, name in refused.headers) == (404, False)


@pytest.fixture
def behind_nginx(tmp_path: Path, sqlite_url: str) -> Iterator[tuple[int, RemoteVisitor, str, str]]:
    """Yield the port of nginx, a visitor, and the addresses of a large file and of a page."""
    files = {
        "WEBAPP_FILES_URL": str(tmp_path / "files"),
        "WEBAPP_FILES_SENDFILE": "X-Accel-Redirect:/internal-files",
        "WEBAPP_PROXY_HOPS": "1",
    }
    with (
        AppMaker.in_folder(tmp_path, sqlite_url) as maker,
        gunicorn(
            tmp_path, production(sqlite_url) | files, "--workers", "1", "--threads", "4"
        ) as it,
    ):
        internal = documented_location(tmp_path / "files")
        with nginx(tmp_path, LOCATION.format(port=it.port, internal=internal)) as port:
            visitor = RemoteVisitor(port)
            chat_id = uuid.UUID(visitor.start_chat().chat_id)
            app = maker("simple.py")
            large = show(app, "", new_file(CONTENT, "a.bin"), chat_id=chat_id, sequence=50)
            page = show(app, "", new_file(HTML, "a.html"), chat_id=chat_id, sequence=51)
            yield port, visitor, large.address, page.address


@needs_nginx
@pytest.mark.slow
def test_nginx_sends_the_file_with_our_headers(
    behind_nginx: tuple[int, RemoteVisitor, str, str],
) -> None:
    port, visitor, large, page = behind_nginx
    reader = Reader(port, large, visitor.cookies)
    head = reader.head.decode().lower()
    assert head.startswith("http/1.1 200")
    assert "x-accel-redirect" not in head
    assert reader.digest() == hashlib.sha256(CONTENT).hexdigest()
    rest = Reader(port, large, visitor.cookies, start=2_000_000)
    assert rest.head.startswith(b"HTTP/1.1 206")
    assert rest.digest() == hashlib.sha256(CONTENT[2_000_000:]).hexdigest()
    answer = visitor.get(page)
    assert answer.text == HTML.decode()
    expected = {
        "Content-Type": "application/octet-stream",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "private, no-cache",
        "Vary": "Cookie",
    }
    assert {name: answer.headers[name] for name in expected} == expected
    assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="a.html"')
    for each in (reader, rest):
        each.close()


@needs_nginx
@pytest.mark.slow
def test_nobody_gets_a_file_past_the_app(
    behind_nginx: tuple[int, RemoteVisitor, str, str], tmp_path: Path
) -> None:
    port, visitor, large, _ = behind_nginx
    stranger = RemoteVisitor(port)
    stranger.get("/")
    assert stranger.get(large).status == 404
    assert visitor.get("/internal-files/").status == 404
    for path in tmp_path.joinpath("files").glob("??/*"):
        inside = f"/internal-files/{path.parent.name}/{path.name}"
        assert visitor.get(inside).status == 404
        assert stranger.get(inside).status == 404
