"""What is known of the server around the app, and how answers reach the page there."""

from __future__ import annotations

import json
import os
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from ssl import SSLSocket
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.apps import APPS
from tests.support.conversation import wait_until
from tests.support.servers import (
    Server,
    chat_profiles_run,
    gunicorn,
    production,
    running,
    waitress,
)
from tests.support.wire import RemoteVisitor
from webapp.config.settings import Settings
from webapp.web.server import (
    ASSUMED_THREADS,
    SEEN_AT_ONCE,
    Host,
    host_of,
    max_held_threads,
    most_streams,
    most_streams_of_one,
    way_to_watch,
)

THREADED = {"wsgi.multithread": True, "SERVER_SOFTWARE": "madeup/1.0"}
THREADLESS = min(2_000, os.sysconf("SC_OPEN_MAX") // 2)
FLASK_RUN = [sys.executable, "-m", "flask", "--app", "webapp:create_app()", "run", "--port"]


def listens(server: Server) -> bool:
    """Return whether a server takes connections."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", server.port)) == 0


def told(server: Server) -> tuple[str, int, str]:
    """Return what the probe says first: way, streams, server."""
    answer = RemoteVisitor(server.port).get("/healthz/stream")
    first = json.loads(answer.text.split("\n\n")[0].removeprefix("data: "))
    return first["way"], first["streams"], first["server"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--workers", "1", "--threads", "32"), ("sse", THREADLESS, "gunicorn")),
        (("--threads", "4", "--preload"), ("sse", THREADLESS, "gunicorn")),
        (("--threads", "2"), ("sse", THREADLESS, "gunicorn")),
        (("--worker-class", "gthread"), ("sse", THREADLESS, "gunicorn")),
        (("--workers", "2"), ("poll", 0, "gunicorn")),
    ],
    ids=lambda value: " ".join(map(str, value)),
)
def test_gunicorn_hands_over_connections(
    tmp_path: Path, sqlite_url: str, options: tuple[str, ...], expected: tuple[str, int, str]
) -> None:
    with gunicorn(tmp_path, production(sqlite_url), *options) as server:
        assert told(server) == expected


@pytest.mark.parametrize(
    ("files", "streams"), [(256, 128), (1_024, 512), (1 << 20, 2_000), (-1, 2_000)]
)
def test_streams_without_threads_leave_half_of_the_files(
    monkeypatch: pytest.MonkeyPatch, files: int, streams: int
) -> None:
    monkeypatch.setattr("os.sysconf", {"SC_OPEN_MAX": files}.get)
    assert most_streams(Settings(), Host(name="gunicorn", threads=4, hands_over=True)) == streams


@pytest.mark.parametrize(
    ("changes", "hands_over"),
    [
        ({}, True),
        ({"SERVER_PROTOCOL": "HTTP/1.0"}, True),
        ({"SERVER_PROTOCOL": "HTTP/2.0"}, False),
        ({"gunicorn.socket": None}, False),
        ({"gunicorn.socket": SSLSocket.__new__(SSLSocket)}, False),
    ],
    ids=lambda value: str(value)[:40],
)
def test_only_plain_connections_are_handed_over(changes: dict[str, Any], hands_over: bool) -> None:
    worker = type("Worker", (), {"__module__": "gunicorn.workers.gthread", "cfg": None})()
    worker.cfg = SimpleNamespace(threads=4)
    with socket.socket() as plain:
        connection = {"SERVER_PROTOCOL": "HTTP/1.1", "gunicorn.socket": plain}
        environ = {**THREADED, **connection, **changes}
        assert called_by(worker, {**environ}).hands_over is hands_over
        assert not called_by(SimpleNamespace(cfg=worker.cfg), environ).hands_over


def called_by(worker: object, environ: dict[str, Any]) -> Host:
    """Return what is known of a server whose worker calls the app."""
    place = {"__name__": "gunicorn.workers.gthread", "host_of": host_of}
    exec("def handle_request(self, environ):\n    return host_of(environ)", place)
    host: Host = place["handle_request"](worker, environ)  # type: ignore[operator]
    return host


@pytest.mark.slow
def test_waitress_tells_its_threads(tmp_path: Path, sqlite_url: str) -> None:
    with waitress(tmp_path, production(sqlite_url), "--threads", "16") as server:
        assert told(server) == ("sse", 12, "waitress")


@pytest.mark.slow
def test_run_streams_with_the_threads_it_was_given(tmp_path: Path) -> None:
    with chat_profiles_run(tmp_path, APPS / "simple.py", "--threads", "12") as server:
        assert told(server) == ("sse", 9, "waitress")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("option", "expected"),
    [("--with-threads", ("sse", 750, "werkzeug")), ("--without-threads", ("poll", 0, "werkzeug"))],
)
def test_flask_run_has_threads_without_end_or_one(
    tmp_path: Path, sqlite_url: str, option: str, expected: tuple[str, int, str]
) -> None:
    with running([*FLASK_RUN, "{port}", option], tmp_path, production(sqlite_url)) as server:
        server.wait_for("/healthz")
        assert told(server) == expected


@pytest.mark.slow
def test_settings_win_over_what_the_server_tells(tmp_path: Path, sqlite_url: str) -> None:
    settings = production(sqlite_url) | {"WEBAPP_STREAMING": "poll", "WEBAPP_MAX_STREAMS": "5"}
    with gunicorn(tmp_path, settings) as server:
        assert told(server) == ("poll", 5, "gunicorn")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"threads": b"32"}, Host(name="uWSGI", threads=32)),
        ({"threads": b"2", "enable-threads": True}, Host(name="uWSGI", threads=2)),
        ({"enable-threads": True}, Host(name="uWSGI", threads=1)),
        ({"threads": b"1"}, Host(name="uWSGI", threads=1, background=False)),
        ({}, Host(name="uWSGI", threads=1, background=False)),
    ],
)
def test_uwsgi_tells_its_options(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], expected: Host
) -> None:
    monkeypatch.setitem(sys.modules, "uwsgi", SimpleNamespace(opt=options))
    assert host_of({**THREADED}) == expected


def test_mod_wsgi_tells_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mod_wsgi", SimpleNamespace(threads_per_process=15))
    assert host_of({**THREADED}) == Host(name="mod_wsgi", threads=15)


def test_an_old_mod_wsgi_is_taken_to_have_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mod_wsgi", SimpleNamespace())
    assert host_of({**THREADED}) == Host(name="mod_wsgi", threads=ASSUMED_THREADS)


def test_a_server_that_says_nothing_is_taken_to_have_a_few_threads() -> None:
    assert host_of({**THREADED}) == Host(name="madeup", threads=ASSUMED_THREADS)


@pytest.mark.parametrize(
    ("seen", "streams", "held"), [(1, 0, 1), (2, 1, 1), (3, 2, 2), (7, 6, 6), (8, 6, 7), (50, 6, 7)]
)
def test_streams_stay_fewer_than_the_requests_seen_at_once(
    seen: int, streams: int, held: int
) -> None:
    host = host_of({**THREADED, SEEN_AT_ONCE: seen})
    assert most_streams(Settings(), host) == streams
    assert way_to_watch(Settings(), host) == ("sse" if streams else "poll")
    assert max_held_threads(host) == held


HALF_SENT = (
    b"POST /chats HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
)
# Python's own server, with one thread or with many. Either says that it has several.
PYTHONS_OWN = """
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server

from webapp import create_app


class Threaded(ThreadingMixIn, WSGIServer):
    daemon_threads = True


site = create_app()


def app(environ, start_response):
    return site({**environ, "wsgi.multithread": True}, start_response)


kind = {"one": WSGIServer, "many": Threaded}[sys.argv[2]]
make_server("127.0.0.1", int(sys.argv[1]), app, kind).serve_forever()
"""


@pytest.mark.slow
@pytest.mark.parametrize("threads", ["one", "many"])
def test_pages_poll_until_two_requests_were_seen_at_once(
    tmp_path: Path, sqlite_url: str, threads: str
) -> None:
    command = [sys.executable, "-c", PYTHONS_OWN, "{port}", threads]
    with running(command, tmp_path, production(sqlite_url)) as server:
        # Its first request. Those that follow may come before the thread of this one has ended.
        wait_until(lambda: listens(server))
        assert told(server) == ("poll", 0, "unknown")
        if threads == "one":
            # They come after each other.
            with ThreadPoolExecutor(12) as pool:
                assert set(pool.map(server.status, ["/login"] * 60)) == {303}
            assert told(server) == ("poll", 0, "unknown")
            return
        with ExitStack() as stack:
            for _ in range(3):
                waiting = socket.create_connection(("127.0.0.1", server.port))
                stack.enter_context(waiting).sendall(HALF_SENT)
            wait_until(lambda: told(server) == ("sse", 3, "unknown"))


@pytest.mark.parametrize("environ", [{}, {"wsgi.multithread": False}])
def test_a_server_without_threads_has_one(environ: dict[str, Any]) -> None:
    assert host_of(dict(environ)) == Host(name="unknown", threads=1)


@pytest.mark.parametrize(
    ("threads", "streams"), [(1, 0), (2, 0), (3, 1), (4, 2), (8, 6), (16, 12), (32, 24), (64, 48)]
)
def test_streams_stay_fewer_than_threads(threads: int, streams: int) -> None:
    assert most_streams(Settings(), Host(name="any", threads=threads)) == streams


@pytest.mark.parametrize(
    ("threads", "held"), [(1, 1), (2, 1), (3, 2), (4, 3), (8, 7), (16, 14), (32, 28), (64, 56)]
)
def test_streams_and_whoever_waits_leave_threads_to_others(threads: int, held: int) -> None:
    assert max_held_threads(Host(name="any", threads=threads)) == held


@pytest.mark.parametrize(("turns", "streams"), [(1, 2), (2, 2), (5, 5)])
def test_one_user_has_a_stream_for_each_turn_and_two_at_least(turns: int, streams: int) -> None:
    assert most_streams_of_one(Settings(turns_per_user=turns)) == streams


@pytest.mark.parametrize("most", [0, 3, 500])
def test_the_most_streams_can_be_set(most: int) -> None:
    assert most_streams(Settings(max_streams=most), Host(name="any", threads=8)) == most


@pytest.mark.parametrize(
    ("settings", "host", "way"),
    [
        (Settings(), Host(name="any", threads=8), "sse"),
        (Settings(), Host(name="any", threads=2), "poll"),
        (Settings(max_streams=0), Host(name="any", threads=8), "poll"),
        (Settings(max_streams=1), Host(name="any", threads=1), "sse"),
        (Settings(), Host(name="any", threads=1, background=False), "inline"),
        (Settings(streaming="sse"), Host(name="any", threads=1, background=False), "sse"),
        (Settings(streaming="poll"), Host(name="any", threads=8), "poll"),
        (Settings(streaming="inline"), Host(name="any", threads=8), "inline"),
    ],
)
def test_how_answers_reach_the_page(settings: Settings, host: Host, way: str) -> None:
    assert way_to_watch(settings, host) == way


def test_a_server_that_is_ending_is_seen() -> None:
    assert Host(name="gunicorn", threads=8, worker=SimpleNamespace(alive=False)).is_stopping
    assert not Host(name="gunicorn", threads=8, worker=SimpleNamespace(alive=True)).is_stopping
    assert not Host(name="waitress", threads=8).is_stopping
