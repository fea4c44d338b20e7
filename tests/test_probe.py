"""`GET /healthz/stream`: how answers reach a page here, and whether they do one by one."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.support.apps import AppMaker
from tests.support.people import Visitor
from tests.support.rows import every_row
from webapp.turns.runtime import EXTENSION
from webapp.web.probe import TICK_SECONDS, TICKS
from webapp.web.server import SEEN_AT_ONCE
from webapp.web.sse import HEADERS

PATH = "/healthz/stream"
# What a server with threads tells; where it does not say how many, 8 are assumed.
THREADS: dict[str, Any] = {"environ_overrides": {"wsgi.multithread": True, SEEN_AT_ONCE: 8}}


def events(answer: TestResponse) -> list[dict[str, Any]]:
    blocks = answer.text.split("\n\n")
    assert blocks.pop() == ""
    return [json.loads(block.removeprefix("data: ")) for block in blocks]


def taken(visitor: Visitor) -> int:
    return int(visitor.app.extensions[EXTENSION].slots.in_use)


def test_a_host_that_can_stream_says_so_and_then_ticks(visitor: Visitor) -> None:
    began = time.monotonic()
    first, *ticks = events(visitor.get(PATH, **THREADS))
    assert first == {"way": "sse", "streams": 6, "server": "unknown"}
    assert ticks == [{"tick": number, "of": TICKS} for number in range(1, TICKS + 1)]
    assert time.monotonic() - began >= TICKS * TICK_SECONDS


def test_the_first_event_does_not_wait_for_the_others(visitor: Visitor) -> None:
    with visitor.client.get(PATH, **THREADS) as answer:
        first = next(iter(answer.iter_encoded()))
        assert json.loads(first.removeprefix(b"data: "))["way"] == "sse"
        assert taken(visitor) == 1


def test_it_has_the_headers_of_a_real_stream_and_of_every_answer(visitor: Visitor) -> None:
    with visitor.client.get(PATH, **THREADS) as answer:
        assert answer.content_type == "text/event-stream; charset=utf-8"
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("settings", "threads", "first"),
    [
        ({}, False, {"way": "poll", "streams": 0, "server": "unknown"}),
        ({"max_streams": "0"}, True, {"way": "poll", "streams": 0, "server": "unknown"}),
        ({"streaming": "poll"}, True, {"way": "poll", "streams": 6, "server": "unknown"}),
        ({"streaming": "inline"}, True, {"way": "inline", "streams": 6, "server": "unknown"}),
        ({"streaming": "sse"}, False, {"way": "sse", "streams": 0, "server": "unknown"}),
    ],
)
def test_where_nothing_is_streamed_one_event_is_all(
    make_app: AppMaker, settings: dict[str, str], *, threads: bool, first: dict[str, Any]
) -> None:
    visitor = Visitor(make_app("simple.py", **settings))
    assert events(visitor.get(PATH, **(THREADS if threads else {}))) == [first]


def test_it_needs_no_login_no_session_and_no_database(anonymous: Visitor, sqlite_url: str) -> None:
    Path(sqlite_url.removeprefix("sqlite:///")).unlink()
    answer = anonymous.get(PATH, headers={"Cookie": "session=made-up"}, **THREADS)
    assert (answer.status_code, len(events(answer))) == (200, 1 + TICKS)
    assert "Set-Cookie" not in answer.headers


def test_it_changes_no_row(alice: Visitor) -> None:
    before = every_row(alice.app)
    alice.get(PATH, **THREADS)
    assert every_row(alice.app) == before


def test_one_probe_at_a_time(visitor: Visitor) -> None:
    with visitor.client.get(PATH, **THREADS):
        answer = visitor.get(PATH, **THREADS)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert answer.mimetype == "text/plain"
    assert visitor.get(PATH, **THREADS).status_code == 200
    assert taken(visitor) == 0


def test_a_probe_takes_no_place_that_a_reader_has(make_app: AppMaker) -> None:
    visitor = Visitor(make_app("simple.py", max_streams="1"))
    slots = visitor.app.extensions[EXTENSION].slots
    reader = slots.take(1)
    assert visitor.get(PATH, **THREADS).status_code == 503
    reader.give_back()
    assert visitor.get(PATH, **THREADS).status_code == 200


def test_a_reader_takes_no_place_that_a_probe_has(make_app: AppMaker) -> None:
    visitor = Visitor(make_app("simple.py", max_streams="1"))
    with visitor.client.get(PATH, **THREADS):
        assert visitor.app.extensions[EXTENSION].slots.take(1) is None


def test_asking_for_the_head_takes_no_place(visitor: Visitor) -> None:
    answer = visitor.client.head(PATH, **THREADS)
    assert (answer.status_code, answer.data) == (200, b"")
    assert taken(visitor) == 0


@pytest.mark.parametrize("name", ["Apache/2.4 (Debian) mod_secret/1.2", "gunicorn/99.1", ""])
def test_the_server_is_named_without_what_the_public_should_not_know(
    visitor: Visitor, name: str
) -> None:
    answer = visitor.get(PATH, environ_overrides={"SERVER_SOFTWARE": name})
    [first] = events(answer)
    assert first["server"] == ("gunicorn" if name.startswith("gunicorn") else "unknown")


def test_a_server_that_is_asked_to_end_is_not_kept_waiting(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.web.server.Host.is_stopping", True)
    assert len(events(visitor.get(PATH, **THREADS))) == 1
