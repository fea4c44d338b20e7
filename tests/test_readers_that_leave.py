"""Whoever reads an answer holds a thread at most, and not for longer than they read."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import make_server

from tests.cli_support import CommandLine
from tests.support.apps import AppMaker
from tests.support.conversation import (
    Bubble,
    Calls,
    Rows,
    Stream,
    Talker,
    spoken,
    tokens_in,
    wait_until,
)
from tests.support.html import parse
from tests.support.rows import pooled_connections_in_use
from tests.support.servers import Server, gunicorn, production
from webapp.database import engines

pytestmark = pytest.mark.slow

# Where streams hold threads, two of four stay free for everything else.
SHAPE = ("--workers", "1", "--threads", "4")
SLOTS = 2
TURNS_PER_USER = 2
READERS = 12
LONG_AGO = "datetime('now', '-2 hours')"
ENDLESS = "stream endless 100000 0.05"


@dataclass
class Site:
    """A server with login and few threads, its database, and what the app was told."""

    server: Server
    rows: Rows
    calls: Calls
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def talker(self, name: str = "") -> Talker:
        """Return somebody in a chat of their own, whom nobody has seen before."""
        name = name or f"u{next(self._numbers)}"
        return Talker(self.server.port).log_in(name).start()

    def has_used_nothing(self, name: str) -> bool:
        """Say whether somebody's session was last used as long ago as a test has set it."""
        used = (
            "SELECT seen_at < datetime('now', '-1 hour') FROM login_sessions WHERE identifier = ?"
        )
        return bool(self.rows.one(used, name))

    def wait_until_nobody_reads(self) -> None:
        """Wait until the streams of earlier tests have ended."""
        talker = self.talker("usher")
        wait_until(lambda: self._all_slots_can_be_taken(talker), pause=0.2)

    def _all_slots_can_be_taken(self, talker: Talker) -> bool:
        with talker.say(ENDLESS) as one, talker.follow() as two:
            free = one.is_stream and two.is_stream
            talker.stop()
            # To the end, so that these two leave nothing behind.
            one.text()
            two.text()
        return free

    def slots_are_free(self, talkers: list[Talker]) -> bool:
        """Say whether all of these can read their turns as streams, at the same time."""
        with ExitStack() as stack:
            streams = [stack.enter_context(talker.follow()) for talker in talkers]
            return all(stream.is_stream for stream in streams)


# Middleware of the site keeps connections from being handed over, so each stream holds a thread.
A_THREAD_EACH = """
def post_worker_init(worker):
    app = worker.wsgi

    def each_chunk(environ, start_response):
        body = app(environ, start_response)
        try:
            yield from body
        finally:
            getattr(body, "close", list)()

    worker.wsgi = each_chunk
"""


@pytest.fixture(scope="module", params=["handed over", "a thread each"])
def small_site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    calls, file = Calls(folder), folder / "chat.sqlite3"
    file.write_bytes(sqlite_template.read_bytes())
    settings = {
        **production(f"sqlite:///{file}", "talker.py"),
        **calls.settings,
        "TALKER_LOGIN": "1",
        "WEBAPP_TURNS_PER_USER": str(TURNS_PER_USER),
        "WEBAPP_SHUTDOWN_SECONDS": "1",
        "WEBAPP_MAX_STREAMS": str(SLOTS),
    }
    config = folder / "gunicorn.conf.py"
    config.write_text(A_THREAD_EACH if request.param == "a thread each" else "")
    with gunicorn(folder, settings, *SHAPE, "--config", str(config)) as server:
        yield Site(server, Rows(f"sqlite:///{file}"), calls)


@pytest.fixture
def site(small_site: Site) -> Site:
    """Return the server when nobody reads anything there."""
    small_site.wait_until_nobody_reads()
    return small_site


@pytest.mark.parametrize("leave", [Stream.close, Stream.reset])
def test_reader_who_has_gone_frees_the_thread_and_the_turn_goes_on(
    site: Site, leave: Callable[[Stream], None], tmp_path: Path
) -> None:
    enough = tmp_path / "enough"
    order = f"stream {leave.__name__} {enough} 0.05"
    talking, quiet, other = site.talker(), site.talker(), site.talker()
    with talking.say(order) as one, quiet.say(f"sleep {leave.__name__} 100") as two:
        assert (one.is_stream, two.is_stream) == (True, True)
        one.until(f"{leave.__name__}-0")
        with other.say(ENDLESS) as third:
            assert not third.is_stream
        leave(one)
        leave(two)
    # A reader who has gone is noticed by what is written to them, every 5 s if there is nothing to
    # say: the first time the system finds out, the second time it tells.
    wait_until(lambda: site.slots_are_free([other, quiet]), pause=0.5)
    assert quiet.bubbles()[-1].status == "streaming"
    quiet.stop()
    other.stop()
    enough.touch()
    answer = talking.wait_for_end()[-1]
    whole = spoken(leave.__name__, tokens_in(answer.text, leave.__name__))
    assert answer == Bubble("assistant", "complete", whole)
    assert site.calls.of(order) == 1


def test_readers_who_take_nothing_free_their_threads(site: Site) -> None:
    order = "pour silent 100 3000 0.05"
    silent, other = [site.talker() for _ in range(SLOTS)], site.talker()
    with ExitStack() as stack:
        for talker in silent:
            stack.enter_context(talker.say_and_read_nothing(order))
        wait_until(lambda: site.calls.of(order) == SLOTS)
        with other.say(ENDLESS) as third:
            assert not third.is_stream
        # Both turns are over by then; only giving the readers up frees their threads.
        ended = [talker.wait_for_end()[-1] for talker in silent]
        wait_until(lambda: site.slots_are_free([other, other]), pause=0.5)
    other.stop()
    assert [answer.status for answer in ended] == ["complete", "complete"]
    assert all(answer.text.endswith("silent-end") for answer in ended)
    assert site.calls.of(order) == SLOTS


