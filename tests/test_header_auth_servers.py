"""Sign-in by a real proxy in front of real workers, and what a browser forges on the way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlencode

import pytest

from tests.cli_support import CommandLine
from tests.support.apps import APPS
from tests.support.doctor import ask_doctor
from tests.support.nginx import needs_nginx, nginx
from tests.support.servers import CHECKOUT, Server, chat_profiles_run, gunicorn, production
from tests.support.wire import RemoteVisitor
from webapp.doctor.http_client import Site

pytestmark = [pytest.mark.slow]

SECRET_OF_PROXY = "of-the-proxy-0123456789abcdef-0123456789abcdef"
NAME = "X-Forwarded-User"
# Who has signed in at this proxy: a cookie says it, as that of a single sign-on does.
WHO = "$cookie_sso"


@dataclass(frozen=True)
class Fronted:
    """A site, and the port of the proxy in front of it."""

    server: Server
    port: int


@pytest.fixture(scope="module")
def fronted(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Fronted]:
    folder = tmp_path_factory.mktemp("fronted")
    file = folder / "chat.sqlite3"
    file.write_bytes(sqlite_template.read_bytes())
    settings = {
        **production(f"sqlite:///{file}", "by_proxy.py"),
        "WEBAPP_PROXY_HOPS": "1",
        "WEBAPP_PROXY_SECRET": SECRET_OF_PROXY,
    }
    with gunicorn(folder, settings, "--workers", "2", "--threads", "4") as server:
        location = f"""
            location / {{
                proxy_pass http://127.0.0.1:{server.port};
                proxy_set_header Host $http_host;
                proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                proxy_set_header X-Forwarded-Proto $scheme;
                proxy_set_header X-Forwarded-Host $http_host;
                proxy_set_header X-Forwarded-Prefix "";
                proxy_set_header {NAME} {WHO};
                proxy_set_header X-Forwarded-Groups "";
                proxy_set_header X-Proxy-Secret {SECRET_OF_PROXY};
            }}"""
        with nginx(folder, location) as port:
            yield Fronted(server, port)


def user_of(visitor: RemoteVisitor) -> str | None:
    found = re.search(r'class="who-name">([^<]*)<', visitor.get("/").text)
    return found[1] if found else None


def browser(port: int, sso: str = "", **headers: str) -> RemoteVisitor:
    visitor = RemoteVisitor(port, headers={k.replace("_", "-"): v for k, v in headers.items()})
    if sso:
        visitor._cookies["sso"] = sso
    visitor.get("/login")
    return visitor


@needs_nginx
def test_any_worker_knows_whom_the_proxy_vouches_for(fronted: Fronted) -> None:
    ada = browser(fronted.port, "ada")
    answer = ada.post("/login/headers", {"next": "/account"})
    assert (answer.status, answer.headers["Location"]) == (303, "/account")
    assert {user_of(ada) for _ in range(20)} == {"ada"}
    chat = ada.post("/chats").headers["Location"]
    # Somebody else signs in at the proxy, with the same browser.
    ada._cookies["sso"] = "bob"
    assert {ada.get(chat).headers["Location"] for _ in range(6)} == {f"/login?next={chat}"}
    ada.get("/login")
    assert ada.post("/login/headers").status == 303
    assert {user_of(ada) for _ in range(10)} == {"bob"}
    assert {ada.get(chat).status for _ in range(6)} == {404}


@needs_nginx
@pytest.mark.parametrize(
    "forged",
    [
        {NAME: "ada"},
        {NAME.lower(): "ada"},
        {"X_Forwarded_User": "ada"},
        {NAME: "ada", "X_Forwarded_User": "ada"},
        {NAME: "ada", "X-Forwarded-For": "127.0.0.1", "X-Proxy-Secret": SECRET_OF_PROXY},
        {NAME: "ada", "Connection": "close, X-Forwarded-User"},
    ],
)
def test_what_a_browser_forges_does_not_pass_the_proxy(
    fronted: Fronted, forged: dict[str, str]
) -> None:
    eve = RemoteVisitor(fronted.port, headers=forged)
    eve.get("/login")
    assert eve.post("/login/headers").status == 401
    assert user_of(eve) is None
    # Nor does it make another user of one who has signed in.
    mallory = RemoteVisitor(fronted.port, headers={**forged, "X-Forwarded-Groups": "admins"})
    mallory._cookies["sso"] = "mallory"
    mallory.get("/login")
    assert mallory.post("/login/headers").status == 303
    page = mallory.get("/").text
    assert 'class="who-name">mallory<' in page
    assert "ADMIN" not in page


@needs_nginx
def test_nobody_gets_in_around_the_proxy(fronted: Fronted) -> None:
    eve = browser(fronted.port)  # a token, by the way of the proxy
    ada = browser(fronted.port, "ada")
    assert ada.post("/login/headers").status == 303
    ada.get("/")
    for visitor in (eve, ada):
        visitor.move_to(fronted.server.port)
        visitor._headers[NAME] = "ada"
        assert visitor.post("/login/headers").status == 403
        assert visitor.get("/").status == 303
        visitor._headers["X-Proxy-Secret"] = SECRET_OF_PROXY.upper()
        assert visitor.post("/login/headers").status == 403
    assert "X-Proxy-Secret differs from the value of WEBAPP_PROXY_SECRET" in fronted.server.log
    assert SECRET_OF_PROXY not in fronted.server.log
    ada.move_to(fronted.port)
    assert user_of(ada) == "ada"


class SingleSignOn(BaseHTTPRequestHandler):
    """Says whose cookie this is, as oauth2-proxy does for `auth_request`."""

    def do_GET(self) -> None:
        """Answer."""
        name = re.search(r"sso=(\w+)", self.headers.get("Cookie", ""))
        is_check = self.path == "/oauth2/auth"
        self.send_response((202 if name else 401) if is_check else 403)
        if name:
            self.send_header("X-Auth-Request-User", name[1])
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def single_sign_on() -> Iterator[int]:
    """Serve a single sign-on, and return its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), SingleSignOn) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@needs_nginx
