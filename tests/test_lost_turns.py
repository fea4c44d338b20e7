"""Turns of which nothing was heard for long: who may call them broken off, and who heals that.

Two apps on one database stand for two processes.
"""

from __future__ import annotations

import sys
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.support.apps import AppMaker
from tests.support.chats import Chat, silence_turns
from tests.support.html import Element, parse
from tests.support.people import HTMX, Visitor
from tests.support.postgresql import PostgreSQLServer
from tests.support.rows import column, run_sql
from webapp.engine.errors import StoreUnavailableError
from webapp.testing.background import wait_for_background
from webapp.turns import rows as turn_rows
from webapp.turns.ending import end_lost_turns
from webapp.turns.storing import TurnRows
from webapp.web import housekeeping

HOUR = timedelta(hours=1)
LONG_AGO = datetime(2026, 1, 1)  # noqa: DTZ001 - as it is stored


class Elsewhere:
    """Somebody whose answer is written by one process, and whose page another one answers."""

    def __init__(self, make_app: AppMaker) -> None:
        self.here, self.there = make_app("talker.py"), make_app("talker.py")
        chat = Chat(self.here)
        chat.begin("sleep long 30")
        self.address = chat.address
        self.visitor = self._at(chat.visitor, self.there)
        # Whoever runs it says nothing from now on.
        self._kept = self.here.extensions["conversation"].keeper._turns
        self.silent = silence_turns(self.here)
        run_sql(self.here, "UPDATE turns SET seen_at = :ago", ago=LONG_AGO)

    @staticmethod
    def _at(visitor: Visitor, app: Flask) -> Visitor:
        other = visitor.twin()
        other.app, other.client = app, app.test_client()
        cookie = visitor.client.get_cookie("session")
        assert cookie is not None
        other.client.set_cookie("session", cookie.value)
        return other

    def speak(self) -> None:
        """Let the process that runs the turn say again that it is alive."""
        self._kept.update(self.silent)
        turns = TurnRows(self.here)
        assert turns.beat(list(self.silent)) == set(self.silent)

    def page(self) -> Element:
        """Open the page of the chat."""
        return parse(self.visitor.get(self.address).text)

    def looks(self) -> str:
        """Return how the answer looks on the page."""
        return self.page().all(data_testid="message")[-1]["data-status"]

    def asks(self, place: Element) -> TestResponse:
        """Ask as a page does that has ``place`` under its messages."""
        return self.visitor.get(place["hx-get"], headers=HTMX)

    def says(self, content: str) -> TestResponse:
        """Write something."""
        form = {"content": content, "key": str(uuid.uuid4())}
        return self.visitor.post(f"{self.address}/messages", form)

    def loses_the_database(self) -> None:
        """Let the process that answers find the database failing, and find it back."""
        run_sql(self.there, "ALTER TABLE turns RENAME TO turns_away")
        assert self.visitor.get(self.address).status_code == 503
        run_sql(self.there, "ALTER TABLE turns_away RENAME TO turns")


