"""The key of a form: however often and however it is sent, one message, one answer."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests.support.apps import AppMaker
from tests.support.conversation import (
    Bubble,
    Calls,
    bubbles,
    running_turn,
    wait_until,
)
from tests.support.html import parse
from tests.support.people import Visitor
from tests.support.rows import run_sql
from tests.support.servers import PATIENCE
from webapp.turns import beginning, claiming

MOST_AT_ONCE = 4
LONG_AGO = "2026-01-01 00:00:00.000000"
HELD = "UPDATE chats SET turn_id = (SELECT id FROM turns WHERE chat_id = chats.id LIMIT 1)"
TEXTS = ("echo one", "echo two", "several three four")
ANSWERS = {"echo one": ["one"], "echo two": ["two"], "several three four": ["three", "four"]}


@dataclass(frozen=True)
class Sending:
    """A form that is sent: which one, and with which text."""

    form: int
    text: str


# What is sent at once; one form each time, since another one may find the chat busy.
batches = st.integers(0, 2).flatmap(
    lambda form: st.lists(
        st.builds(Sending, st.just(form), st.sampled_from(TEXTS)), min_size=1, max_size=MOST_AT_ONCE
    )
)


class Writer:
    """Somebody who sends the composer of a chat, several times at once if told so."""

    def __init__(self, app: Flask) -> None:
        self.visitor = Visitor(app)
        self.path = self.visitor.start_chat()

    def send(self, texts: list[str], key: str, *, htmx: bool) -> list[TestResponse]:
        """Send a form with each text at the same moment, and return the answers."""
        twins = [self.visitor.twin() for _ in texts]
        start = Barrier(len(texts), timeout=60)

        def send_one(twin: Visitor, text: str) -> TestResponse:
            start.wait()
            form = {"content": text, "key": key}
            return twin.post(f"{self.path}/messages", form, htmx=htmx, buffered=True)

        with ThreadPoolExecutor(len(texts)) as pool:
            return list(pool.map(send_one, twins, texts))

    def said(self) -> list[Bubble]:
        """Return the messages of the chat when no answer is being written."""
        wait_until(lambda: not running_turn(parse(self.visitor.get(self.path).text)))
        return bubbles(parse(self.visitor.get(self.path).text))


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Return what the app's callback is called with."""
    calls = Calls(tmp_path)
    for name, value in calls.settings.items():
        monkeypatch.setenv(name, value)
    return calls


@pytest.fixture
def talker_app(make_app: AppMaker) -> Flask:
    """Return the app on SQLite."""
    return make_app("talker.py")


@pytest.fixture
def either_app(either_url: str, tmp_path: Path) -> Iterator[Flask]:
    """Return the app on a database of each kind in turn."""
    with AppMaker.in_folder(tmp_path, either_url) as make:
        yield make("talker.py")


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sent=st.lists(batches, min_size=1, max_size=5), htmx=st.booleans())
def test_one_form_is_one_message_and_one_answer(
    talker_app: Flask, calls: Calls, sent: list[list[Sending]], htmx: bool
) -> None:
    writer = Writer(talker_app)
    before = len(calls.all())
    keys = [str(uuid.uuid4()) for _ in range(3)]
    taken: dict[int, str] = {}
    for batch in sent:
        texts = [sending.text for sending in batch]
        form = batch[0].form
        answers = writer.send(texts, keys[form], htmx=htmx)
        said = writer.said()
        taken.setdefault(form, [b.text for b in said if b.kind == "user"][-1])
        assert said == [bubble for text in taken.values() for bubble in _conversation(text)]
        for text, answer in zip(texts, answers, strict=True):
            _is_as_it_should(answer, text, taken[form], htmx=htmx)
    assert calls.all()[before:] == list(taken.values())


def _is_as_it_should(answer: TestResponse, text: str, taken: str, *, htmx: bool) -> None:
    if text == taken:
        assert answer.status_code == (200 if htmx else 303)
        return
    assert answer.status_code == 409
    assert "with another text" in answer.text
    if not htmx:  # htmx leaves the composer as it is
        assert parse(answer.text).one(id="composer-input").text.strip() == text


