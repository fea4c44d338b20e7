"""Two servers behind a proxy without affinity: turns are neither lost nor doubled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.support.conversation import (
    Bubble,
    Calls,
    Talker,
    bubbles,
    question,
    spoken,
    tokens_in,
    watch_growing,
)
from tests.support.proxy import AlternatingProxy, alternating_between
from tests.support.servers import Server, gunicorn, production
from webapp.config.settings import Settings

pytestmark = pytest.mark.slow

VISITORS = 8
TURNS = 25
# What an answer may say between the request to stop and its end: five seconds' worth.
MORE_TOKENS = 100
OPEN = (
    "SELECT count(*) FROM messages WHERE status = 'streaming'",
    "SELECT count(*) FROM turns WHERE status = 'running'",
    "SELECT count(*) FROM chats WHERE turn_id IS NOT NULL",
)


@dataclass
class Pair:
    """Two servers on one database, a proxy in front of them, and what the app was told."""

    one: Server
    other: Server
    proxy: AlternatingProxy
    calls: Calls
    database_url: str


@contextmanager
def pair(folder: Path, database_url: str) -> Iterator[Pair]:
    """Start two servers, each with a master of its own."""
    calls = Calls(folder)
    settings = {**production(database_url, "talker.py"), **calls.settings}
    shape = ("--workers", "1", "--threads", "16")
    with (
        gunicorn(folder, settings, *shape) as one,
        gunicorn(folder, settings, *shape) as other,
        alternating_between(one.port, other.port) as proxy,
    ):
        yield Pair(one, other, proxy, calls, database_url)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Pair]:
    """Return two servers on one SQLite file."""
    folder = tmp_path_factory.mktemp("pair")
    file = folder / "chat.sqlite3"
    file.write_bytes(sqlite_template.read_bytes())
    with pair(folder, f"sqlite:///{file}") as started:
        yield started


def test_two_hundred_turns_are_neither_lost_nor_doubled(servers: Pair) -> None:
    _talk_and_check(servers, TURNS)


@pytest.mark.postgresql
def test_turns_are_neither_lost_nor_doubled_on_postgresql(
    tmp_path: Path, postgresql_url: str
) -> None:
    with pair(tmp_path, postgresql_url) as servers:
        _talk_and_check(servers, turns=6)


def test_turn_of_another_process_is_shown_in_steps(servers: Pair, tmp_path: Path) -> None:
    enough = tmp_path / "enough"
    order = f"stream steps {enough} 0.06"
    seen = _followed_elsewhere(Talker(servers.one.port).start(), servers, order, enough)
    lengths = [tokens for tokens in (tokens_in(html, "steps") for html in seen) if tokens]
    assert len(set(lengths)) >= 3
    assert lengths == sorted(lengths)
    # The end of the text may come a moment before the end of the turn.
    last = "".join(seen[-2:])
    assert "steps-end" in last
    assert 'data-status="complete"' in last
    assert servers.calls.of(order) == 1


def test_steps_of_another_process_are_shown_in_their_places(servers: Pair, tmp_path: Path) -> None:
    enough = tmp_path / "enough"
    talker = Talker(servers.one.port).start()
    seen = _followed_elsewhere(talker, servers, f"steps work {enough} 0.06", enough)
    assert len({tokens_in(html, "work") for html in seen}) >= 3
    page = talker.page()
    outer, inside = page.all("details", data_testid="step")
    assert inside in list(outer.walk())
    assert [step["data-status"] for step in (outer, inside)] == ["complete", "complete"]
    whole = " ".join(inside.text.split())
    assert spoken("work", tokens_in(whole, "work")) in whole
    assert bubbles(page)[-1].text == "work is done"


def _followed_elsewhere(talker: Talker, servers: Pair, order: str, enough: Path) -> list[str]:
    """Let one process answer, and return what the other one shows of it, to its end."""
    name = order.split()[1]
    with talker.say(order) as own:
        own.until(f"{name}-0")
        talker.move_to(servers.other.port)
        with talker.follow() as stream:
            assert stream.is_stream
            return watch_growing((event.html for event in stream.events()), name, enough, 3)


def test_stop_through_the_other_process_keeps_what_was_written(servers: Pair) -> None:
    talker = Talker(servers.one.port).start()
    with talker.say("stream cut 100000 0.05") as stream:
        stream.until("cut-9 ")
        talker.move_to(servers.other.port)
        assert talker.stop().status == 204
        stored = tokens_in(talker.bubbles()[-1].text, "cut")
        [_, answer] = talker.wait_for_end()
    assert answer.status == "stopped"
    assert answer.text.startswith("cut-0 cut-1 ")
    assert stored <= tokens_in(answer.text, "cut") < stored + MORE_TOKENS


def _talk_and_check(servers: Pair, turns: int) -> None:
    talkers = [Talker(servers.proxy.port).start() for _ in range(VISITORS)]
    with ThreadPoolExecutor(VISITORS) as pool:
        list(pool.map(lambda n: _talk(talkers[n], f"v{n}", turns), range(VISITORS)))
    for number, talker in enumerate(talkers):
        assert talker.wait_for_end() == _conversation(f"v{number}", turns)
    asked = Counter(_order(f"v{n}", turn) for n in range(VISITORS) for turn in range(turns))
    assert Counter(call for call in servers.calls.all() if call in asked) == asked
    assert _left_open(servers.database_url) == 0
    assert min(servers.proxy.passed_on.values()) > VISITORS * turns / 2


def _talk(talker: Talker, name: str, turns: int) -> None:
    """Say one thing after the other, and watch the answers in all the ways there are."""
    for turn in range(turns):
        order = _order(name, turn)
        match turn % 5:
            case 1:
                _leave_and_come_back(talker, order)
            case 2:  # without JavaScript
                assert talker.said(order, htmx=False).status == 303
                talker.wait_for_end()
            case 3:
                _say_twice_at_once(talker, order)
            case _:
                assert talker.said(order).status == 200


def _leave_and_come_back(talker: Talker, order: str) -> None:
    with talker.say(order) as stream:
        assert stream.status == 200
    turn = talker.running()
    if turn:
        with talker.follow(turn) as stream:
            stream.text()
    talker.wait_for_end()


def _say_twice_at_once(talker: Talker, order: str) -> None:
    key = question("")["key"]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda who: who.said(order, key), [talker, talker.twin()]))
    assert [answer.status for answer in answers] == [200, 200]


def _order(name: str, turn: int) -> str:
    return f"echo {name}.{turn}" if turn % 5 in (0, 3) else f"stream {name}.{turn} 12 0.02"


def _conversation(name: str, turns: int) -> list[Bubble]:
    """Return what the page of a chat must show in the end."""
    found = []
    for turn in range(turns):
        order = _order(name, turn)
        whole = spoken(f"{name}.{turn}", 12) if order.startswith("stream") else f"{name}.{turn}"
        found += [Bubble("user", "complete", order), Bubble("assistant", "complete", whole)]
    return found


def _left_open(database_url: str) -> int:
    """Return how many rows say that something is still going on."""
    engine = create_engine(Settings(database_url=database_url).url)
    try:
        with engine.connect() as connection:
            return sum(int(connection.scalar(text(statement)) or 0) for statement in OPEN)
    finally:
        engine.dispose()
