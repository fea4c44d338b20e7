"""`chat-profiles doctor URL` where the site is not reached, and what it takes for an address."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli_support import CommandLine
from tests.support.doctor import Answer, Answers, Found, ask_doctor
from tests.support.proxies import proxy
from webapp.doctor import http_client, stream_checks
from webapp.doctor.http_client import Site

Check = Callable[[str], Found]


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path, f"sqlite:///{tmp_path}/instance/chat.sqlite3")


@pytest.fixture
def check(cli: CommandLine) -> Check:
    """Return `check(url)`, which asks the doctor about a site."""
    return lambda url: ask_doctor(cli, url)


def test_where_nobody_listens_the_connection_is_refused(check: Check) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        found = check(f"http://127.0.0.1:{bound.getsockname()[1]}")
    assert (found.exit_code, found.codes("change")) == (1, {"refused"})


def test_a_name_without_an_address_is_told(check: Check) -> None:
    assert check("http://chat.invalid").codes("change") == {"unknown-name"}


def test_a_server_that_says_nothing_is_not_waited_for(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = check(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert found.codes("change") == {"timeout"}


def test_a_certificate_that_nobody_trusts_is_told(check: Check) -> None:
    with proxy(tls=True) as front:
        found = check(front.url)
    assert found.codes("change") == {"certificate"}
    assert "self-signed" in found.findings["certificate"]["text"]


def test_https_where_there_is_none_is_told(check: Check) -> None:
    with proxy() as front:
        assert check(front.url.replace("http:", "https:")).codes("change") == {"tls"}


def test_plain_http_where_tls_is_spoken_is_told(check: Check) -> None:
    with proxy(tls=True) as front:
        found = check(front.url.replace("https:", "http:"))
    assert found.codes("change") <= {"no-http", "refused"}


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((502, {}, b"Bad Gateway"), "no-app"),
        ((401, {"WWW-Authenticate": "Basic"}, b""), "blocked"),
        ((404, {}, b"nothing"), "another-site"),
        ((200, {"Content-Type": "text/html"}, b"<h1>Welcome to nginx!</h1>"), "another-site"),
        ((200, {}, b"x" * 2_000_000), "another-site"),
        ((400, {}, b"no"), "another-site"),
        ((302, {"Location": "http://elsewhere.example/login"}, b""), "redirected"),
        ((302, {"Location": "/login"}, b""), "redirected"),
        ((302, {"Location": "http://[broken"}, b""), "redirected"),
        ((302, {}, b""), "redirected"),
    ],
)
def test_what_is_not_the_site_is_told_apart(check: Check, answer: Answer, code: str) -> None:
    with proxy(answers={"/healthz": answer}) as front:
        found = check(front.url)
    assert (found.exit_code, found.codes("change")) == (1, {code})


def test_a_site_of_an_earlier_version_is_told(check: Check) -> None:
    answers: Answers = {
        "/healthz": (200, {}, b"ok\n"),
        "/readyz": (200, {}, b"ready\n"),
        "/healthz/stream": (404, {}, b""),
    }
    with proxy(answers=answers) as front:
        assert check(front.url).codes("change") == {"no-probe"}


def test_a_site_whose_streams_are_taken_is_told(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_checks, "MOST_RETRY_SECONDS", 0.0)
    answers: Answers = {
        "/healthz": (200, {}, b"ok\n"),
        "/readyz": (503, {}, b"the schema is old; run `chat-profiles db upgrade`\n\x1b[2J"),
        "/healthz/stream": (503, {"Retry-After": "2"}, b""),
    }
    with proxy(answers=answers) as front:
        found = check(front.url)
    assert found.codes("change") == {"not-ready", "busy"}
    assert "db upgrade" in found.findings["not-ready"]["text"]


def test_another_host_is_never_asked(check: Check) -> None:
    with proxy() as other:
        moved = (301, {"Location": f"http://127.0.0.1:{other.port}/healthz"}, b"")
        with proxy(answers={"/healthz": moved}) as front:
            found = check(front.url)  # localhost
    assert "127.0.0.1" in found.findings["redirected"]["text"]
    assert other.asked == []


def test_the_form_for_programs_is_stable(check: Check) -> None:
    with proxy(answers={"/healthz": (502, {}, b"")}) as front:
        report = check(front.url).report
    assert list(report) == [
        "checked", "well", "way", "streams", "server", "buffered", "arrivals", "findings"
    ]  # fmt: skip
    assert (report["checked"], report["well"], report["way"]) == (front.url, False, None)
    assert [list(finding) for finding in report["findings"]] == [
        ["level", "code", "text", "advice"]
    ]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "chat.example.org",
        "localhost:8000",
        "ftp://chat.example.org",
        "https://",
        "https://alice:secret@chat.example.org",
        "https://chat.example.org/?next=1",
        "https://chat.example.org/#top",
        "https://chat.example.org:port",
        "https://chat.example.org:99999",
        "https://[::1",
        "https://chat..example.org",
        f"https://{'a' * 300}.example",
        "https://chat.example.org/a b",
        "https://chat.example.org/\r\nHost: evil.example",
    ],
)
def test_what_is_no_address_is_refused(cli: CommandLine, url: str) -> None:
    line = cli.refused("doctor", url)
    assert "https://chat.example.org" in line
    assert "secret" not in line


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("https://chat.example.org/", "https://chat.example.org"),
        ("HTTPS://Chat.Example.org:8443/below/", "https://chat.example.org:8443/below"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_an_address_is_read_as_browsers_do(typed: str, url: str) -> None:
    assert Site.from_url(typed).url == url