def test_the_nginx_of_the_documentation_lets_nobody_be_another(
    tmp_path: Path, sqlite_url: str, single_sign_on: int
) -> None:
    page = (CHECKOUT / "docs" / "hosting.md").read_text()
    blocks = re.findall(r"^    location /.*?^    }$", page, re.MULTILINE | re.DOTALL)
    plain = next(block for block in blocks if "X-Forwarded-Prefix" in block)
    by_proxy = [block for block in blocks if "oauth2" in block or "/healthz" in block]
    lines = [line for line in plain.splitlines() if "proxy_set_header" in line]
    settings = {
        **production(sqlite_url, "by_proxy.py"),
        "WEBAPP_PROXY_HOPS": "1",
        "WEBAPP_PROXY_SECRET": SECRET_OF_PROXY,
    }
    with gunicorn(tmp_path, settings) as server:
        location = (
            "\n".join(by_proxy)
            .replace("# and the five proxy_set_header lines from above", "\n".join(lines))
            .replace("127.0.0.1:4180", f"127.0.0.1:{single_sign_on}")
            .replace("127.0.0.1:8000", f"127.0.0.1:{server.port}")
            .replace("the secret", SECRET_OF_PROXY)
        )
        assert len(lines) == 5
        with nginx(tmp_path, location) as port:
            forged = {NAME: "eve", "X-Forwarded-Groups": "admins", "X-Auth-Request-User": "eve"}
            ada = RemoteVisitor(port, headers=forged)
            assert ada.get("/").status == 403  # the page of the single sign-on
            assert ada.get("/healthz").text.strip() == "ok"
            ada._cookies["sso"] = "ada"
            ada.get("/login")
            assert ada.post("/login/headers").status == 303
            page = ada.get("/").text
            assert 'class="who-name">ada<' in page
            assert "ADMIN" not in page


def test_a_doubled_header_is_neither_of_its_values(tmp_path: Path, sqlite_url: str) -> None:
    settings = {**production(sqlite_url, "by_proxy.py"), "WEBAPP_PROXY_ADDRESSES": "127.0.0.1"}
    with gunicorn(tmp_path, settings) as server:
        ada = browser(server.port)
        body = urlencode({"csrf_token": ada.token})
        connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
        connection.putrequest("POST", "/login/headers")
        for name, value in [
            (NAME, "ada"),
            (NAME, "bob"),
            ("Cookie", ada.cookies),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Content-Length", str(len(body))),
        ]:
            connection.putheader(name, value)
        connection.endheaders(body.encode())
        assert connection.getresponse().status == 303
        connection.close()
        assert '"user": "ada,bob"' in server.log


def test_a_unix_socket_is_a_way_of_the_proxy(tmp_path: Path, sqlite_url: str) -> None:
    settings = {**production(sqlite_url, "by_proxy.py"), "WEBAPP_PROXY_ADDRESSES": "unix"}
    path = tmp_path / "chat.sock"
    options = ("--workers", "1", "--threads", "4", "--bind", f"unix:{path}")
    with gunicorn(tmp_path, settings, *options) as server:
        location = f"""
            location / {{
                proxy_pass http://unix:{path};
                proxy_set_header Host $http_host;
                proxy_set_header {NAME} {WHO};
            }}"""
        with nginx(tmp_path, location) as port:
            ada = browser(port, "ada")
            assert ada.post("/login/headers").status == 303
            assert user_of(ada) == "ada"
        assert RemoteVisitor(server.port, headers={NAME: "ada"}).get("/login").status == 403


def test_on_your_own_machine_no_setting_is_needed(tmp_path: Path) -> None:
    with chat_profiles_run(tmp_path, APPS / "by_proxy.py") as server:
        ada = browser(server.port, **{NAME: "ada"})
        assert ada.post("/login/headers").status == 303
        assert user_of(ada) == "ada"


@needs_nginx
@pytest.mark.parametrize(("is_here", "level"), [(True, "hint"), (False, "change")])
def test_the_doctor_tells_that_nobody_can_sign_in(
    fronted: Fronted, cli: CommandLine, monkeypatch: pytest.MonkeyPatch, is_here: bool, level: str
) -> None:
    monkeypatch.setattr(Site, "is_loopback", is_here)
    found = ask_doctor(cli, f"http://127.0.0.1:{fronted.server.port}")
    assert "not-by-proxy" in found.codes(level)
    if not is_here:
        assert "WEBAPP_PROXY_SECRET" in found.advice("not-by-proxy")
    assert "not-by-proxy" not in ask_doctor(cli, f"http://127.0.0.1:{fronted.port}").findings
