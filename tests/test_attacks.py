"""What a hostile or unlucky user can do to turns: stops at bad moments, and work left behind."""

from __future__ import annotations

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError, OperationalError

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import parse
from tests.support.log import LogReader
from tests.support.people import Visitor
from tests.support.rows import column, count, run_sql
from webapp.authoring.context import ChatContext
from webapp.engine.turn import RunningTurn
from webapp.engine.work import Limits, TurnSpec, Work
from webapp.pages.live import TurnState
from webapp.pages.watching import MemorySource
from webapp.web.server import SEEN_AT_ONCE

KEY = "00000000-0000-4000-8000-000000000001"
# What a server with threads tells.
THREADS: dict[str, Any] = {"environ_overrides": {"wsgi.multithread": True, SEEN_AT_ONCE: 8}}
STOP_FAILS = """
    import asyncio
    import webapp as cl

    @cl.on_message
    async def answer(message):
        await asyncio.sleep(30)

    @cl.on_stop
    def stopped():
        raise ValueError("no")
"""
SAYS_GOODBYE = """
    import asyncio
    import webapp as cl

    ENDING, END, SAY = [], [], []

    @cl.on_message
    async def answer(message):
        if message.content != "again":
            cl.Message("first").send()
            return
        cl.user_session.set("said", "again")
        cl.Message("one").send()
        while not SAY:
            await asyncio.sleep(0.01)
        cl.Message("two").send()

    @cl.on_chat_end
    async def ended():
        ENDING.append(1)
        while not END:
            await asyncio.sleep(0.01)
        cl.Message("Goodbye").send()
"""
BLOCKS = """
    import threading
    import webapp as cl

    go_on = threading.Event()

    @cl.on_message
    def answer(message):
        go_on.wait(20)
"""
LOGIN = """
    @cl.password_auth_callback
    def let_in(username, password):
        return cl.User(identifier=username) if password == username * 2 else None
"""
BLOCKING_START = """
    import threading
    import webapp as cl

    go_on = threading.Event()

    @cl.on_chat_start
    def start():
        go_on.wait(60)
"""
QUICK_START = """
    import webapp as cl

    @cl.set_chat_profiles
    def profiles():
        return [cl.ChatProfile(name, "") for name in ("a", "b")]

    @cl.on_chat_start
    def start():
        cl.Message("Welcome").send()
"""
SLOW_OR_QUICK_START = """
    import asyncio
    import webapp as cl

    @cl.set_chat_profiles
    def profiles():
        return [cl.ChatProfile(name, "") for name in ("quick", "slow")]

    @cl.on_chat_start
    async def start():
        if cl.user_session.get("chat_profile") == "slow":
            await asyncio.sleep(60)

    @cl.on_message
    async def answer(message):
        await asyncio.sleep(60)
"""
SLOW_START = """
    import asyncio
    import webapp as cl

    RUNNING = []

    @cl.on_chat_start
    async def start():
        RUNNING.append(1)
        try:
            await asyncio.sleep(20)
        finally:
            RUNNING.pop()
"""
EMPTY_TOKENS = """
    import asyncio
    import webapp as cl

    @cl.on_message
    async def answer(message):
        reply = cl.Message("word")
        reply.send()
        for _ in range(600):
            reply.stream_token("")
            await asyncio.sleep(0.002)
"""


def names(app: Flask, decorator: str = "on_message") -> dict[str, Any]:
    """Return the names of the app file."""
    found: dict[str, Any] = app.extensions["chat_app"].callbacks[decorator].function.__globals__
    return found


def wait_for(is_so: Any, seconds: float = 60.0) -> None:
    """Wait until something is so."""
    ends = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_a_turn_that_was_stopped_before_it_began_runs_nothing(make_app: AppMaker) -> None:
    app = make_app(
        "import webapp as cl\nRAN = []\n@cl.on_message\nasync def a(m):\n    RAN.append(1)\n"
    )
    work = Work(
        decorator="on_message",
        arguments=lambda: (None,),
        limits=Limits(60, 60),
        explain=lambda _: "",
        log=lambda _: None,
    )
    spec = TurnSpec(id=uuid.uuid4(), owner="user:alice", profile=None)
    context = ChatContext(chat_id="c", user=None, chat_profile=None)
    turn = RunningTurn(app.extensions["chat_app"], context, work, spec)
    turn.stop()
    turn.begin()
    time.sleep(0.3)
    assert names(app)["RAN"] == []


