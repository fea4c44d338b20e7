"""Whoever waits or reads holds a thread: there are always some left for everybody else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.wrappers import Response

from tests.support.apps import AppMaker
from tests.support.chats import ANSWER_SECONDS, Chat
from tests.support.conversation import Talker, wait_until
from tests.support.html import parse
from tests.support.people import HTMX
from tests.support.rows import column
from tests.support.servers import gunicorn, production
from webapp.pages import turn_responses
from webapp.turns import asking, starting
from webapp.web.server import Host, max_held_threads

THREADS = 4
AT_ONCE = 40
TAKES_A_MOMENT = """
    import asyncio
    import webapp as cl

    HOLD = []

    async def a_moment():
        await asyncio.sleep(0.1)
        while HOLD:
            await asyncio.sleep(0.01)

    @cl.on_chat_start
    async def start():
        await a_moment()
        cl.Message("Welcome").send()

    @cl.on_message
    async def answer(message):
        try:
            await (a_moment() if message.content == "short" else asyncio.sleep(60))
        finally:
            await a_moment()
        cl.Message("done").send()
"""
STARTS_SLOWLY = """
    import asyncio
    from pathlib import Path

    import webapp as cl
    from webapp.turns import starting

    # Who waits for a start holds a thread for as long as the test looks, not for a second.
    starting.WAIT_SECONDS = 600.0

    @cl.on_chat_start
    async def start():
        while not Path(__file__).with_name("go_on").exists():
            await asyncio.sleep(0.05)
"""
TALKS_ON = """
    import asyncio
    import webapp as cl

    @cl.on_message
    async def answer(message):
        reply = cl.Message("word")
        for _ in range(6_000):
            await reply.stream_token(" word")
            await asyncio.sleep(0.01)
"""


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a request that can be waited for wait as long as the slowest machine needs."""
    monkeypatch.setattr(turn_responses, "PAGE_SECONDS", ANSWER_SECONDS)
    monkeypatch.setattr(starting, "WAIT_SECONDS", ANSWER_SECONDS)


@contextmanager
def no_thread_to_spare(app: Flask) -> Iterator[None]:
    """Hold the threads of the server and what its app does, and see that nobody waits for it.

    Whoever did would wait for `ANSWER_SECONDS`.
    """
    slots = app.extensions["conversation"].slots
    held = app.extensions["chat_app"].callbacks["on_message"].function.__globals__["HOLD"]
    place = slots.take(max_held_threads(Host(name="the test client", threads=1)))
    assert place is not None
    held.append(1)
    began = time.monotonic()
    yield
    assert time.monotonic() - began < ANSWER_SECONDS / 2
    held.clear()
    place.give_back()
    assert slots.in_use == 0


@pytest.mark.usefixtures("patience")
def test_a_start_is_waited_for_if_a_thread_can_be_spared(make_app: AppMaker) -> None:
    chat = Chat(make_app(TAKES_A_MOMENT))
    assert column(chat.visitor.app, "turns.status") == []  # it was over by then
    with no_thread_to_spare(chat.visitor.app):
        chat = Chat.of(chat.visitor)
    chat.until(lambda: chat.messages() == ["Welcome"])
    assert column(chat.visitor.app, "turns.status") == ["complete"]


@pytest.mark.usefixtures("patience")
def test_a_page_without_script_is_told_the_answer_if_a_thread_can_be_spared(
    make_app: AppMaker,
) -> None:
    chat = Chat(make_app(TAKES_A_MOMENT))
    chat.begin("short")
    assert chat.messages() == ["Welcome", "done"]
    with no_thread_to_spare(chat.visitor.app):
        chat.begin("short")
        assert chat.is_answering()
    assert chat.until_answered().messages() == ["Welcome", "done", "done"]


def test_the_end_after_stop_is_waited_for_if_a_thread_can_be_spared(
    make_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not for the answer, which has no end.
    monkeypatch.setattr(asking, "WAIT_FOR_STOP_SECONDS", ANSWER_SECONDS)
    chat = Chat(make_app(TAKES_A_MOMENT))
    chat.begin("long")
    chat.stop()
    assert not chat.is_answering()
    chat.begin("long")
    with no_thread_to_spare(chat.visitor.app):
        chat.stop()
    chat.until_answered()


@pytest.mark.slow
def test_other_pages_are_there_while_many_chats_start(sqlite_url: str, tmp_path: Path) -> None:
    app_file = AppMaker(tmp_path, sqlite_url).path(STARTS_SLOWLY)
    settings = production(sqlite_url, app_file) | {"WEBAPP_CHAT_START_SECONDS": "600"}
    with gunicorn(tmp_path, settings, "--workers", "1", "--threads", str(THREADS)) as server:
        people = [Talker(server.port) for _ in range(AT_ONCE)]
        for one in people:
            one.get("/")
        other = people.pop()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            starts = [pool.submit(one.start) for one in people]
            held = max_held_threads(Host(name="gunicorn", threads=THREADS))
            wait_until(lambda: sum(not start.done() for start in starts) == held)
            assert other.get("/").status == 200
            assert sum(not start.done() for start in starts) == held
            (tmp_path / "go_on").touch()
            assert all(start.result().chat_id for start in starts)


def test_one_user_does_not_take_all_streams(make_app: AppMaker) -> None:
    app = make_app(TALKS_ON, streaming="sse", max_streams=10, turns_per_user=3)
    greedy, other = Chat(app), Chat(app)
    for chat in (greedy, other):
        chat.begin("go")
    with ExitStack() as stack:
        tabs = [stack.enter_context(following(greedy)) for _ in range(5)]
        assert [tab.mimetype for tab in tabs] == ["text/event-stream"] * 3 + ["text/html"] * 2
        assert (
            parse(tabs[-1].get_data(as_text=True)).one(id="turn")["hx-trigger"].startswith("every ")
        )
        assert stack.enter_context(following(other)).mimetype == "text/event-stream"
        tabs[0].close()
        assert stack.enter_context(following(greedy)).mimetype == "text/event-stream"


def following(chat: Chat) -> Response:
    """Ask how the turn of a chat goes on, as the page of one more tab does."""
    turn = chat.page().one(id="turn")["data-turn-id"]
    return chat.visitor.client.get(f"{chat.address}/turns/{turn}", headers=HTMX)
