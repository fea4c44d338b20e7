"""The same conversation on each kind of server: what may differ is how it is watched."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.apps import APPS
from tests.support.conversation import (
    Bubble,
    Stream,
    Talker,
    bubbles,
    spoken,
    tokens_in,
    wait_until,
    watch_growing,
)
from tests.support.html import parse
from tests.support.servers import (
    Server,
    chat_profiles_run,
    gunicorn,
    production,
    running,
    uwsgi,
    waitress,
)

pytestmark = pytest.mark.slow

Start = Callable[[Path, Mapping[str, str]], AbstractContextManager[Server]]


@contextmanager
def flask_run(folder: Path, settings: Mapping[str, str]) -> Iterator[Server]:
    """Yield Flask's own server; it answers by then."""
    app = ("--app", "webapp:create_app()")
    command = [sys.executable, "-m", "flask", *app, "run", "--port", "{port}"]
    with running(command, folder, settings) as server:
        server.wait_for("/healthz")
        yield server


SERVERS: dict[str, Start] = {
    "gunicorn": gunicorn,
    "gunicorn sync": lambda folder, settings: gunicorn(folder, settings, "--workers", "2"),
    "waitress": waitress,
    "uwsgi": uwsgi,
    "flask run": flask_run,
    "chat-profiles run": lambda folder, _: chat_profiles_run(folder, APPS / "talker.py"),
}
# Where a server has no threads to spare for streams.
POLLING = {"gunicorn sync"}


@dataclass
class Site:
    """A server, and whether answers are streamed there."""

    server: Server
    streams: bool
    # The author sits at this machine, and is shown what has failed.
    shows_errors: bool

    def talker(self) -> Talker:
        """Return somebody in a chat of their own."""
        return Talker(self.server.port).start()


@pytest.fixture(scope="module", params=SERVERS)
def site(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    sqlite_template: Path,
) -> Iterator[Site]:
    """Return a server of each kind in turn."""
    folder = tmp_path_factory.mktemp("site")
    file = folder / "chat.sqlite3"
    file.write_bytes(sqlite_template.read_bytes())
    settings = production(f"sqlite:///{file}", "talker.py")
    with SERVERS[request.param](folder, settings) as server:
        shows_errors = request.param == "chat-profiles run"
        yield Site(server, request.param not in POLLING, shows_errors)
        assert "Exception on " not in server.log


def test_steps_are_shown_as_they_run(site: Site, tmp_path: Path) -> None:
    talker, enough = site.talker(), tmp_path / "enough"
    with talker.say(f"steps work {enough} 0.05") as stream:
        if site.streams:
            seen = "".join(watch_growing(_streamed(stream), "work", enough, 4))
        else:
            enough.touch()
    if site.streams:
        # What comes within a step is added there, and its text grows there.
        outer, inside = re.findall(r'<details id="said-([\w-]+)"', seen)[:2]
        assert f'hx-target="#steps-{outer}" hx-swap="beforeend"><details id="said-{inside}"' in seen
        assert seen.count(f'hx-target="#tail-{inside}"') >= 3
        assert f'hx-target="#said-{inside}" hx-swap="outerMorph"' in seen
    talker.wait_for_end()
    page = talker.page()
    outer_step, inner_step = page.all("details", data_testid="step")
    assert inner_step in list(outer_step.walk())
    assert inner_step["data-status"] == "complete"
    whole = " ".join(inner_step.text.split())
    assert spoken("work", tokens_in(whole, "work")) in whole


def test_answer_that_takes_a_while_is_watched_to_its_end(site: Site, tmp_path: Path) -> None:
    talker, enough = site.talker(), tmp_path / "enough"
    order = f"stream word {enough} 0.05"
    with talker.say(order) as stream:
        assert stream.is_stream is site.streams
        coming = _streamed(stream) if stream.is_stream else _polled(talker, stream)
        pieces = watch_growing(coming, "word", enough, 2)
    lengths = [tokens_in(piece, "word") for piece in pieces if tokens_in(piece, "word")]
    assert len(set(lengths)) >= 2
    assert lengths == sorted(lengths)
    # The end of the text may come a moment before the end of the turn.
    assert "word-end" in "".join(pieces[-2:])
    whole = Bubble("assistant", "complete", spoken("word", lengths[-1]))
    assert talker.bubbles() == [Bubble("user", "complete", order), whole]


def _streamed(stream: Stream) -> Iterator[str]:
    assert stream.headers["X-Accel-Buffering"] == "no"
    for event in stream.events():
        yield event.html
    assert not stream.left_over


def _polled(talker: Talker, first: Stream) -> Iterator[str]:
    """Ask again and again, as the page does that was told to."""
    piece = first.text()
    yield piece
    while '<div id="turn" class="turn" data-turn-id=' in piece:
        place = parse(piece).one(id="turn")
        assert place["hx-trigger"].startswith("every 1s")
        time.sleep(0.3)
        piece = talker.asks(place["hx-get"]).text
        yield piece


def test_quick_answer_comes_with_its_question(site: Site) -> None:
    talker = site.talker()
    # On a busy machine one may not be quick enough, and is watched.
    answers = [talker.said(f"echo hello {n}") for n in range(5)]
    quick = [a for a in answers if a.headers.get_content_type() == "text/html"]
    kinds = [[b.kind for b in bubbles(parse(answer.text))] for answer in quick]
    assert ["user", "assistant"] in kinds
    assert [b.text for b in talker.wait_for_end()[1::2]] == [f"hello {n}" for n in range(5)]


def test_page_that_is_opened_meanwhile_shows_what_is_stored_and_stop_keeps_it(site: Site) -> None:
    talker = site.talker()
    with talker.say("stream on 10000 0.05") as stream:
        assert stream.status == 200
    wait_until(lambda: tokens_in(_answer(talker).text, "on") > 0)
    first = _answer(talker)
    wait_until(lambda: len(_answer(talker).text) > len(first.text))
    assert first.status == "streaming"
    assert talker.stop().status == 204
    stopped = talker.wait_for_end()[-1]
    assert stopped.status == "stopped"
    assert stopped.text.startswith(first.text)
    assert spoken("on", 10_000).startswith(stopped.text)


def test_failure_is_told_with_a_reference_and_the_next_message_works(site: Site) -> None:
    talker = site.talker()
    answer = talker.said("fail")
    assert site.shows_errors or "a secret of the author" not in answer.text
    failure = talker.wait_for_end()[-1]
    assert (failure.kind, failure.status) == ("error", "failed")
    assert ("a secret of the author" in failure.text) is site.shows_errors
    reference = re.search(r"reference (\w+)", failure.text)
    assert reference
    assert reference[1] in site.server.log
    assert talker.said("echo again").status == 200
    assert talker.wait_for_end()[-1] == Bubble("assistant", "complete", "again")


def test_conversation_goes_on_without_javascript(site: Site) -> None:
    talker = site.talker()
    sent = talker.said("block plain 0.2", htmx=False)
    assert (sent.status, sent.headers["Location"]) == (303, talker.path)
    assert talker.wait_for_end()[-1] == Bubble("assistant", "complete", "plain was blocked")


def _answer(talker: Talker) -> Bubble:
    return talker.bubbles()[-1]