def test_on_stop_that_fails_before_a_word_was_said_is_stored(
    make_app: AppMaker, log: LogReader
) -> None:
    chat = Chat(make_app(STOP_FAILS))
    chat.begin("long")
    chat.stop()
    wait_for(lambda: column(chat.visitor.app, "turns.status") == ["stopped"])


@pytest.mark.parametrize("goodbye_first", [True, False])
def test_a_chat_that_goes_on_while_its_end_is_told_loses_nothing(
    make_app: AppMaker, goodbye_first: bool
) -> None:
    app = make_app(SAYS_GOODBYE)
    chat = Chat(app)
    chat.say("hello")
    Chat.of(chat.visitor)  # in another tab: the first chat has ended
    wait_for(lambda: names(app)["ENDING"])
    chat.begin("again")
    chat.until(lambda: "one" in chat.messages())
    first, then = ("END", "SAY") if goodbye_first else ("SAY", "END")
    names(app)[first].append(1)
    time.sleep(1.5)
    names(app)[then].append(1)
    wait_for(lambda: column(app, "turns.status") == ["complete", "complete"])
    time.sleep(0.5)  # in which the end of the chat may still do harm
    assert {"one", "two"} <= set(chat.messages())
    assert {"said": "again"} in column(app, "chats.values")


def test_one_user_cannot_leave_threads_behind_without_bound(make_app: AppMaker) -> None:
    app = make_app(BLOCKS, turns_per_user=3)
    others = set(threading.enumerate())  # what earlier tests have left behind
    chat = Chat(app)
    for number in range(8):
        chat.visitor.post(
            f"{chat.address}/messages",
            {"content": "x", "key": f"00000000-0000-4000-8000-{number:012}"},
            htmx=True,
        )
        chat.visitor.post(f"{chat.address}/stop", htmx=True)
        time.sleep(1.6)
    left = [t for t in set(threading.enumerate()) - others if t.name == "webapp-on_message"]
    names(app)["go_on"].set()
    assert len(left) <= 3


def test_starts_under_way_count_among_the_turns_of_a_user(make_app: AppMaker) -> None:
    app = make_app(SLOW_START, turns_per_user=3)
    chat = Chat(app)
    for _ in range(8):
        chat.visitor.post("/chats")
    assert len(names(app, "on_chat_start")["RUNNING"]) <= 4


@pytest.mark.parametrize("login", ["", LOGIN])
def test_one_user_cannot_leave_threads_behind_by_starting_chats(
    make_app: AppMaker, login: str
) -> None:
    app = make_app(BLOCKING_START + login, turns_per_user=3)
    others = set(threading.enumerate())  # what earlier tests have left behind
    visitor = Visitor(app).logged_in("bob") if login else Visitor(app)
    answers = [visitor.post("/chats") for _ in range(6)]
    left = [t for t in set(threading.enumerate()) - others if t.name == "webapp-on_chat_start"]
    # One is under way, and those that it and the others have replaced cannot be ended.
    assert [answer.status_code for answer in answers] == [303] * 4 + [429] * 2
    assert len(left) == 4
    other = Visitor(app).logged_in("charlie") if login else Visitor(app)
    assert other.post("/chats").status_code == 303
    names(app, "on_chat_start")["go_on"].set()
    wait_for(lambda: visitor.post("/chats").status_code == 303)


def test_a_start_too_many_is_told_what_to_do(make_app: AppMaker) -> None:
    app = make_app(BLOCKING_START, turns_per_user=1)
    visitor = Visitor(app)
    for _ in range(2):
        visitor.start_chat()
    page, notice = visitor.post("/chats"), visitor.post("/chats", htmx=True)
    names(app, "on_chat_start")["go_on"].set()
    for answer in (page, notice):
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")
        assert "Chat not started" in answer.text
        assert "Start this one when one of them has finished, or stop one." in answer.text
    assert notice.headers["HX-Retarget"] == "#notices"


