"""The documented gunicorn lines: 1 x 32, several workers, --preload."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.servers import Server, gunicorn, production
from tests.support.wire import RemoteVisitor, check_that_the_proxy_is_believed

pytestmark = pytest.mark.slow

SHAPES = {
    "1 x 32": ("--workers", "1", "--threads", "32"),
    "2 x 8": ("--workers", "2", "--threads", "8"),
    "2 x 8 preload": ("--workers", "2", "--threads", "8", "--preload"),
    "2 sync": ("--workers", "2"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_chat_starts_and_is_shown(tmp_path: Path, sqlite_url: str, shape: str) -> None:
    options = SHAPES[shape]
    with gunicorn(tmp_path, production(sqlite_url), *options, fork=False) as server:
        visitor = RemoteVisitor(server.port)
        started = visitor.start_chat()
        shown = visitor.get(f"/chats/{started.chat_id}")
        assert "starting chat using the GPT-4 chat profile" in shown.text
        assert "Traceback" not in server.log


def test_any_worker_answers_any_session(tmp_path: Path, sqlite_url: str) -> None:
    options = ("--workers", "3", "--threads", "4")
    with gunicorn(tmp_path, production(sqlite_url), *options) as server:
        visitor = RemoteVisitor(server.port)
        path = f"/chats/{visitor.start_chat().chat_id}"
        assert {visitor.get(path).status for _ in range(20)} == {200}


def test_start_without_javascript_leads_to_the_chat(tmp_path: Path, sqlite_url: str) -> None:
    with gunicorn(tmp_path, production(sqlite_url)) as server:
        visitor = RemoteVisitor(server.port)
        visitor.get("/")
        answer = visitor.post("/chats", {"profile": "GPT-3.5"})
        assert answer.status == 303
        assert "the GPT-3.5 chat profile" in visitor.get(answer.headers["Location"]).text


def test_sigterm_ends_it_in_good_order(tmp_path: Path, sqlite_url: str) -> None:
    with gunicorn(tmp_path, production(sqlite_url)) as server:
        RemoteVisitor(server.port).start_chat()
        server.stop()
        assert server.process.returncode == 0
        assert "Traceback" not in server.log
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT count(*) FROM chats").fetchone() == (1,)


FORGED = {
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Protocol": "ssl",
    "X-Forwarded-Ssl": "on",
    "X-Forwarded-For": "203.0.113.9",
    "SCRIPT_NAME": "/log",
    "PATH_INFO": "/profiles",
    "Script-Name": "/evil",
}


@pytest.fixture(scope="module")
def with_login(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Server]:
    """Return the server of a site with login, which tests share that change nothing there."""
    folder = tmp_path_factory.mktemp("with_login")
    file = folder / "chat.sqlite3"
    file.write_bytes(sqlite_template.read_bytes())
    with gunicorn(folder, production(f"sqlite:///{file}", "roles.py")) as server:
        yield server


@pytest.mark.parametrize("header", FORGED)
def test_forged_headers_have_no_effect(with_login: Server, header: str) -> None:
    # gunicorn itself believes some of them when they come from this machine.
    plain = RemoteVisitor(with_login.port).get("/login")
    forged = RemoteVisitor(with_login.port, headers={header: FORGED[header]}).get("/login")
    assert (plain.status, forged.status) == (200, 200)
    assert "Strict-Transport-Security" not in forged.headers
    assert masked(forged.text) == masked(plain.text)


def masked(page: str) -> str:
    return re.sub(r'name="csrf_token" value="[^"]+"', "", page)


def test_one_proxy_is_believed(tmp_path: Path, sqlite_url: str) -> None:
    settings = {**production(sqlite_url, "roles.py"), "WEBAPP_PROXY_HOPS": "1"}
    with gunicorn(tmp_path, settings) as server:
        check_that_the_proxy_is_believed(server)


def test_server_name_is_not_told_by_us(tmp_path: Path, sqlite_url: str) -> None:
    with gunicorn(tmp_path, production(sqlite_url)) as server:
        answer = RemoteVisitor(server.port).get("/")
    assert "Werkzeug" not in answer.headers.get("Server", "")
    assert not any(char.isdigit() for char in answer.headers.get("Server", ""))
