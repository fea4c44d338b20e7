"""Questions on real servers: the stream ends with the question, and no thread is held."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.conversation import Talker, wait_until
from tests.support.servers import production, waitress
from tests.test_turns_across_processes import Pair, pair

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Pair]:
    """Return two servers on one SQLite file."""
    folder = tmp_path_factory.mktemp("asking")
    file = folder / "chat.sqlite3"
    file.write_bytes(sqlite_template.read_bytes())
    with pair(folder, f"sqlite:///{file}") as started:
        yield started


def asked(talker: Talker, name: str) -> str:
    """Let the app ask something; return the page's HTML when its stream has ended by itself."""
    with talker.say(f"ask {name}") as stream:
        assert stream.is_stream
        return "".join(event.html for event in stream.events())


def test_a_stream_ends_with_the_question_and_another_worker_takes_the_answer(
    servers: Pair,
) -> None:
    talker = Talker(servers.one.port).start()
    html = asked(talker, "colour")
    assert 'data-status="open"' in html
    assert "data-waiting-turn" in html
    talker.move_to(servers.other.port)
    taken = talker.said("blue")
    assert taken.status == 200
    assert 'data-status="open"' not in taken.text
    # The process that waits has heard of it by now, or will soon.
    wait_until(partial(has_heard, talker, "colour is blue"))
    assert servers.calls.of("ask colour") == 1


def test_more_questions_than_threads_are_open_on_waitress(tmp_path: Path, sqlite_url: str) -> None:
    settings = production(sqlite_url, "talker.py")
    with waitress(tmp_path, settings, "--threads=4") as server:
        talkers = [Talker(server.port).start() for _ in range(6)]
        for talker in talkers:
            asked(talker, "colour")
        assert talkers[0].get("/healthz").status == 200
        for talker in talkers:
            talker.said("red")
        for talker in talkers:
            wait_until(partial(has_heard, talker, "colour is red"))


def has_heard(talker: Talker, text: str) -> bool:
    """Return whether the last message in the chat is a text."""
    return talker.bubbles()[-1].text == text