def test_a_start_whose_time_was_up_counts_while_its_callback_runs(make_app: AppMaker) -> None:
    app = make_app(BLOCKING_START, turns_per_user=2, chat_start_seconds="0.2")
    visitor = Visitor(app)
    assert [visitor.post("/chats").status_code for _ in range(3)] == [303, 303, 429]
    assert count(app, "turns") == 0
    names(app, "on_chat_start")["go_on"].set()
    wait_for(lambda: visitor.post("/chats").status_code == 303)


def test_a_start_that_could_not_be_stored_is_ended(
    make_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(SLOW_START, turns_per_user=1)
    visitor = Visitor(app)

    def refuse(*_: object) -> None:
        raise OperationalError("INSERT", {}, OSError("the disk is full"))

    with monkeypatch.context() as patched:
        patched.setattr("webapp.turns.starting.store_started_chat", refuse)
        assert visitor.post("/chats").status_code == 503
    wait_for(lambda: not names(app, "on_chat_start")["RUNNING"])
    assert visitor.post("/chats").status_code == 303


@pytest.mark.parametrize("login", ["", LOGIN])
def test_whoever_clicks_through_profiles_that_start_at_once_is_never_refused(
    make_app: AppMaker, login: str
) -> None:
    app = make_app(QUICK_START + login, turns_per_user=1)
    visitor = Visitor(app).logged_in("bob") if login else Visitor(app)
    clicks = [visitor.post("/chats", {"profile": "ab"[n % 2]}).status_code for n in range(20)]
    with ThreadPoolExecutor(5) as pool:
        tabs = [visitor.twin() for _ in range(5)]
        opened = pool.map(lambda tab: tab.post("/chats", **THREADS).status_code, tabs)
    assert {*clicks, *opened} == {303}


def test_a_start_that_takes_long_is_refused_where_a_quick_one_is_not(make_app: AppMaker) -> None:
    app = make_app(SLOW_OR_QUICK_START, turns_per_user=1)
    chat = Chat(app, "quick")
    chat.begin("long")
    before = chat.visitor.start_chat("quick")
    assert chat.visitor.post("/chats", {"profile": "slow"}).status_code == 429
    assert chat.visitor.get(before).status_code == 200
    assert chat.is_answering()


def test_a_slow_start_gives_way_to_the_next_one(make_app: AppMaker) -> None:
    app = make_app(SLOW_START, turns_per_user=1)
    visitor = Visitor(app)
    for _ in range(3):
        visitor.start_chat()
    assert column(app, "turns.status") == ["running"]


def test_parallel_starts_stay_within_the_limit(either_url: str, tmp_path: Path) -> None:
    with AppMaker.in_folder(tmp_path, either_url) as make:
        app = make(SLOW_START, turns_per_user=2)
        visitor = Visitor(app)
        first = visitor.start_chat()
        tabs = [visitor.twin() for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            opened = list(pool.map(lambda tab: tab.post("/chats", **THREADS).status_code, tabs))
        assert visitor.get(first).status_code == 404
        assert set(opened) <= {303, 429}
        assert len(column(app, "turns.status")) <= 2


def test_a_turn_whose_changes_show_nothing_is_watched_at_the_same_pace(
    make_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    read = MemorySource.read

    def noted(source: MemorySource) -> TurnState:
        looks.append(time.monotonic())
        return read(source)

    monkeypatch.setattr(MemorySource, "read", noted)
    app = make_app(EMPTY_TOKENS, streaming="sse", max_streams=4)
    chat = Chat(app)
    answer = chat.visitor.post(
        f"{chat.address}/messages",
        {"content": "x", "key": "00000000-0000-4000-8000-000000000001"},
        htmx=True,
    )
    assert answer.mimetype == "text/event-stream", answer.mimetype
    answer.get_data()
    assert len(looks) < 300, len(looks)  # 602 without a pause, some 10 on an idle machine


def test_the_keeper_outlives_a_machine_without_threads(
    make_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(BLOCKS + "\n    @cl.on_stop\n    def stopped():\n        pass\n")
    chat = Chat(app)
    chat.begin("x")

    def no_thread(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("webapp.engine.turn.begin", no_thread)
    chat.stop()
    wait_for(lambda: column(app, "turns.status") == ["stopped"])
    names(app)["go_on"].set()
    assert any(t.name == "webapp-keeper" for t in threading.enumerate())
    assert column(app, "turns.status") == ["stopped"]


def test_a_silent_turn_ends_when_its_chat_is_gone(make_app: AppMaker) -> None:
    app = make_app(STOP_FAILS)
    chat = Chat(app)
    chat.begin("long")
    [turn] = [kept.turn for kept in app.extensions["conversation"].keeper._turns.values()]
    run_sql(app, "DELETE FROM chats")
    wait_for(lambda: turn.over, 8)


def test_an_answer_that_could_not_be_stored_is_not_shown_as_complete(
    make_app: AppMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app("talker.py")
    chat = Chat(app)

    def refuse(*_: object) -> None:
        raise IntegrityError("INSERT", {}, ValueError("no"))

    monkeypatch.setattr("webapp.turns.storing.store_messages", refuse)
    answer = chat.visitor.post(
        f"{chat.address}/messages", {"content": "echo hello", "key": KEY}, htmx=True
    )
    shown = [m["data-status"] for m in parse(answer.text).all(data_kind="assistant")]
    assert shown == ["interrupted"]
    assert column(app, "turns.status") == ["interrupted"]


def test_a_retry_that_is_sent_twice_is_answered_twice_the_same(make_app: AppMaker) -> None:
    app = make_app(STOP_FAILS.replace("raise ValueError", "ValueError"))
    chat = Chat(app)
    chat.begin("long")
    chat.stop()
    chat.until_answered()
    [turn] = column(app, "turns.id")
    form = {"turn": str(turn), "key": KEY}
    answers = [chat.visitor.post(f"{chat.address}/retry", form).status_code for _ in range(2)]
    chat.stop()
    assert answers == [303, 303]


def test_a_turn_of_this_process_is_running_whatever_the_clock_says(make_app: AppMaker) -> None:
    app = make_app(STOP_FAILS)
    chat = Chat(app)
    chat.begin("long")
    run_sql(app, "UPDATE turns SET seen_at = '2000-01-01 00:00:00.000000'")
    assert chat.is_answering()
    again = chat.visitor.post(f"{chat.address}/messages", {"content": "x", "key": KEY}, htmx=True)
    assert again.status_code == 409


@pytest.mark.parametrize("tries", [3])
def test_parallel_messages_in_many_chats_stay_within_the_limit(
    either_url: str, tmp_path: Path, tries: int
) -> None:
    with AppMaker.in_folder(tmp_path, either_url) as make:
        app = make(STOP_FAILS, turns_per_user=2, streaming="poll")
        for _ in range(tries):
            chats = [Chat(app)]
            for _ in range(9):
                # Or the next start would replace it.
                mark = "UPDATE chats SET written = :yes WHERE written = :no"
                run_sql(app, mark, yes=True, no=False)
                chats.append(Chat.of(chats[0].visitor))
            begun = say_at_once(chats)
            for turn in list(app.extensions["conversation"].keeper._turns.values()):
                turn.turn.interrupt()
            assert begun <= 2


def say_at_once(chats: list[Chat]) -> int:
    """Say something in all chats at the same moment; return how many messages were taken."""
    ready = threading.Barrier(len(chats), timeout=60)

    def say(chat: Chat) -> int:
        visitor = chat.visitor.twin()
        ready.wait()
        form = {"content": "x", "key": str(uuid.uuid4())}
        return visitor.post(f"{chat.address}/messages", form, htmx=True).status_code

    with ThreadPoolExecutor(len(chats)) as pool:
        return list(pool.map(say, chats)).count(200)