def _conversation(text: str) -> list[Bubble]:
    answers = [Bubble("assistant", "complete", answer) for answer in ANSWERS[text]]
    return [Bubble("user", "complete", text), *answers]


def test_form_that_is_sent_many_times_at_once_is_taken_once(
    either_app: Flask, calls: Calls
) -> None:
    for _ in range(12):
        writer = Writer(either_app)
        answers = writer.send(["echo one"] * 6, str(uuid.uuid4()), htmx=True)
        assert [answer.status_code for answer in answers] == [200] * 6
        assert writer.said() == _conversation("echo one")
    assert calls.of("echo one") == 12


def test_another_text_that_is_sent_at_once_is_refused_and_kept(
    either_app: Flask, calls: Calls
) -> None:
    writer = Writer(either_app)
    answers = writer.send(["echo one", "echo two"], str(uuid.uuid4()), htmx=False)
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    [refused] = [answer for answer in answers if answer.status_code == 409]
    kept = parse(refused.text).one(id="composer-input").text.strip()
    assert {kept, calls.all()[0]} == {"echo one", "echo two"}
    assert len(calls.all()) == 1


def test_form_that_finds_a_dead_turn_is_taken_once(either_app: Flask, calls: Calls) -> None:
    for _ in range(8):
        writer = Writer(either_app)
        writer.send(["echo one"], str(uuid.uuid4()), htmx=True)
        writer.said()
        run_sql(either_app, "UPDATE turns SET status = 'running', seen_at = :ago", ago=LONG_AGO)
        run_sql(either_app, HELD)
        answers = writer.send(["echo two"] * 6, str(uuid.uuid4()), htmx=True)
        assert [answer.status_code for answer in answers] == [200] * 6
        assert writer.said() == [*_conversation("echo one"), *_conversation("echo two")]
    assert calls.of("echo two") == 8


@pytest.mark.postgresql
def test_form_whose_twin_was_answered_meanwhile_is_taken_once(
    postgresql_url: str, tmp_path: Path, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    with AppMaker.in_folder(tmp_path, postgresql_url) as make:
        writer, key = Writer(make("talker.py")), str(uuid.uuid4())
        late = Late(claiming.claim_chat)
        monkeypatch.setattr(beginning, "claim_chat", late)
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(writer.send, ["echo one"], key, htmx=True)
            assert late.is_there.wait(PATIENCE)
            [second] = writer.send(["echo one"], key, htmx=True)
            writer.said()
            late.may_go.set()
            assert [second.status_code, first.result()[0].status_code] == [200, 200]
        assert writer.said() == _conversation("echo one")
        assert calls.of("echo one") == 1


class Late:
    """Keeps the first that calls a function waiting before it, until it may go on."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.is_there, self.may_go = Event(), Event()

    def __call__(self, *arguments: Any) -> Any:
        """Call the function, late if nobody did before."""
        if not self.is_there.is_set():
            self.is_there.set()
            assert self.may_go.wait(PATIENCE)
        return self._function(*arguments)


@pytest.mark.slow
def test_form_that_found_the_database_locked_can_be_sent_again(
    talker_app: Flask, sqlite_url: str, calls: Calls
) -> None:
    writer, key = Writer(talker_app), str(uuid.uuid4())
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as other:
        other.execute("BEGIN EXCLUSIVE")
        [refused] = writer.send(["echo one"], key, htmx=False)
        other.rollback()
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    [again] = parse(refused.text).with_class("unsent")
    fields = {e["name"]: e for e in again.walk() if e.get("name")}
    assert (fields["key"]["value"], fields["content"].text.strip()) == (key, "echo one")
    assert [a.status_code for a in writer.send(["echo one"] * 3, key, htmx=True)] == [200] * 3
    assert writer.said() == _conversation("echo one")
    assert calls.of("echo one") == 1
