"""The headers of every answer, and what requests cannot talk the app into."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.log import LogReader
from tests.support.people import HTMX, Visitor
from tests.support.routes import ALL_PAGES

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "media-src 'self'; frame-src 'self'; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
FORGED = {
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-Port": "81",
    "X-Forwarded-For": "203.0.113.9",
    "Forwarded": "for=203.0.113.9;host=evil.example;proto=https",
    "X-Script-Name": "/evil",
    "X-Original-URL": "/admin",
    "X-Rewrite-URL": "/admin",
    "X-HTTP-Method-Override": "DELETE",
    "Remote-User": "alice",
    "X-Remote-User": "alice",
}


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """Fill a folder `public` beside the app file, with a secret beside that."""
    folder = tmp_path / "public"
    (folder / "deep" / ".git").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "icon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (folder / "deep" / "a b.txt").write_text("deep")
    (folder / ".env").write_text("secret")
    (folder / "deep" / ".git" / "config").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "up").symlink_to(tmp_path)
    (folder / "loop").symlink_to(folder / "loop")
    return folder


@pytest.fixture
def filed(public: Path, make_app: AppMaker) -> Visitor:
    return Visitor(make_app("import webapp\n"))


@pytest.mark.parametrize(
    "path",
    [
        *(path for path in ALL_PAGES if not path.startswith("/frames/")),
        "/nothing",
        "/static/app.css",
        "/static/nothing.css",
        "/static/",
    ],
)
def test_every_answer_carries_the_headers(shared_alice: Visitor, path: str) -> None:
    for visitor in (shared_alice, Visitor(shared_alice.app)):
        answer = visitor.get(path)
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "camera=()" in answer.headers["Permissions-Policy"]


@pytest.mark.parametrize("path", [*ALL_PAGES, "/static/app.css", "/nothing"])
def test_no_answer_opens_a_door_to_other_sites(shared_alice: Visitor, path: str) -> None:
    preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for answer in (
        shared_alice.get(path, headers={"Origin": "https://evil.example"}),
        shared_alice.client.options(path, headers=preflight),
    ):
        assert [name for name, _ in answer.headers if name.startswith("Access-Control")] == []
        assert "Server" not in answer.headers
        assert "X-Powered-By" not in answer.headers
        answer.close()


@pytest.mark.parametrize("path", ["/", "/profiles", "/login", "/nothing", "/healthz"])
def test_answers_are_not_stored_and_vary(shared_alice: Visitor, path: str) -> None:
    answer = shared_alice.get(path)
    assert answer.headers["Cache-Control"] == "no-store"
    assert {"Cookie", "HX-Request"} <= set(answer.vary)


def test_pages_name_their_charset(alice: Visitor) -> None:
    for path in ("/", "/nothing", alice.start_chat("team")):
        for headers in ({}, HTMX):
            assert alice.get(path, headers=headers).content_type == "text/html; charset=utf-8"


def test_static_files_are_immutable_and_set_no_cookie(alice: Visitor) -> None:
    answer = alice.get("/static/app.css?v=1")
    assert "immutable" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers
    assert "no-store" not in answer.headers["Cache-Control"]


def test_a_page_lists_the_origins_of_its_icons_and_no_others(visitor: Visitor) -> None:
    shown = visitor.get("/").headers["Content-Security-Policy"]
    assert "img-src 'self' https://picsum.photos;" in shown
    assert "picsum" not in visitor.get("/nothing").headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/", "/login", "/healthz", "/nothing", "/static/app.css"])
def test_strict_transport_only_over_https(make_app: AppMaker, path: str) -> None:
    visitor = Visitor(make_app("roles.py"))
    plain, secure = visitor.get(path), visitor.get(path, base_url="https://localhost")
    assert "Strict-Transport-Security" not in plain.headers
    expected = "max-age=31536000; includeSubDomains"
    assert secure.headers.getlist("Strict-Transport-Security") == [expected]


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "evil.localhost",
        "localhost@evil.example",
        "",
        "[",
        "a b",
        "127.0.0.2",
    ],
)
def test_another_host_is_refused(shared_alice: Visitor, host: str) -> None:
    for path in ("/", "/login", "/nothing", "/static/app.css"):
        answer = shared_alice.get(path, headers={"Host": host})
        assert answer.status_code == 400
        assert "evil" not in answer.text
        assert "Content-Security-Policy" in answer.headers


def test_a_refused_host_is_logged(alice: Visitor, log: LogReader) -> None:
    alice.get("/", headers={"Host": "evil.example\x1b"})
    refused = log.one("host.refused")
    assert refused["host"] == "evil.example\x1b"
    assert "WEBAPP_TRUSTED_HOSTS" in refused["hint"]
    assert "\x1b" not in log.text


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1"])
def test_a_trusted_host_is_served_on_any_port(shared_app: Flask, host: str) -> None:
    anonymous = Visitor(shared_app)
    assert anonymous.get("/login", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("path", ["/public//icon.svg", "/chats//", "/login/", "/login//"])
def test_no_odd_address_is_redirected_with_a_host(shared_alice: Visitor, path: str) -> None:
    answer = shared_alice.get(path)
    assert answer.status_code == 404
    assert "Location" not in answer.headers


@pytest.mark.parametrize("header", FORGED)
def test_forged_headers_have_no_effect(anonymous: Visitor, header: str) -> None:
    plain = anonymous.get("/profiles")
    forged = anonymous.get("/profiles", headers={header: FORGED[header]})
    assert (forged.status_code, forged.location) == (plain.status_code, plain.location)
    assert "Strict-Transport-Security" not in forged.headers
    assert "evil" not in str(forged.headers) + forged.text


def test_behind_one_proxy_its_headers_are_read(make_app: AppMaker) -> None:
    visitor = Visitor(make_app("roles.py", proxy_hops="1", trusted_hosts="chat.example.org"))
    headers = {
        "X-Forwarded-Host": "chat.example.org",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Prefix": "/chat",
    }
    answer = visitor.get("/profiles", headers=headers)
    assert answer.location == "/chat/login?next=/chat/profiles"
    assert "Strict-Transport-Security" in answer.headers


def test_an_app_below_a_path_links_and_returns_below_it(make_app: AppMaker) -> None:
    visitor = Visitor(make_app("roles.py"))
    below: dict[str, Any] = {"environ_overrides": {"SCRIPT_NAME": "/chat"}}
    assert visitor.get("/profiles", **below).location == "/chat/login?next=/chat/profiles"
    assert 'href="/chat/static/' in visitor.get("/login", **below).text
    form = {"username": "bob", "password": "bobbob"}
    assert visitor.post("/login", form, **below).location == "/chat/"


def test_behind_one_proxy_a_forged_host_is_refused(make_app: AppMaker) -> None:
    visitor = Visitor(make_app("roles.py", proxy_hops="1"))
    assert visitor.get("/login", headers={"X-Forwarded-Host": "evil.example"}).status_code == 400


@pytest.mark.parametrize("path", ["/console", "/?__debugger__=yes&cmd=resource&f=style.css"])
def test_there_is_no_debugger(anonymous: Visitor, path: str) -> None:
    answer = anonymous.get(path)
    assert answer.status_code in (303, 404)
    assert "werkzeug" not in answer.text.lower()
    assert anonymous.app.debug is False


def test_a_public_file_is_served_without_a_cookie(filed: Visitor) -> None:
    answer = filed.get("/public/icon.svg")
    assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert "Set-Cookie" not in answer.headers
    assert filed.get("/public/deep/a%20b.txt").text == "deep"


def test_a_public_file_that_is_missing_is_asked_for_once_a_minute(filed: Visitor) -> None:
    answer = filed.get("/public/nothing.svg")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert answer.headers["Cache-Control"] == "max-age=60, public"
    assert {"HX-Request", "Sec-Fetch-Dest"} <= set(answer.vary)
    picture = filed.get("/public/nothing.svg", headers={"Sec-Fetch-Dest": "image"})
    assert (picture.status_code, picture.data) == (404, b"")
    assert "Set-Cookie" not in answer.headers
    assert filed.get("/static/nothing.svg").headers["Cache-Control"] == "no-store"


def test_a_public_file_is_sent_again_only_when_it_changed(filed: Visitor) -> None:
    etag = filed.get("/public/icon.svg").headers["ETag"]
    assert filed.get("/public/icon.svg", headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "..",
        "deep",
        "deep/",
        "../secret.txt",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "deep/../../secret.txt",
        "deep/%2e%2e/%2e%2e/secret.txt",
        "..\\secret.txt",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "//etc/passwd",
        ".env",
        "deep/.git/config",
        "link.txt",
        "up/secret.txt",
        "loop",
        "icon.svg%00.txt",
        "a" * 5_000,
        "~root/x",
        "ICON.SVG",
    ],
)
def test_nothing_else_is_reached_through_public(filed: Visitor, path: str) -> None:
    answer = filed.get(f"/public/{path}")
    assert answer.status_code in (404, 405, 308)
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "path", ["../app.py", "%2e%2e/pyproject.toml", "/etc/passwd", "", "vendor"]
)
def test_nothing_else_is_reached_through_static(anonymous: Visitor, path: str) -> None:
    assert anonymous.get(f"/static/{path}").status_code in (404, 308)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_static_files_are_only_read(anonymous: Visitor, method: str) -> None:
    answer = anonymous.client.open("/static/app.css", method=method)
    assert answer.status_code == (200 if method == "OPTIONS" else 405)
    assert answer.headers["Content-Security-Policy"] == POLICY
    assert answer.headers["X-Request-ID"]


def test_an_app_without_public_files_has_none(simple_app: Flask) -> None:
    assert Visitor(simple_app).get("/public/roles.py").status_code == 404


@pytest.mark.parametrize("value", ["bytes=0-4", "bytes=999999-", "bytes=a-b", "lines=1-2"])
def test_ranges_of_a_public_file_are_no_server_error(filed: Visitor, value: str) -> None:
    answer = filed.get("/public/icon.svg", headers={"Range": value})
    assert answer.status_code in (200, 206, 416)
    assert answer.headers["Content-Security-Policy"] == POLICY
