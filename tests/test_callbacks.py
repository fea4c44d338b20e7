"""Running the author's functions: sync and async, in time, in a clean context."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.conversation import wait_until
from tests.support.html import parse
from tests.support.log import LogReader
from tests.support.people import Visitor
from tests.support.rows import count, pooled_connections_in_use
from webapp.authoring.context import Running
from webapp.authoring.errors import CallbackError, CallbackTimeoutError
from webapp.authoring.loading.app_file import Callback
from webapp.engine import call as engine_call
from webapp.engine import loop as engine_loop
from webapp.engine.call import call
from webapp.web.housekeeping import EXTENSION as HOUSEKEEPING


def run(function: Callable[..., Any], *arguments: object, seconds: float = 5.0) -> Any:
    callback = Callback("on_chat_start", function, len(arguments))
    return call(callback, arguments, Running(), seconds)


async def loop_thread() -> str:
    return threading.current_thread().name


def test_a_plain_function_runs_in_a_thread_of_its_own() -> None:
    names = {run(lambda: threading.current_thread().name) for _ in range(2)}
    assert names == {"webapp-on_chat_start"}
    assert run(threading.get_ident) != threading.get_ident()


def test_coroutines_share_the_loop_of_the_process() -> None:
    assert {run(loop_thread) for _ in range(3)} == {"webapp-loop"}


def test_an_object_made_on_the_loop_works_in_the_next_call() -> None:
    made: list[asyncio.Event] = []

    async def first() -> None:
        made.append(asyncio.Event())
        asyncio.get_running_loop().call_later(0.01, made[0].set)

    async def second() -> bool:
        return await made[0].wait()

    run(first)
    assert run(second) is True


def test_a_function_that_returns_an_awaitable_is_awaited() -> None:
    assert run(functools.partial(loop_thread)) == "webapp-loop"


@pytest.mark.parametrize("error", [ValueError("x"), KeyError(), TimeoutError("mine")])
def test_what_a_callback_raises_is_chained(error: Exception) -> None:
    def sync() -> None:
        raise error

    async def coroutine() -> None:
        raise error

    for function in (sync, coroutine):
        with pytest.raises(CallbackError) as caught:
            run(function)
        assert repr(caught.value.__cause__) == repr(error)
        assert not isinstance(caught.value, CallbackTimeoutError)


FAILING = """
    import functools
    import json
    import webapp as cl
    def helper(text):
        return json.loads(text)
    @cl.on_chat_start
    {head} start():
        {line}
