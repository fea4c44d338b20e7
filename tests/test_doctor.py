"""`chat-profiles doctor URL`: how answers reach a page of a site, and what is in the way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli_support import CommandLine
from tests.support.doctor import Answer, Answers, Found, ask_doctor, telling
from tests.support.proxies import CERTIFICATE, proxy
from tests.support.servers import Server, gunicorn, production, waitress
from webapp.doctor import stream_checks
from webapp.doctor.http_client import Site
from webapp.doctor.stream_checks import StreamProbe

pytestmark = pytest.mark.slow

Check = Callable[[str], Found]


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path, f"sqlite:///{tmp_path}/instance/chat.sqlite3")


@pytest.fixture
def check(cli: CommandLine) -> Check:
    """Return `check(url)`, which asks the doctor about a site."""
    return lambda url: ask_doctor(cli, url)


@pytest.fixture(scope="module")
def settings(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the settings of a site with login, on a database of its own."""
    file = tmp_path_factory.mktemp("site") / "chat.sqlite3"
    file.write_bytes(sqlite_template.read_bytes())
    return production(f"sqlite:///{file}", "roles.py")


@pytest.fixture(scope="module")
def site(settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return gunicorn 1 x 32, which many tests share."""
    with gunicorn(tmp_path_factory.mktemp("gunicorn"), settings) as server:
        yield server


@pytest.fixture(scope="module")
def https_site(
    settings: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Return gunicorn as it is set up behind a proxy that ends TLS."""
    behind = {**settings, "WEBAPP_PROXY_HOPS": "1", "WEBAPP_INSECURE_COOKIES": "false"}
    with gunicorn(tmp_path_factory.mktemp("behind"), behind) as server:
        yield server


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the certificate of the tests be one that is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the doctor try things once, where trying again changes nothing but the time it takes."""
    monkeypatch.setattr(stream_checks, "TRIES", 1)
    monkeypatch.setattr(stream_checks, "MOST_RETRY_SECONDS", 0.5)


# ---- sites that are as they should be


def test_gunicorn_with_threads_streams_and_is_well(check: Check, site: Server) -> None:
    found = check(f"http://127.0.0.1:{site.port}")
    assert (found.exit_code, found.codes("change")) == (0, set())
    assert {"alive", "ready", "sse", "flows"} <= found.codes("good")
    report = found.report
    assert "unbuffered" in found.codes("hint")
    # gunicorn hands over the connections of streams, so their number is not that of the threads.
    most = min(2_000, os.sysconf("SC_OPEN_MAX") // 2)
    assert (report["way"], report["streams"], report["server"]) == ("sse", most, "gunicorn")
    assert (report["buffered"], report["well"], len(report["arrivals"])) == (False, True, 6)


def test_waitress_streams_and_is_well(
    check: Check, settings: dict[str, str], tmp_path: Path
) -> None:
    with waitress(tmp_path, settings, "--threads", "16") as server:
        found = check(f"http://localhost:{server.port}/")
    assert found.codes("change") == set()
    assert (found.report["server"], found.report["buffered"]) == ("waitress", False)


def test_a_proxy_that_passes_everything_on_is_well(check: Check, site: Server) -> None:
    with proxy(site.port) as front:
        found = check(front.url)
    assert (found.exit_code, found.report["buffered"]) == (0, False)
    assert "unbuffered" not in found.findings


@pytest.mark.usefixtures("trusted")
def test_a_proxy_that_ends_tls_and_says_so_is_well(check: Check, https_site: Server) -> None:
    with proxy(https_site.port, tls=True, asks_with={"X-Forwarded-Proto": "https"}) as front:
        found = check(front.url)
    assert (found.exit_code, found.codes("change")) == (0, set())
    assert "https" in found.codes("good")


# ---- streams that something holds back


def test_a_proxy_that_buffers_is_found(check: Check, site: Server) -> None:
    with proxy(site.port, collects=True) as front:
        found = check(front.url)
    assert (found.exit_code, found.report["buffered"]) == (1, True)
    assert "proxy_buffering off" in found.advice("buffered")
    assert "WEBAPP_STREAMING=poll" in found.advice("buffered")
    assert "flows" not in found.findings


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("says", "advice"),
    [
        ({"Server": "nginx/1.24.0"}, "In nginx, set `proxy_buffering off;`"),
        ({"Server": "Apache"}, "`flushpackets=on`"),
        ({"Via": "1.1 Caddy"}, "`flush_interval -1`"),
        ({"CF-Ray": "8f2-FRA"}, "At Cloudflare"),
    ],
)
def test_who_buffers_gets_advice_of_its_own(
    check: Check, site: Server, says: dict[str, str], advice: str
) -> None:
    with proxy(site.port, collects=True, says=says) as front:
        assert advice in check(front.url).advice("buffered")


@pytest.mark.usefixtures("impatient")
def test_a_proxy_that_sends_in_lumps_is_found(check: Check, site: Server) -> None:
    with proxy(site.port, holds_seconds=0.8) as front:
        found = check(front.url)
    assert found.report["buffered"] is True
    assert {"buffered", "lumpy"} & found.codes("change") == {"lumpy"}


@pytest.mark.usefixtures("impatient")
def test_a_proxy_that_compresses_streams_is_found(check: Check, site: Server) -> None:
    with proxy(site.port, compresses=True, says={"Server": "nginx"}) as front:
        found = check(front.url)
    assert "gzip_types" in found.advice("compressed")


@pytest.mark.usefixtures("impatient")
def test_a_stream_that_breaks_off_is_found(check: Check, site: Server) -> None:
    with proxy(site.port, cuts_after=2) as front:
        found = check(front.url)
    assert "cut-off" in found.codes("change")


def test_a_proxy_of_the_last_century_is_noted(check: Check, site: Server) -> None:
    with proxy(site.port, protocol="HTTP/1.0") as front:
        found = check(front.url)
    assert (found.exit_code, found.report["buffered"]) == (0, False)
    assert "http-1.0" in found.codes("hint")


@pytest.mark.parametrize(
    ("arrivals", "lumps"),
    [
        ((0.0, 0.3, 0.6, 0.9, 1.2, 1.5), 6),
        ((0.0, 0.31, 0.95, 0.96, 1.2, 1.51), 5),  # busy for a moment
        ((1.5, 1.5, 1.51, 1.51, 1.52, 1.53), 1),
        ((0.0, 1.5, 1.5, 1.5, 1.5, 1.5), 2),
        ((0.9, 0.9, 0.9, 1.5, 1.5, 1.5), 2),
    ],
)
def test_what_arrives_together_is_one_lump(arrivals: tuple[float, ...], lumps: int) -> None:
    probed = StreamProbe(
        way="sse",
        streams=6,
        server="any",
        arrivals=arrivals,
        complete=True,
        answer=Any,  # type: ignore[arg-type]
    )
    assert (probed.lumps, probed.flows) == (lumps, lumps >= 4)


# ---- hosts that do not stream


def test_sync_workers_are_told_to_have_threads(
    check: Check, settings: dict[str, str], tmp_path: Path
) -> None:
    with gunicorn(tmp_path, settings, "--workers", "2") as server:
        found = check(f"http://127.0.0.1:{server.port}")
    assert (found.exit_code, found.report["way"], found.report["buffered"]) == (1, "poll", None)
    assert "--workers 1 --threads 32" in found.advice("poll")
    # Half-sent requests hold such workers, unless a proxy buffers them.
    for line in ("proxy_request_buffering on;", "request_buffers", "SetInputFilter BUFFER"):
        assert line in found.advice("unbuffered")


@pytest.mark.parametrize(
    ("told", "code", "advice"),
    [
        (("poll", 0, "unknown"), "poll", "--threads 32"),
        (("poll", 0, "waitress"), "poll", "Start waitress with `--threads 32`"),
        (("poll", 0, "mod_wsgi"), "poll", "daemon mode with `threads=32`"),
        (("inline", 0, "uWSGI"), "inline", "--enable-threads --threads 32"),
        (("sse", 0, "gunicorn"), "sse-without-threads", "remove the setting"),
    ],
)
def test_too_few_threads_are_to_be_changed(
    check: Check, site: Server, told: tuple[str, int, str], code: str, advice: str
) -> None:
    with proxy(site.port, answers=telling(*told)) as front:
        found = check(front.url)
    assert advice in found.advice(code)
    assert (found.report["way"], found.report["streams"]) == told[:2]


@pytest.mark.parametrize("way", ["poll", "inline"])
def test_what_a_setting_says_is_only_noted(check: Check, site: Server, way: str) -> None:
    with proxy(site.port, answers=telling(way, 24, "gunicorn")) as front:
        found = check(front.url)
    assert (found.exit_code, way in found.codes("hint")) == (0, True)
    assert f"WEBAPP_STREAMING={way}" in found.findings[way]["text"]


def test_a_name_that_the_site_does_not_serve_is_told(check: Check, site: Server) -> None:
    with proxy(site.port, asks_with={"Host": "app.internal"}) as front:
        advice = check(front.url).advice("wrong-host")
    assert "WEBAPP_TRUSTED_HOSTS" in advice
    assert "proxy_set_header Host" in advice


@pytest.mark.usefixtures("trusted")
def test_plain_http_that_leads_to_https_is_followed(check: Check, https_site: Server) -> None:
    with proxy(https_site.port, tls=True, asks_with={"X-Forwarded-Proto": "https"}) as secure:
        moved = (301, {"Location": f"{secure.url}/healthz"}, b"")
        with proxy(answers={"/healthz": moved}) as plain:
            found = check(plain.url)
    assert (found.exit_code, "redirected-to-https" in found.codes("good")) == (0, True)
    assert len(plain.asked) == 1


def test_no_cookie_and_no_password_is_sent(
    check: Check, site: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine localhost login alice password violet\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    with proxy(site.port) as front, proxy() as other:
        monkeypatch.setenv("http_proxy", other.url)
        check(front.url)
    assert other.asked == []
    assert {path for path, _ in front.asked} == {
        "/healthz", "/readyz", "/healthz/stream", "/", "/login"
    }  # fmt: skip
    assert not any({"Cookie", "Authorization"} & headers.keys() for _, headers in front.asked)


# ---- what pages carry


@pytest.mark.usefixtures("trusted")
def test_an_app_that_does_not_know_of_https_is_told(check: Check, https_site: Server) -> None:
    with proxy(https_site.port, tls=True) as front:
        found = check(front.url)
    assert "WEBAPP_PROXY_HOPS" in found.advice("no-hsts")


@pytest.mark.usefixtures("trusted")
def test_cookies_that_may_travel_in_the_open_are_told(check: Check, site: Server) -> None:
    with proxy(site.port, tls=True) as front:
        found = check(front.url)
    assert "WEBAPP_INSECURE_COOKIES" in found.advice("insecure-cookies")


def test_headers_that_a_proxy_takes_away_are_told(check: Check, site: Server) -> None:
    lost = ("Content-Security-Policy", "Cache-Control")
    with proxy(site.port, drops=lost) as front:
        found = check(front.url)
    assert {"headers-lost", "cache-control"} <= found.codes("change")
    assert "Content-Security-Policy" in found.findings["headers-lost"]["text"]


def test_what_a_proxy_adds_is_noted(check: Check, site: Server) -> None:
    says = {"Server": "nginx/1.24.0", "X-Frame-Options": "DENY"}
    with proxy(site.port, says=says) as front:
        found = check(front.url)
    assert {"headers-twice", "server-version"} <= found.codes("hint")
    assert found.exit_code == 0


def test_a_page_that_fails_is_told(check: Check, site: Server) -> None:
    with proxy(site.port, answers={"/": (500, {}, b"")}) as front:
        assert "page-fails" in check(front.url).codes("change")


@pytest.mark.parametrize(
    ("cookie", "level", "code"),
    [
        ("__Host-session=1; Secure; HttpOnly", "change", "https-needed"),
        ("session=1; HttpOnly", "hint", "plain-http"),
    ],
)
def test_plain_http_in_the_open_is_told(
    check: Check, monkeypatch: pytest.MonkeyPatch, cookie: str, level: str, code: str
) -> None:
    monkeypatch.setattr(Site, "is_loopback", False)
    answers: Answers = {
        "/healthz": (200, {}, b"ok\n"),
        "/readyz": (200, {}, b"ready\n"),
        "/": (200, {"Set-Cookie": cookie}, b""),
        **telling("poll", 24, "gunicorn"),
    }
    with proxy(answers=answers) as front:
        assert code in check(front.url).codes(level)


# ---- how it says so


def test_each_finding_is_a_line_that_is_safe_in_a_terminal(cli: CommandLine, site: Server) -> None:
    unready: Answer = (503, {}, b"the \x1b[2Jdatabase\nis away\n")
    with proxy(site.port, answers={"/readyz": unready}) as front:
        result = cli("doctor", front.url)
    assert result.exit_code == 1
    *lines, last = result.stdout.splitlines()
    assert all(line.startswith(("ok      ", "note    ", "CHANGE  ")) for line in lines)
    assert "\\x1b[2Jdatabase. " in result.stdout
    assert last == "1 thing to change."
