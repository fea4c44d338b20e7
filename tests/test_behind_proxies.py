"""A site behind proxies that change its address: the host name, the port or the path."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask

from tests.cli_support import CommandLine
from tests.support.apps import AppMaker
from tests.support.doctor import ask_doctor
from tests.support.html import parse
from tests.support.log import LogReader
from tests.support.nginx import needs_nginx, nginx
from tests.support.people import Visitor
from tests.support.servers import gunicorn, production
from tests.support.wire import RemoteVisitor

ALICE = {"username": "alice", "password": "alicealice"}

# ---- Host without its port


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:8080", "localhost"),
        ("http://localhost", "localhost:8000"),
        ("http://localhost:8080", "localhost:8000"),
        ("http://127.0.0.1:8080", "localhost"),
        ("https://localhost:8443", "localhost"),
    ],
)
def test_a_proxy_that_changes_the_address_is_told_on_the_page_and_in_the_log(
    roles_app: Flask, log: LogReader, origin: str, host: str
) -> None:
    visitor = Visitor(roles_app)
    visitor.get("/login", headers={"Host": host})
    answer = visitor.post("/login", ALICE, headers={"Host": host, "Origin": origin})
    assert answer.status_code == 400
    page = parse(answer.text).text
    assert "Origin and Host" in page
    assert f"{origin} / {host}" in page
    assert "proxy_set_header Host $http_host;" in page
    told = log.one("host.changed")
    assert (told["origin"], told["host"]) == (origin, host)
    assert "proxy_set_header Host $http_host;" in told["hint"]
    assert "ProxyPreserveHost On" in told["hint"]


def test_the_forwarded_host_is_named_where_that_is_the_one_that_counts(
    make_app: AppMaker, log: LogReader
) -> None:
    visitor = Visitor(make_app("roles.py", proxy_hops="1"))
    headers = {"Host": "localhost:8080", "X-Forwarded-Host": "localhost"}
    visitor.get("/login", headers=headers)
    answer = visitor.post("/login", ALICE, headers={**headers, "Origin": "http://localhost:8080"})
    assert "proxy_set_header X-Forwarded-Host $http_host;" in answer.text
    assert "X-Forwarded-Host" in log.one("host.changed")["hint"]


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://localhost", "localhost:443"),
        ("http://localhost", "localhost:80"),
        ("http://localhost:8080", "localhost:8080"),
    ],
)
def test_the_usual_port_may_be_added(roles_app: Flask, origin: str, host: str) -> None:
    visitor = Visitor(roles_app)
    visitor.get("/login", headers={"Host": host})
    answer = visitor.post("/login", ALICE, headers={"Host": host, "Origin": origin})
    assert answer.status_code == 303


def test_the_text_of_the_page_is_escaped(roles_app: Flask) -> None:
    visitor = Visitor(roles_app)
    visitor.get("/login")
    origin = "http://<img src=x onerror=alert(1)>"
    answer = visitor.post("/login", ALICE, headers={"Origin": origin})
    assert answer.status_code == 400
    assert "<img" not in answer.text


# ---- X-Forwarded-Prefix


@pytest.mark.parametrize(
    ("hops", "given", "prefix"),
    [
        ("0", "/chat", ""),
        ("1", "/chat", "/chat"),
        ("1", "/chat/", "/chat"),
        ("1", "/apps/chat-2", "/apps/chat-2"),
        ("1", "/forged, /chat", "/chat"),
        ("2", "/outer, /inner", "/outer"),
        ("2", "/chat", "/chat"),
        ("1", "/", ""),
        ("1", "", ""),
        ("1", "chat", ""),
        ("1", "//evil.example", ""),
        ("1", "/\\evil.example", ""),
        ("1", "/..", ""),
        ("1", "/a/../b", ""),
        ("1", "/a?b", ""),
        ("1", "/a b", ""),
        ("1", "/%2f", ""),
        ("1", "/" + "x" * 200, ""),
        ("1", "https://evil.example/", ""),
    ],
)
def test_the_path_that_a_trusted_proxy_removes_begins_all_links(
    make_app: AppMaker, hops: str, given: str, prefix: str
) -> None:
    visitor = Visitor(make_app("roles.py", proxy_hops=hops))
    headers = {"X-Forwarded-Prefix": given}
    assert visitor.get("/profiles", headers=headers).location == (
        f"{prefix}/login?next={prefix}/profiles"
    )
    page = visitor.get("/login", headers=headers)
    assert f'href="{prefix}/static/' in page.text
    assert visitor.post("/login", ALICE, headers=headers).location == f"{prefix}/"


# ---- a real nginx in front


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path, f"sqlite:///{tmp_path}/instance/chat.sqlite3")


@needs_nginx
@pytest.mark.slow
@pytest.mark.parametrize("host", ["$host", "$http_host"])
def test_nginx_with_and_without_the_port_in_host(
    tmp_path: Path, sqlite_url: str, cli: CommandLine, host: str
) -> None:
    with gunicorn(tmp_path, production(sqlite_url, "roles.py")) as server:
        location = (
            f"location / {{ proxy_pass http://127.0.0.1:{server.port}; "
            f"proxy_set_header Host {host}; }}"
        )
        with nginx(tmp_path, location) as port:
            url = f"http://127.0.0.1:{port}"
            visitor = RemoteVisitor(port, headers={"Origin": url})
            visitor.get("/login")
            answer = visitor.post("/login", ALICE)
            found = ask_doctor(cli, url)
    if host == "$host":
        assert answer.status == 400
        assert "Origin and Host" in answer.text
        assert "host.changed" in server.log
        assert "Origin" in found.text("host-changed")
        assert "proxy_set_header Host $http_host;" in found.advice("host-changed")
    else:
        assert answer.status == 303
        assert "host-changed" not in found.findings


@needs_nginx
@pytest.mark.slow
@pytest.mark.parametrize("told", [True, False])
def test_nginx_that_removes_a_path(
    tmp_path: Path, sqlite_url: str, cli: CommandLine, told: bool
) -> None:
    settings = {**production(sqlite_url, "roles.py"), "WEBAPP_PROXY_HOPS": "1"}
    with gunicorn(tmp_path, settings) as server:
        prefix = "proxy_set_header X-Forwarded-Prefix /chat;" if told else ""
        location = (
            f"location /chat/ {{ proxy_pass http://127.0.0.1:{server.port}/; {prefix} "
            "proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header Host $http_host; }"
        )
        with nginx(tmp_path, location) as port:
            found = ask_doctor(cli, f"http://127.0.0.1:{port}/chat")
            visitor = RemoteVisitor(port)
            page = visitor.get("/chat/login")
            signed_in = visitor.post("/chat/login", ALICE)
    assert ('href="/chat/static/' in page.text) is told
    assert signed_in.headers["Location"] == ("/chat/" if told else "/")
    assert ("path-unknown" in found.codes("change")) is not told
    if not told:
        assert "X-Forwarded-Prefix" in found.advice("path-unknown")


# ---- several sites on one host


@pytest.mark.slow
def test_two_sites_on_two_ports_of_a_host_keep_their_chats(tmp_path: Path) -> None:
    settings = {**production("", "simple.py"), "WEBAPP_SECRET_KEY": ""}
    folders = [tmp_path / "one", tmp_path / "two"]
    servers = []
    for number, folder in enumerate(folders):
        folder.mkdir()
        own = {
            **settings,
            "WEBAPP_SECRET_KEY": f"{number}f0c2b6a9d4e81735" * 4,
            "WEBAPP_DATABASE_URL": f"sqlite:///{folder}/chat.sqlite3",
        }
        servers.append(gunicorn(folder, own))
    with servers[0] as one, servers[1] as two:
        visitor = RemoteVisitor(one.port)
        first = visitor.start_chat().chat_id
        visitor.move_to(two.port)
        visitor.token = ""
        second = visitor.start_chat().chat_id
        assert visitor.get(f"/chats/{second}").status == 200
        visitor.move_to(one.port)
        assert visitor.get(f"/chats/{first}").status == 200


@pytest.mark.parametrize(
    ("settings", "host", "path", "names"),
    [
        ({}, "localhost", "", ["session"]),
        ({}, "localhost:9301", "", ["session-9301", "session"]),
        ({}, "localhost:80", "", ["session"]),
        ({}, "localhost", "/chat", ["session%2Fchat"]),
        ({}, "localhost:9301", "/a/b", ["session-9301%2Fa%2Fb", "session%2Fa%2Fb"]),
        ({"cookie_name": "support"}, "localhost", "", ["support"]),
        (
            {"cookie_name": "support"},
            "localhost:9301",
            "/chat",
            ["support-9301%2Fchat", "support%2Fchat"],
        ),
        ({"insecure_cookies": "false"}, "localhost", "", ["__Host-session"]),
        ({"insecure_cookies": "false"}, "localhost", "/c", ["__Host-session%2Fc"]),
        ({"insecure_cookies": "false", "cookie_name": "x"}, "localhost", "", ["__Host-x"]),
    ],
)
def test_each_site_of_a_host_has_a_cookie_of_its_own(
    make_app: AppMaker, settings: dict[str, str], host: str, path: str, names: list[str]
) -> None:
    visitor = Visitor(make_app("roles.py", **settings))
    answer = visitor.get("/login", headers={"Host": host}, environ_overrides={"SCRIPT_NAME": path})
    cookies = answer.headers.getlist("Set-Cookie")
    assert [cookie.partition("=")[0] for cookie in cookies] == names
    assert all("; Path=/;" in cookie + ";" for cookie in cookies)


def test_a_site_that_moves_to_another_port_keeps_its_sign_ins(make_app: AppMaker) -> None:
    alice = Visitor(make_app("roles.py"))
    before, after = {"Host": "localhost:9301"}, {"Host": "localhost:9400"}
    alice.get("/login", headers=before)
    assert alice.post("/login", ALICE, headers=before).status_code == 303
    assert alice.get("/", headers=after).status_code == 200
    # Another site of the host replaces the cookie without a port, and that with one still counts.
    alice.client.set_cookie("session", "of another site")
    assert alice.get("/", headers=after).status_code == 200
    assert alice.get("/", headers={"Host": "localhost:9500"}).status_code == 303


def test_sign_ins_under_the_old_name_go_on_under_the_new_one(make_app: AppMaker) -> None:
    alice = Visitor(make_app("roles.py")).logged_in("alice")
    moved = Visitor(make_app("roles.py", cookie_name="support"))
    old = alice.client.get_cookie("session")
    assert old is not None
    moved.client.set_cookie("session", old.value)
    assert moved.get("/").status_code == 200
    new = moved.client.get_cookie("support")
    assert new is not None
    assert new.value == old.value
    assert "Set-Cookie" not in moved.get("/").headers
    # Whatever another site writes under the old name does not count any more.
    moved.client.set_cookie("session", "of another site")
    assert moved.get("/").status_code == 200
    assert moved.post("/logout").status_code == 303
    assert moved.get("/").status_code == 303


def test_another_sites_cookie_under_the_old_name_is_not_taken_over(make_app: AppMaker) -> None:
    visitor = Visitor(make_app("roles.py", cookie_name="support"))
    visitor.client.set_cookie("session", "x" * 43)
    assert visitor.get("/").status_code == 303
    answer = visitor.get("/login")
    [cookie] = answer.headers.getlist("Set-Cookie")
    assert cookie.startswith("support=")
    assert "x" * 43 not in cookie


def test_signing_out_under_the_old_name_ends_the_session(make_app: AppMaker) -> None:
    alice = Visitor(make_app("roles.py")).logged_in("alice")
    moved = alice.twin()
    moved.client.application = make_app("roles.py", cookie_name="support")
    assert moved.post("/logout").status_code == 303
    assert moved.get("/").status_code == 303
    assert alice.get("/").status_code == 303