def test_reader_beyond_the_slots_polls_and_pages_are_there(site: Site) -> None:
    first, second, third = (site.talker() for _ in range(SLOTS + 1))
    with first.say(ENDLESS) as one, second.say(ENDLESS) as two:
        for stream in (one, two):
            stream.until("endless-0 ")
        with third.say(ENDLESS) as polled:
            turn = parse(polled.text()).one(id="turn", data_turn_id=third.running())
        assert turn["hx-trigger"].startswith("every ")
        # The streams go on for longer than a page that waits for one of their threads would.
        assert third.get("/").status == 200
        with third.follow() as again:
            assert (again.status, again.is_stream) == (200, False)
            assert "endless-0" in again.text()
    for talker in (first, second, third):
        talker.stop()


def test_one_turn_too_many_is_refused_and_its_text_kept(site: Site) -> None:
    talkers = [site.talker("greedy") for _ in range(TURNS_PER_USER + 1)]
    *talking, refused = talkers
    for talker in talking:
        assert talker.said("sleep greedy 100", htmx=False).status == 303
    page = refused.said("echo my words", htmx=False)
    assert (page.status, page.headers["Retry-After"]) == (429, "5")
    assert parse(page.text).one(id="composer-input").text.strip() == "echo my words"
    notice = refused.said("echo my words")
    assert (notice.status, notice.headers["HX-Retarget"]) == (429, "#notices")
    assert refused.bubbles() == []
    talking[0].stop()
    talking[0].wait_for_end()
    assert refused.said("echo my words").status == 200
    talking[1].stop()


def test_reading_ends_with_the_session_and_the_turn_does_not(site: Site) -> None:
    revoked, left = site.talker("revoked"), site.talker("left")
    with revoked.say(ENDLESS) as one, left.say(ENDLESS) as two:
        for stream in (one, two):
            stream.until("endless-0 ")
        turns = [talker.running() for talker in (revoked, left)]
        CommandLine(Path(site.rows.file).parent, site.rows.url).ok(
            "sessions", "revoke", "--user", "revoked"
        )
        assert left.twin().post("/logout").status == 303
        for stream in (one, two):
            assert "endless-end" not in stream.text()
    for talker, turn in zip((revoked, left), turns, strict=True):
        with talker.follow(turn) as refused:
            assert refused.status == 401
            assert refused.headers["HX-Redirect"].startswith("/login")
        talker.log_in("revoked" if talker is revoked else "left")
        assert talker.bubbles()[-1].status == "streaming"
        talker.stop()


def test_reading_ends_with_a_session_that_its_user_ended_elsewhere(site: Site) -> None:
    here, there = site.talker("away"), site.talker("away")
    with there.say(ENDLESS) as stream:
        stream.until("endless-0 ")
        assert here.post("/account/sessions/end-others").status == 303
        assert "endless-end" not in stream.text()
    there.log_in("away").stop()


@pytest.mark.parametrize("others", [0, SLOTS])
def test_watching_does_not_count_as_using_the_session(site: Site, others: int) -> None:
    name, readers = f"idle{others}", [site.talker() for _ in range(others)]
    talker = site.talker(name)
    with ExitStack() as stack:
        for reader in readers:
            stack.enter_context(reader.say(ENDLESS)).until("endless-0 ")
        assert talker.said(ENDLESS, htmx=False).status == 303
        turn = talker.running()
        site.rows.run(f"UPDATE login_sessions SET seen_at = {LONG_AGO} WHERE identifier = ?", name)
        with talker.follow(turn) as stream:
            assert stream.is_stream is not bool(others)
            assert "endless-0" in (stream.until("endless") if stream.is_stream else stream.text())
        assert site.has_used_nothing(name)
    talker.get("/")
    assert not site.has_used_nothing(name)
    for each in (talker, *readers):
        each.stop()


@pytest.fixture
def crowded(
    make_app: AppMaker, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Flask, int]]:
    """Return an app with two connections to its database, and the port where it is served."""
    options = engines.engine_options
    few = {"pool_size": 1, "max_overflow": 1}
    monkeypatch.setattr(engines, "engine_options", lambda settings: options(settings) | few)
    app = make_app("talker.py")
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield app, server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Return what the app in this process was told."""
    calls = Calls(tmp_path)
    for name, value in calls.settings.items():
        monkeypatch.setenv(name, value)
    return calls


def test_many_streams_share_two_connections(crowded: tuple[Flask, int], calls: Calls) -> None:
    _, port = crowded
    talkers = [Talker(port).start() for _ in range(READERS)]
    orders = [f"stream c{n} 30 0.05" for n in range(READERS)]
    with ThreadPoolExecutor(READERS) as pool:
        texts = list(pool.map(_streamed, talkers, orders))
    for number, text in enumerate(texts):
        assert f"c{number}-end" in text
    assert sorted(calls.all()) == sorted(orders)


def test_stream_that_waits_holds_no_connection(crowded: tuple[Flask, int]) -> None:
    app, port = crowded
    talker = Talker(port).start()
    with talker.say("sleep tight 2") as stream:
        assert stream.is_stream
        next(stream.events())
        # Now and then the turn is looked after, which takes a moment.
        seen = [_pause_and(lambda: pooled_connections_in_use(app)) for _ in range(30)]
        assert seen.count(0) > 5
        assert "tight has slept" in stream.text()


def _streamed(talker: Talker, order: str) -> str:
    with talker.say(order) as stream:
        assert stream.is_stream
        return stream.text()


def _pause_and(look: Callable[[], int]) -> int:
    time.sleep(0.02)
    return look()
