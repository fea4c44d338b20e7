"""Where gunicorn hands over connections, one thread serves all streams, and gunicorn goes on."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.conversation import Bubble, Stream, Talker, spoken, tokens_in, wait_until
from tests.support.procfs import holdings
from tests.support.servers import PATIENCE, Server, gunicorn, production

pytestmark = pytest.mark.slow

# More streams than threads, and than the connections that gunicorn serves at once.
STREAMS = 60
THREADS = 4
SHAPE = ("--workers", "1", "--threads", str(THREADS), "--worker-connections", "30")
LOG = ("--access-logfile", "-")
# Threads that are not there from the beginning: the loop's, the keeper's, the streams' own and the
# one that asks the database for them, and those of gunicorn that had nothing to do yet.
OTHER_THREADS = 4 + THREADS


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Server]:
    """Return a server with few threads and a site on it."""
    folder = tmp_path_factory.mktemp("site")
    file = folder / "chat.sqlite3"
    file.write_bytes(sqlite_template.read_bytes())
    settings = production(f"sqlite:///{file}", "talker.py") | {"WEBAPP_MAX_STREAMS": "100"}
    with gunicorn(folder, settings, *SHAPE, *LOG) as server:
        yield server
        assert "Traceback" not in server.log


def worker_of(server: Server) -> int:
    """Return the process that answers."""
    [worker] = workers_of(server)
    return worker


def workers_of(server: Server) -> list[int]:
    """Return the processes that answer, or still end."""
    pid = server.process.pid
    return [int(w) for w in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_many_streams_need_few_threads_and_pages_stay_fast(server: Server) -> None:
    before = holdings(worker_of(server)).threads
    talkers = [Talker(server.port).start() for _ in range(STREAMS)]
    with ExitStack() as stack:
        streams = [stack.enter_context(t.say("stream many 100000 0.1")) for t in talkers]
        assert all(stream.is_stream for stream in streams)
        for stream in streams:
            stream.until("many-1 ")
        assert holdings(worker_of(server)).threads <= before + OTHER_THREADS
        # None of the streams ends by itself before this page would be given up.
        assert talkers[0].get("/").status == 200
        for stream in streams:
            stream.until("many-2")
        for talker in talkers:
            talker.stop()
        assert all("Stopped" in stream.text() for stream in streams)


def test_words_come_one_by_one_under_all_headers(server: Server) -> None:
    talker = Talker(server.port).start()
    with talker.say("stream word 12 0.2") as stream:
        assert stream.headers["Connection"] == "close"
        assert stream.headers["X-Accel-Buffering"] == "no"
        assert "default-src 'none'" in stream.headers["Content-Security-Policy"]
        assert stream.headers["X-Request-ID"]
        pieces = [tokens_in(event.html, "word") for event in stream.events()]
        assert not stream.left_over
    assert len(set(pieces)) > 6
    assert talker.bubbles()[-1] == Bubble("assistant", "complete", spoken("word", 12))
    lines = [line for line in server.log.splitlines() if f"{talker.path}/messages" in line]
    assert len(lines) == 1
    assert '" 200 ' in lines[0]


def test_reader_who_goes_is_noticed_at_once_and_nothing_is_left(server: Server) -> None:
    talker = Talker(server.port).start()
    talker.said("sleep on 100", htmx=False)
    turn = talker.running()
    # One user has five streams at most, so each must be free again before the fifth after it.
    for leave in [Stream.close, Stream.reset] * 10:
        _come_and_go(talker, turn, leave)
    before = holdings(worker_of(server))
    for _ in range(500):
        _come_and_go(talker, turn, Stream.close)
    wait_until(lambda: holdings(worker_of(server)).files <= before.files + 3)
    assert holdings(worker_of(server)).threads <= before.threads + THREADS
    talker.stop()
    assert Talker(server.port).get("/").status == 200


def _come_and_go(talker: Talker, turn: str, leave: object) -> None:
    def is_streamed() -> bool:
        with talker.follow(turn) as stream:
            found = stream.is_stream
            assert callable(leave)
            leave(stream)
            return found

    wait_until(is_streamed)


def test_stream_without_a_body_takes_no_place(server: Server) -> None:
    talker = Talker(server.port).start()
    talker.said("sleep on 100", htmx=False)
    path = f"{talker.path}/turns/{talker.running()}"
    for _ in range(20):
        answer = _raw(server, f"HEAD {path} HTTP/1.1", talker)
        assert b"text/event-stream" in answer
        assert answer.endswith(b"\r\n\r\n")
    with talker.follow() as stream:
        assert stream.is_stream
    talker.stop()


def test_http_1_0_gets_events_without_chunks(server: Server) -> None:
    talker = Talker(server.port).start()
    talker.said("stream old 40 0.05", htmx=False)
    path = f"{talker.path}/turns/{talker.running()}"
    head, _, body = _raw(server, f"GET {path} HTTP/1.0", talker).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert body.startswith(b"data: ")
    assert body.endswith(b"\n\n")
    assert b"old-end" in body


def test_reader_who_sends_on_and_on_is_given_up(server: Server) -> None:
    talker = Talker(server.port).start()
    talker.said("sleep on 100", htmx=False)
    path = f"{talker.path}/turns/{talker.running()}"
    with socket.create_connection(("127.0.0.1", server.port)) as sock:
        sock.sendall(_request(f"GET {path} HTTP/1.1", talker))
        assert b"event-stream" in sock.recv(65_536)
        with pytest.raises(OSError, match=r"reset|[Bb]roken"):  # noqa: PT012 - the system buffers
            for _ in range(1_000):
                sock.sendall(b"x" * 65_536)
                time.sleep(0.01)
    talker.stop()


def _raw(server: Server, line: str, talker: Talker) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as sock:
        sock.sendall(_request(line, talker, "Connection: close\r\n"))
        return b"".join(iter(lambda: sock.recv(65_536), b""))


def _request(line: str, talker: Talker, more: str = "") -> bytes:
    head = {"Host": "127.0.0.1", **talker._as_htmx()}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return f"{line}\r\n{lines}{more}\r\n".encode()


@pytest.mark.parametrize("options", [(), ("--preload",)])
def test_reload_ends_streams_and_the_next_worker_tells_the_rest(
    tmp_path: Path, sqlite_url: str, options: tuple[str, ...]
) -> None:
    settings, enough = production(sqlite_url, "talker.py"), tmp_path / "enough"
    with gunicorn(tmp_path, settings, *SHAPE, *options) as server:
        talker, before = Talker(server.port).start(), worker_of(server)
        with talker.say(f"stream on {enough} 0.1") as stream:
            stream.until("on-1 ")
            server.process.send_signal(signal.SIGHUP)
            cut = stream.text()  # it ends in good order
        assert "on-end" not in cut
        with talker.follow() as stream:
            assert stream.is_stream
            enough.touch()
            assert "on-end" in stream.text()
        wait_until(lambda: before not in workers_of(server))
        assert talker.bubbles()[-1].status == "complete"


@pytest.mark.parametrize("more", [(), ("--preload",)])
def test_worker_that_has_answered_enough_serves_until_its_answers_end(
    tmp_path: Path, sqlite_url: str, more: tuple[str, ...]
) -> None:
    settings, enough = production(sqlite_url, "talker.py"), tmp_path / "enough"
    with gunicorn(tmp_path, settings, *SHAPE, "--max-requests", "8", *more) as server:
        talker, before = Talker(server.port).start(), worker_of(server)
        with talker.say(f"stream on {enough} 0.1") as stream:
            stream.until("on-1 ")
            assert [talker.get("/healthz").status for _ in range(20)] == [200] * 20
            assert workers_of(server) == [before]
            enough.touch()
            assert "on-end" in stream.text()
        wait_until(lambda: before not in workers_of(server))
        assert talker.bubbles()[-1].status == "complete"
        assert "Autorestarting worker after" in server.log


def test_worker_that_has_answered_enough_waits_for_a_request_that_arrives(
    tmp_path: Path, sqlite_url: str
) -> None:
    settings = production(sqlite_url, "talker.py")
    with gunicorn(tmp_path, settings, *SHAPE, "--max-requests", "8") as server:
        before = worker_of(server)
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as slow:
            slow.sendall(f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n".encode())
            assert [server.status("/healthz") for _ in range(20)] == [200] * 20
            assert workers_of(server) == [before]
            slow.sendall(b"Connection: close\r\n\r\n")
            assert slow.recv(100).startswith(b"HTTP/1.1 200 ")
        wait_until(lambda: before not in workers_of(server))


def test_worker_that_has_answered_enough_ends_however_busy_it_is(
    tmp_path: Path, sqlite_url: str
) -> None:
    (tmp_path / "conf.py").write_text(
        "def post_worker_init(worker):\n"
        "    from webapp.web.connections import gunicorn_worker\n"
        "    gunicorn_worker.GO_ON_SECONDS = 0.5\n"
    )
    settings, enough = production(sqlite_url, "talker.py"), tmp_path / "enough"
    options = ("--max-requests", "8", "--config", str(tmp_path / "conf.py"))
    with gunicorn(tmp_path, settings, *SHAPE, *options) as server:
        talker, before = Talker(server.port).start(), worker_of(server)
        # The last of them wait for the next worker, which starts when this one has ended.
        with ThreadPoolExecutor(1) as pool, talker.say(f"stream on {enough} 0.1") as stream:
            stream.until("on-1 ")
            asked = pool.submit(lambda: [talker.get("/healthz").status for _ in range(8)])
            assert "on-end" not in stream.text()
            enough.touch()
            assert asked.result() == [200] * 8
        answer = talker.wait_for_end()[-1].text
        assert answer == spoken("on", tokens_in(answer, "on"))
        wait_until(lambda: before not in workers_of(server))


def test_sigterm_ends_streams_in_good_order(tmp_path: Path, sqlite_url: str) -> None:
    settings = production(sqlite_url, "talker.py") | {"WEBAPP_SHUTDOWN_SECONDS": "1"}
    with gunicorn(tmp_path, settings, *SHAPE) as server:
        talkers = [Talker(server.port).start() for _ in range(3)]
        with ExitStack() as stack:
            streams = [stack.enter_context(t.say("stream on 10000 0.05")) for t in talkers]
            for stream in streams:
                stream.until("on-1 ")
            server.process.send_signal(signal.SIGTERM)
            for stream in streams:
                stream.text()
                assert not stream.left_over
        assert server.process.wait(PATIENCE) == 0
        assert "Traceback" not in server.log