@pytest.fixture
def elsewhere(make_app: AppMaker) -> Elsewhere:
    """Return somebody whose answer is written elsewhere, by a process that is silent."""
    return Elsewhere(make_app)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_host_with_another_clock_ends_no_turn(
    make_app: AppMaker, either_url: str, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    make_app.database_url = either_url
    app = make_app("talker.py")
    chat = Chat(app)
    chat.begin("sleep long 30")
    keeper = app.extensions["conversation"].keeper
    kept = dict(keeper._turns)
    # The other host, which runs no turn, and has another time.
    keeper._turns.clear()
    for name, module in list(sys.modules.items()):
        if name.startswith("webapp.turns.") and hasattr(module, "utc_now"):
            monkeypatch.setattr(module, "utc_now", lambda: datetime.now(UTC) + hours * HOUR)
    page = parse(chat.visitor.get(chat.address).text)
    assert page.all(data_testid="message")[-1]["data-status"] == "streaming"
    form = {"content": "echo two", "key": str(uuid.uuid4())}
    assert chat.visitor.post(f"{chat.address}/messages", form).status_code == 409
    with app.app_context():
        assert end_lost_turns() == 0
    assert TurnRows(app).beat([]) == set()
    assert TurnRows(app).beat(list(kept)) == set(kept)
    assert chat.visitor.post(f"{chat.address}/stop").status_code == 303
    assert (column(app, "turns.status"), column(app, "turns.stop_asked")) == (["running"], [True])
    keeper._turns.update(kept)


def test_who_could_not_reach_the_database_calls_no_turn_broken_off(elsewhere: Elsewhere) -> None:
    assert elsewhere.looks() == "interrupted"
    elsewhere.loses_the_database()
    assert elsewhere.looks() == "streaming"
    assert elsewhere.page().all(data_testid="retry") == []


def test_who_could_not_reach_the_database_ends_no_turn(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere.loses_the_database()
    assert elsewhere.says("echo two").status_code == 409
    assert elsewhere.visitor.post(f"{elsewhere.address}/stop").status_code == 303
    monkeypatch.setattr(housekeeping, "EVERY_SECONDS", 0.0)
    other = Visitor(elsewhere.there)
    other.start_chat()
    wait_for_background()
    assert column(elsewhere.there, "turns.status") == ["running"]
    assert column(elsewhere.there, "turns.stop_asked") == [True]


def test_a_keeper_that_could_not_store_does_not_judge(elsewhere: Elsewhere) -> None:
    turns = TurnRows(elsewhere.there)
    run_sql(elsewhere.there, "ALTER TABLE turns RENAME TO turns_away")
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            turns.beat([uuid.uuid4()])
    run_sql(elsewhere.there, "ALTER TABLE turns_away RENAME TO turns")
    assert elsewhere.looks() == "streaming"
    for _ in range(2):
        turns.beat([uuid.uuid4()])
    assert column(elsewhere.there, "turns.status") == ["running"]


def test_it_judges_again_when_others_have_had_the_time_to_speak(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere.loses_the_database()
    monkeypatch.setattr(turn_rows, "HEARD_AGAIN_SECONDS", 0.0)
    assert elsewhere.looks() == "interrupted"
    assert elsewhere.says("echo two").status_code == 303
    assert column(elsewhere.there, "turns.status").count("interrupted") == 1


@pytest.mark.postgresql
@pytest.mark.slow
def test_an_outage_in_which_nothing_was_asked_is_noticed_after_it(
    make_app: AppMaker, postgresql_server: PostgreSQLServer, postgresql_url: str
) -> None:
    make_app.database_url = postgresql_url
    elsewhere = Elsewhere(make_app)
    assert elsewhere.looks() == "interrupted"
    postgresql_server.stop()
    postgresql_server.start()
    assert elsewhere.looks() == "streaming"


def test_a_page_that_shows_a_lost_turn_asks_now_and_again(elsewhere: Elsewhere) -> None:
    place = elsewhere.page().one(id="turn")
    assert place["hx-trigger"] == "every 5s"
    assert place.get("data-turn-id") is None  # the next message need not wait for it
    assert place.all(data_testid="retry")
    answer = elsewhere.asks(place)
    assert (answer.status_code, answer.data) == (204, b"")


def test_a_turn_that_is_heard_of_again_is_followed_again(elsewhere: Elsewhere) -> None:
    before = elsewhere.page()
    elsewhere.speak()
    news = parse(elsewhere.asks(before.one(id="turn")).text)
    [place] = [part for part in news.all("hx-partial") if part.all(id="turn")]
    turn = str(next(iter(elsewhere.silent)))
    assert f'[data-lost-turn="{turn}"]' in place["hx-target"]
    assert place.one(id="turn")["data-turn-id"] == turn
    assert place.one(id="turn")["hx-trigger"].startswith("every 1s")
    assert place.all(data_testid="stop")
    [message] = news.all(data_testid="message")
    assert message["data-status"] == "streaming"


def test_a_page_that_was_told_to_poll_learns_that_its_turn_is_lost(elsewhere: Elsewhere) -> None:
    elsewhere.speak()
    place = elsewhere.page().one(id="turn")
    run_sql(elsewhere.here, "UPDATE turns SET seen_at = :ago", ago=LONG_AGO)
    told = parse(elsewhere.asks(place).text).one(id="turn")
    assert told["hx-get"] == f"{place['hx-get']}?lost"


def test_a_page_stops_asking_when_the_turn_is_known_to_have_ended(elsewhere: Elsewhere) -> None:
    place = elsewhere.page().one(id="turn")
    run_sql(elsewhere.here, "UPDATE turns SET status = 'interrupted'")
    told = parse(elsewhere.asks(place).text).one(id="turn")
    assert told["hx-trigger"] == "focus from:window"
    assert told.all(data_testid="retry")


def test_the_start_of_a_chat_that_is_lost_is_asked_for_too(elsewhere: Elsewhere) -> None:
    run_sql(elsewhere.here, "UPDATE turns SET question_id = NULL")
    place = elsewhere.page().one(id="turn")
    assert place.all(data_testid="retry") == []
    assert place["hx-get"].endswith("?lost")
    assert elsewhere.asks(place).status_code == 204
