"""A server that dies or is told to go: no turn is left in part, none writes for ever."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.conversation import (
    Bubble,
    Calls,
    Rows,
    Talker,
    spoken,
    tokens_in,
    until_answered,
    wait_until,
)
from tests.support.postgresql import PostgreSQLServer
from tests.support.servers import PATIENCE, Server, gunicorn, production
from tests.support.wire import Answer

pytestmark = pytest.mark.slow

CLIENTS = 3
KILLS = 4
HANGUPS = 2
READERS = 4
GRACE_SECONDS = 5
SHAPE = ("--workers", "2", "--threads", "8")
LONG = "stream long 4000 0.03"


@dataclass
class Site:
    """A server, its database, and what the app was told."""

    server: Server
    rows: Rows
    calls: Calls

    def talker(self) -> Talker:
        """Return somebody in a chat of their own."""
        return Talker(self.server.port).start()

    def kill(self, workers: list[int]) -> None:
        """Kill workers; the master starts others."""
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        wait_until(lambda: not set(workers) & set(self.server.workers()))

    def hang_up(self) -> None:
        """Let the master replace its workers."""
        before = set(self.server.workers())
        os.kill(self.server.process.pid, signal.SIGHUP)
        wait_until(lambda: before.isdisjoint(self.server.workers()))

    def let_time_pass(self) -> None:
        """Make it a minute since any process has said that its turns are alive."""
        self.rows.run("UPDATE turns SET seen_at = datetime(seen_at, '-60 seconds')")


@contextmanager
def started(folder: Path, template: Path, **settings: str) -> Iterator[Site]:
    """Start a server on a database of its own."""
    calls = Calls(folder)
    file = folder / "chat.sqlite3"
    file.write_bytes(template.read_bytes())
    chosen = {**production(f"sqlite:///{file}", "talker.py"), **calls.settings, **settings}
    with gunicorn(folder, chosen, *SHAPE) as server:
        yield Site(server, Rows(f"sqlite:///{file}"), calls)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Site]:
    """Return a server that may be killed, as its master starts new workers."""
    folder = tmp_path_factory.mktemp("site")
    with started(folder, sqlite_template, WEBAPP_SHUTDOWN_SECONDS=str(GRACE_SECONDS)) as site:
        yield site


def test_killed_worker_leaves_what_was_stored_and_a_way_on(site: Site) -> None:
    talker = site.talker()
    with talker.say(LONG) as stream:
        stream.until("long-60 ")
        wait_until(lambda: tokens_in(_stored(site, talker), "long") > 0)
        stored = _stored(site, talker)
        site.kill(site.server.workers())
    site.let_time_pass()
    page, [_, answer] = talker.page(), talker.bubbles()
    assert answer.status == "interrupted"
    assert answer.text.startswith(stored.strip())
    assert spoken("long", 4_000).startswith(answer.text)
    _can_be_tried_again(
        site, talker, {e["name"]: e["value"] for e in page.one(id="retry").all("input")}
    )


def _stored(site: Site, talker: Talker) -> str:
    """Return what is stored of the answer that is written in a chat."""
    content = "SELECT content FROM messages WHERE chat_id = ? AND status = 'streaming'"
    return str(site.rows.one(content, talker.chat_id.replace("-", "")))


def _can_be_tried_again(site: Site, talker: Talker, retry: Mapping[str, str]) -> None:
    assert talker.post(f"{talker.path}/retry", dict(retry)).status == 303
    assert site.calls.of(LONG) == 2
    assert talker.stop().status == 204
    assert [b.status for b in talker.wait_for_end()] == ["complete", "interrupted", "stopped"]
    assert talker.said("echo and on").status == 200
    assert talker.bubbles()[-1] == Bubble("assistant", "complete", "and on")


def test_workers_killed_at_any_moment_leave_whole_turns_or_none(site: Site) -> None:
    with Clients(site) as clients:
        for _ in range(KILLS):
            clients.wait_for_more(5)
            time.sleep(random.uniform(0.0, 0.2))
            site.kill(site.server.workers()[:1])
    site.server.wait_for("/readyz")
    site.let_time_pass()
    chats = [chat.all_bubbles() for chat in clients.chats]
    for said in chats:
        _is_whole(said)
    asked = Counter(bubble.text for said in chats for bubble in said if bubble.kind == "user")
    assert set(clients.acknowledged) <= asked.keys()
    assert set(asked.values()) == {1}
    assert all(site.calls.of(text) <= 1 for text in asked)


def _is_whole(said: list[Bubble]) -> None:
    """Check that each message has its answer: the whole of it, or the place where it was due."""
    for question, answer in zip(said[::2], said[1::2], strict=True):
        assert (question.kind, answer.kind) == ("user", "assistant")
        expected = question.text.removeprefix("echo ")
        assert (answer.status, answer.text) in (("complete", expected), ("interrupted", ""))


def test_hangup_under_load_fails_no_post_and_ends_each_turn(site: Site) -> None:
    readers = [site.talker() for _ in range(READERS)]
    orders = [f"stream r{n} 60 0.05" for n in range(READERS)]
    with ThreadPoolExecutor(READERS) as pool, Clients(site) as clients:
        watching = [pool.submit(_watched, *both) for both in zip(readers, orders, strict=True)]
        for _ in range(HANGUPS):
            wait_until(lambda: all(site.calls.of(order) for order in orders))
            clients.wait_for_more(10)
            site.hang_up()
        for watched in watching:
            watched.result()
    for number, reader in enumerate(readers):
        [_, answer] = reader.wait_for_end()
        assert answer.status in ("complete", "interrupted")
        assert spoken(f"r{number}", 60).startswith(answer.text)
    for chat in clients.chats:
        chat.wait_for_end()
        _is_whole(chat.all_bubbles())
    assert [site.calls.of(text) for text in [*orders, *clients.acknowledged]] == [1] * (
        len(orders) + len(clients.acknowledged)
    )


def _watched(talker: Talker, order: str) -> None:
    """Watch an answer to its end as a page does: over one stream after the other."""
    with talker.say(order) as stream:
        stream.text()
        assert not stream.left_over
    while turn := talker.running():
        with talker.follow(turn) as stream:
            stream.text()
            assert not stream.left_over
        time.sleep(0.2)


def test_server_that_ends_waits_for_turns_then_marks_them(
    tmp_path: Path, sqlite_template: Path
) -> None:
    with started(tmp_path, sqlite_template, WEBAPP_SHUTDOWN_SECONDS=str(GRACE_SECONDS)) as site:
        short, long = site.talker(), site.talker()
        with short.say("stream short 20 0.05") as one, long.say(LONG) as other:
            seen = tokens_in(one.until("short-1 ") and other.until("long-20 "), "long")
            site.server.process.terminate()
            assert "long-end" not in other.text()
            assert not other.left_over
        site.server.process.wait(GRACE_SECONDS + PATIENCE)
    assert "Traceback" not in site.server.log
    answers = dict(site.rows.all("SELECT status, content FROM messages WHERE kind = 'assistant'"))
    assert answers["complete"] == spoken("short", 20)
    assert spoken("long", 4_000).startswith(answers["interrupted"])
    assert tokens_in(answers["interrupted"], "long") > seen


def test_server_that_ends_lets_turns_do_their_work(tmp_path: Path, sqlite_template: Path) -> None:
    with started(tmp_path, sqlite_template) as site:
        assert site.talker().said("look_up it 3", htmx=False).status == 303
        site.server.process.terminate()
        site.server.process.wait(PATIENCE)
    answers = site.rows.all("SELECT status, content FROM messages WHERE kind != 'user'")
    assert answers == [("complete", "it has looked it up")]


@pytest.mark.postgresql
def test_turn_outlives_an_outage_of_its_database(
    tmp_path: Path, postgresql_server: PostgreSQLServer, postgresql_url: str
) -> None:
    calls, enough = Calls(tmp_path), tmp_path / "enough"
    order = f"stream patient {enough} 0.05"
    with gunicorn(tmp_path, production(postgresql_url, "talker.py") | calls.settings) as server:
        talker = Talker(server.port).start()
        with talker.say(order) as stream:
            stream.until("patient-10 ")
            postgresql_server.stop()
            time.sleep(1.0)
            postgresql_server.start()
            enough.touch()
            stream.text()
        [_, answer] = talker.wait_for_end()
    whole = spoken("patient", tokens_in(answer.text, "patient"))
    assert answer == Bubble("assistant", "complete", whole)
    assert calls.of(order) == 1


class Clients:
    """People who say one thing after the other, and again what was not taken, until told to stop.

    Who finds the chat busy, since its answer died with its process, goes on in another chat.
    """

    def __init__(self, site: Site) -> None:
        self.acknowledged: list[str] = []
        self.chats: list[Talker] = []
        self._site = site
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(CLIENTS)

    def __enter__(self) -> Clients:
        self._running = [self._pool.submit(self._talk) for _ in range(CLIENTS)]
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop.set()
        self._pool.shutdown()
        for client in self._running:
            client.result()

    def wait_for_more(self, messages: int) -> None:
        """Wait until so many messages more were taken."""
        enough = len(self.acknowledged) + messages
        wait_until(lambda: len(self.acknowledged) >= enough)

    def _talk(self) -> None:
        talker = self._new_chat()
        while not self._stop.is_set():
            text = f"echo {uuid.uuid4()}"
            if _said(talker, text).status == 200:
                self.acknowledged.append(text)
            else:
                talker = self._new_chat()

    def _new_chat(self) -> Talker:
        talker = Talker(self._site.server.port)
        until_answered(lambda: talker.get("/"))
        started = until_answered(lambda: talker.post("/chats", htmx=True))
        talker.chat_id = started.chat_id
        self.chats.append(talker)
        return talker


def _said(talker: Talker, text: str) -> Answer:
    """Say something, and the same with the same key while the site cannot be reached."""
    key = str(uuid.uuid4())
    return until_answered(lambda: talker.said(text, key))