"""


@pytest.mark.parametrize("head", ["def", "async def"])
@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero (app_file.py:9, in start)"),
        ("helper('')", "(char 0) (app_file.py:6, in helper)"),
        ("raise SystemExit(3)", "raised SystemExit (app_file.py:9, in start)"),
        ("getattr(cl, 'Ava' + 'tar')", "see docs/authoring.md (app_file.py:9, in start)"),
        ("raise ValueError('two\\nlines')", "ValueError: two lines (app_file.py:9, in start)"),
    ],
)
def test_a_failure_ends_with_the_line_of_the_author(
    make_app: AppMaker, log: LogReader, head: str, line: str, problem: str
) -> None:
    Visitor(make_app(FAILING.format(head=head, line=line))).start_chat()
    [last] = log.one("chat_start.failed")["traceback"].splitlines()[-1:]
    assert "CallbackError: @on_chat_start: " in last
    assert last.endswith(problem)


class Odd(BaseException):
    pass


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(1),
        KeyboardInterrupt(),
        GeneratorExit(),
        Odd("x"),
        BaseExceptionGroup("several", [SystemExit(1), ValueError("x")]),
    ],
)
def test_an_exit_in_a_callback_does_not_end_the_process_or_the_loop(error: BaseException) -> None:
    def sync() -> None:
        raise error

    async def coroutine() -> None:
        raise error

    for function in (sync, coroutine):
        with pytest.raises(CallbackError, match=type(error).__name__):
            run(function)
    assert run(loop_thread) == "webapp-loop"


class MuteError(Exception):
    def __str__(self) -> str:
        raise ValueError("cannot be told")


def test_an_error_that_cannot_be_told_is_a_failure_like_any_other() -> None:
    def sync() -> None:
        raise MuteError

    async def coroutine() -> None:
        raise MuteError

    for function in (sync, coroutine):
        with pytest.raises(CallbackError, match="MuteError"):
            run(function)


class Strange:
    @property  # type: ignore[misc]
    def __class__(self) -> type:  # what `isinstance` asks for
        raise SystemExit(3)


def test_an_answer_that_cannot_be_looked_at_is_a_failure() -> None:
    with pytest.raises(CallbackError, match="SystemExit"):
        run(Strange)


def exits_in_a_task() -> None:
    raise SystemExit(1)


@pytest.mark.parametrize(
    "harm",
    [
        lambda loop: loop.call_soon(exits_in_a_task),
        lambda loop: loop.create_task(asyncio.to_thread(exits_in_a_task)),
        lambda loop: loop.stop(),
    ],
    ids=["exit", "exit in a thread", "stop"],
)
def test_the_loop_survives_what_is_done_to_it(
    harm: Callable[[asyncio.AbstractEventLoop], object],
) -> None:
    async def harmful() -> int:
        harm(asyncio.get_running_loop())
        await asyncio.sleep(0.05)
        return id(asyncio.get_running_loop())

    async def which() -> int:
        return id(asyncio.get_running_loop())

    before = run(which)
    assert run(harmful) == before
    assert run(which) == before


def test_a_loop_that_is_blocked_for_good_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_loop, "STUCK_SECONDS", 0.2)
    monkeypatch.setattr(engine_call, "LOOP_GRACE", 0.1)
    free = threading.Event()

    async def blocks() -> None:
        free.wait()

    with pytest.raises(CallbackTimeoutError):
        run(blocks, seconds=0.05)
    time.sleep(0.25)
    try:
        assert run(loop_thread, seconds=20) == "webapp-loop"
    finally:
        free.set()


def test_a_loop_that_comes_back_late_does_not_speak_for_its_successor() -> None:
    loops = engine_loop.ProcessLoop()
    context = contextvars.Context()
    began, free = threading.Event(), threading.Event()

    async def blocks() -> None:
        began.set()
        free.wait()

    async def nothing() -> None:
        pass

    loops.submit(blocks(), context)
    assert began.wait(20)
    blocked = loops._current
    assert blocked is not None
    loops.suspect()
    loops._silent_since = -engine_loop.STUCK_SECONDS
    loops.submit(nothing(), context).result(20)
    loops._silent_since = 1.0  # the successor is suspected as well
    free.set()
    # It closes after it has said that it is there again.
    wait_until(blocked.loop.is_closed)
    assert loops._silent_since == 1.0


def test_a_closed_loop_is_not_asked_and_is_replaced() -> None:
    loops = engine_loop.ProcessLoop()

    async def which() -> int:
        return id(asyncio.get_running_loop())

    first = loops.submit(which(), contextvars.Context()).result(20)
    current = loops._current
    assert current is not None
    loops._current = None  # lets its thread end, so that the loop is closed
    current.wake()
    while not current.loop.is_closed():
        time.sleep(0.01)
    loops._current = current
    loops.suspect()
    assert loops.submit(which(), contextvars.Context()).result(20) != first


def test_a_loop_that_is_slow_once_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_call, "LOOP_GRACE", 0.1)
    free = threading.Event()

    async def which() -> int:
        return id(asyncio.get_running_loop())

    async def blocks() -> None:
        free.wait()

    before = run(which)
    with pytest.raises(CallbackTimeoutError):
        run(blocks, seconds=0.05)
    free.set()
    assert run(which, seconds=20) == before
    # However long ago that was, the loop has spoken since.
    wait_until(lambda: engine_loop.process_loop._silent_since is None)
    monkeypatch.setattr(engine_loop, "STUCK_SECONDS", 0.0)
    assert run(which) == before


@pytest.mark.parametrize("nap", ["time.sleep(5)", "await asyncio.sleep(5)"])
def test_a_callback_that_is_too_slow_is_given_up(nap: str) -> None:
    namespace: dict[str, Any] = {"ended": []}
    head = "async def" if "await" in nap else "def"
    exec(f"import asyncio, time\n{head} slow():\n    {nap}\n    ended.append(1)\n", namespace)
    with pytest.raises(CallbackTimeoutError, match=r"took longer than 0\.1 seconds"):
        run(namespace["slow"], seconds=0.1)
    assert namespace["ended"] == []


def test_a_coroutine_that_is_too_slow_is_cancelled() -> None:
    ended = threading.Event()

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    with pytest.raises(CallbackTimeoutError):
        run(slow, seconds=0.05)
    assert ended.wait(20)


def test_a_blocked_loop_is_reported_as_too_slow() -> None:
    free = threading.Event()

    async def blocks() -> None:
        free.wait()

    try:
        with pytest.raises(CallbackTimeoutError):
            run(blocks, seconds=0.05)
    finally:
        free.set()


def test_a_message_sent_after_the_time_is_up_is_refused(make_app: AppMaker) -> None:
    app = make_app(
        """
        import threading
        import webapp as cl
        late, go_on = [], threading.Event()
        @cl.on_chat_start
        def start():
            go_on.wait(20)
            try:
                cl.Message("too late").send()
            except Exception as error:
                late.append(str(error))
        """,
        chat_start_seconds="0.1",
    )
    Visitor(app).start_chat()
    sys.modules["app_file"].go_on.set()
    late = sys.modules["app_file"].late
    wait_until(lambda: late)
    [problem] = late
    assert "after the callback had ended" in problem
    assert count(app, "messages") == 1


@pytest.mark.parametrize("asynchronous", ["", "async "])
def test_callbacks_see_no_request_and_no_database(make_app: AppMaker, asynchronous: str) -> None:
    app = make_app(f"""
        import flask
        import webapp as cl
        @cl.on_chat_start
        {asynchronous}def start():
            cl.Message([flask.has_request_context(), flask.has_app_context()]).send()
    """)
    visitor = Visitor(app)
    page = parse(visitor.get(visitor.start_chat()).text)
    assert page.one(data_testid="message").one("pre").text.split() == ["[", "false,", "false", "]"]


@pytest.mark.parametrize("asynchronous", ["", "async "])
def test_no_connection_is_held_while_a_callback_runs(
    make_app: AppMaker, asynchronous: str, either_url: str
) -> None:
    make_app.database_url = either_url
    app = make_app(WATCHED.format(head=f"{asynchronous}def"))
    app.extensions[HOUSEKEEPING].jobs.clear()  # they have a connection of their own for a moment
    file: Any = sys.modules["app_file"]
    file.look = lambda: file.SEEN.append(pooled_connections_in_use(app))
    visitor = Visitor(app).logged_in("bob")
    visitor.get(visitor.start_chat("a"))
    visitor.post("/chats", {"profile": "a"}, htmx=True)
    assert len(file.SEEN) >= 6
    assert set(file.SEEN) == {0}


def test_chats_that_start_at_once_stay_apart(make_app: AppMaker) -> None:
    app = make_app("""
        import asyncio
        import webapp as cl
        @cl.set_chat_profiles
        def profiles():
            return [cl.ChatProfile(f"p{n}", "") for n in range(12)]
        @cl.on_chat_start
        async def start():
            for _ in range(5):
                await asyncio.sleep(0.01)
                await cl.Message(cl.user_session.get("chat_profile")).send()
    """)

    def start(name: str) -> set[str]:
        # On a busy machine a start goes on after its page was answered.
        return set(Chat(app, name).until_answered().messages())

    names = [f"p{number}" for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(start, names)) == [{name} for name in names]


def test_a_thread_and_a_task_of_the_author_can_send(make_app: AppMaker) -> None:
    app = make_app("""
        import asyncio
        import webapp as cl
        @cl.on_chat_start
        async def start():
            await asyncio.to_thread(cl.Message("from a thread").send)
            await asyncio.create_task(say())
        async def say():
            cl.Message("from a task").send()
    """)
    visitor = Visitor(app)
    page = visitor.get(visitor.start_chat()).text
    assert "from a thread" in page
    assert "from a task" in page


def test_a_slow_offer_is_an_error_page_with_a_reference(make_app: AppMaker, log: LogReader) -> None:
    app = make_app(
        """
        import time
        import webapp as cl
        @cl.set_chat_profiles
        def profiles():
            time.sleep(1)
        """,
        callback_seconds="0.1",
    )
    answer = Visitor(app).get("/")
    assert answer.status_code == 500
    assert "The app took too long" in answer.text
    assert log.one("callback.failed")["request"] in answer.text


def test_a_hanging_callback_does_not_stop_the_others(make_app: AppMaker) -> None:
    app = make_app(HANGING, chat_start_seconds="1")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: Visitor(app).start_chat("hang"), range(8)))
    try:
        # Not only at the first try: on a busy machine even that may take a second.
        wait_until(lambda: starts_in_time(app))
    finally:
        sys.modules["app_file"].go_on.set()


def starts_in_time(app: Flask) -> bool:
    visitor = Visitor(app)
    return "fine" in visitor.get(visitor.start_chat("fine")).text


HANGING = """
    import threading
    import webapp as cl
    go_on = threading.Event()
    @cl.set_chat_profiles
    def profiles():
        return [cl.ChatProfile("hang", ""), cl.ChatProfile("fine", "")]
    @cl.on_chat_start
    def start():
        if cl.user_session.get("chat_profile") == "hang":
            go_on.wait()
        cl.Message("fine").send()
"""
WATCHED = """
    import webapp as cl
    SEEN = []
    look = None
    @cl.set_chat_profiles
    {head} profiles():
        look()
        return [cl.ChatProfile("a", ""), cl.ChatProfile("b", "")]
    @cl.on_chat_start
    {head} start():
        look()
        cl.Message("x").send()
    @cl.password_auth_callback
    {head} auth(username, password):
        look()
        return cl.User(username)
"""
