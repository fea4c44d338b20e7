"""The loop of the process: which thread runs it, and what is handed over to its own thread."""

from __future__ import annotations

import asyncio
import contextvars
import os
import random
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.cpu import timed
from webapp.authoring.context import Running
from webapp.authoring.errors import CallbackError
from webapp.authoring.loading.app_file import (
    CALLS_AFTER_A_LONG_ONE,
    LONG_SECONDS,
    QUICK_CALLS,
    QUICK_SECONDS,
    Callback,
)
from webapp.engine import loop as engine_loop
from webapp.engine import pausing_loop
from webapp.engine.call import begin, call
from webapp.engine.loop import ProcessLoop, process_loop

# What takes longer never comes, on the slowest machine.
LIMIT = 30.0


@pytest.fixture
def loop() -> Iterator[ProcessLoop]:
    """Return a loop of its own, with its thread at rest."""
    loop = ProcessLoop()
    loop.submit(nothing(), contextvars.Context()).result(LIMIT)
    rest(loop)
    yield loop
    current, loop._current = loop._current, None
    assert current is not None
    if not current.loop.is_closed():
        current.wake()


def rest(loop: ProcessLoop) -> None:
    """Wait until the loop has nothing to run and no thread runs it."""
    current = loop._current
    assert current is not None
    selector = current._selector
    assert selector is not None
    until(
        lambda: (
            not current._permit.locked()
            and selector.next_run > time.monotonic()
            and not selector.has_ready_files()
        )
    )


def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + LIMIT
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.005)


async def cancel_others() -> None:
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


@pytest.fixture(autouse=True, scope="module")
def _quiet_process_loop() -> None:
    """End what earlier tests have left in the loop of the process."""
    process_loop.submit(cancel_others(), contextvars.Context()).result(LIMIT)


def happens(is_so: Callable[[], bool]) -> bool:
    """Return whether something is so at one of ten tries.

    What earlier tests have left in the loop of the process may be due at this very moment.
    """
    for _ in range(10):
        rest(process_loop)
        if is_so():
            return True
    return False


def run_here(loop: ProcessLoop, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
    return loop.run_here(coroutine, contextvars.Context())


async def nothing() -> None:
    pass


async def thread() -> threading.Thread:
    return threading.current_thread()


def quick(function: Callable[..., Any]) -> Callback:
    """Return a callback that has been quick so far."""
    callback = Callback("on_message", function, 0)
    callback.pace.quick_calls = QUICK_CALLS
    return callback


def call_it(callback: Callback, seconds: float = LIMIT) -> Any:
    return call(callback, (), Running(), seconds)


def test_a_coroutine_that_never_waits_runs_in_the_callers_thread(loop: ProcessLoop) -> None:
    before = loop.handovers
    future = run_here(loop, thread())
    assert future.done()
    assert future.result() is threading.current_thread()
    assert loop.handovers == before


def test_wherever_it_runs_a_coroutine_sees_the_same_loop_and_its_task(loop: ProcessLoop) -> None:
    async def look() -> tuple[asyncio.AbstractEventLoop, bool]:
        async with asyncio.timeout(LIMIT), asyncio.Lock():
            task = asyncio.current_task()
            return asyncio.get_running_loop(), task in asyncio.all_tasks()

    there = loop.submit(look(), contextvars.Context()).result(LIMIT)
    rest(loop)
    assert run_here(loop, look()).result(LIMIT) == there
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


def test_what_a_coroutine_waits_for_is_waited_for_by_the_loops_thread(loop: ProcessLoop) -> None:
    async def wait() -> list[threading.Thread]:
        before = threading.current_thread()
        await asyncio.sleep(0.02)
        return [before, threading.current_thread()]

    before = loop.handovers
    future = run_here(loop, wait())
    assert not future.done()
    first, second = future.result(LIMIT)
    assert (first, second.name) == (threading.current_thread(), "webapp-loop")
    assert loop.handovers == before + 1


def test_a_coroutine_that_wakes_at_once_keeps_its_context(loop: ProcessLoop) -> None:
    name: contextvars.ContextVar[int] = contextvars.ContextVar("name")

    async def wait(number: int) -> int:
        name.set(number)
        for _ in range(20):
            await asyncio.sleep(0)
            await asyncio.to_thread(int)  # wakes while this thread hands over
        return name.get()

    for number in range(50):
        assert run_here(loop, wait(number)).result(LIMIT) == number


def test_a_suspended_coroutine_can_be_cancelled(loop: ProcessLoop) -> None:
    cleaned_up = threading.Event()

    async def wait() -> None:
        try:
            await asyncio.sleep(LIMIT)
        finally:
            cleaned_up.set()

    run_here(loop, wait()).cancel()
    assert cleaned_up.wait(LIMIT)


@pytest.mark.parametrize("error", [ValueError("x"), TimeoutError("mine")])
def test_an_error_arrives_as_it_is(loop: ProcessLoop, error: Exception) -> None:
    async def fail() -> None:
        raise error

    assert run_here(loop, fail()).exception(0) is error


def test_suspended_coroutines_leave_the_loop_free_and_stay_with_its_thread(
    loop: ProcessLoop,
) -> None:
    woke_in = []
    morning = asyncio.Event()

    async def sleeper() -> None:
        async with asyncio.timeout(LIMIT):
            await morning.wait()
        woke_in.append(threading.current_thread().name)

    async def wake() -> None:
        morning.set()

    context = contextvars.Context()
    sleepers = [loop.submit(sleeper(), context) for _ in range(100)]
    rest(loop)
    before = loop.handovers
    for _ in range(20):
        assert run_here(loop, thread()).result(0) is threading.current_thread()
    assert loop.handovers == before
    loop.submit(wake(), context)
    for future in sleepers:
        future.result(LIMIT)
    assert woke_in == ["webapp-loop"] * 100


@pytest.mark.parametrize("most", [0, pausing_loop.SELECT_FILES])
def test_no_timer_rings_early(
    loop: ProcessLoop, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pausing_loop, "SELECT_FILES", most)  # 0: waits by `poll`

    async def sleep(seconds: float) -> float:
        begun = time.monotonic()
        await asyncio.sleep(seconds)
        return time.monotonic() - begun - seconds

    delays = [0.003_7, 0.001_2, 0.000_4, 0.002_1]
    late = [run_here(loop, sleep(seconds)) for seconds in delays]
    assert all(future.result(LIMIT) >= 0 for future in late)


def test_a_timer_that_a_visitor_leaves_behind_is_not_late(loop: ProcessLoop) -> None:
    rang = threading.Event()

    async def leave_timer() -> None:
        asyncio.get_running_loop().call_later(0.02, rang.set)

    run_here(loop, leave_timer()).result(0)
    for _ in range(50):  # later visitors must not swallow that the thread was woken
        run_here(loop, nothing()).result(LIMIT)
    assert rang.wait(LIMIT)


def test_a_file_that_a_visitor_watches_is_noticed(loop: ProcessLoop) -> None:
    reads, writes = os.pipe()
    noticed = threading.Event()

    async def watch() -> None:
        asyncio.get_running_loop().add_reader(reads, notice)

    def notice() -> None:
        asyncio.get_running_loop().remove_reader(reads)
        noticed.set()

    run_here(loop, watch()).result(0)
    os.write(writes, b"x")
    assert noticed.wait(LIMIT)
    os.close(reads)
    os.close(writes)


def test_another_thread_can_use_the_loop_while_it_pauses(loop: ProcessLoop) -> None:
    async def which() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    found = run_here(loop, which()).result(0)
    assert asyncio.run_coroutine_threadsafe(which(), found).result(LIMIT) is found


def test_a_loop_that_is_busy_gets_the_coroutine_handed_over(loop: ProcessLoop) -> None:
    began, free = threading.Event(), threading.Event()

    async def block() -> None:
        began.set()
        free.wait(LIMIT)

    loop.submit(block(), contextvars.Context())
    assert began.wait(LIMIT)
    future = run_here(loop, thread())
    assert not future.done()
    free.set()
    assert future.result(LIMIT).name == "webapp-loop"


def test_a_task_that_never_waits_does_not_hold_the_visitor(loop: ProcessLoop) -> None:
    tasks = []

    async def spin() -> None:
        while True:
            await asyncio.sleep(0)

    async def leave_task() -> None:
        tasks.append(asyncio.create_task(spin()))

    assert timed(lambda: run_here(loop, leave_task()).result(LIMIT)) < 1
    assert loop.submit(thread(), contextvars.Context()).result(LIMIT).name == "webapp-loop"
    tasks[0].get_loop().call_soon_threadsafe(tasks[0].cancel)


def test_an_exit_in_a_task_does_not_reach_the_visitor(loop: ProcessLoop) -> None:
    def leave() -> None:
        raise SystemExit(1)

    async def leave_later() -> int:
        asyncio.get_running_loop().call_soon(leave)
        await asyncio.sleep(0.01)
        return 1

    assert run_here(loop, leave_later()).result(LIMIT) == 1
    rest(loop)
    assert run_here(loop, thread()).result(0) is threading.current_thread()


def test_the_author_may_stop_the_loop_of_a_visitor(loop: ProcessLoop) -> None:
    async def stop() -> int:
        asyncio.get_running_loop().stop()
        await asyncio.sleep(0.01)
        return 1

    assert run_here(loop, stop()).result(LIMIT) == 1


def test_a_visitor_that_blocks_the_loop_for_good_is_left_alone(
    loop: ProcessLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_loop, "STUCK_SECONDS", 0.1)
    free, began = threading.Event(), threading.Event()

    async def block() -> str:
        began.set()
        free.wait(LIMIT)
        return "late"

    with ThreadPoolExecutor(1) as pool:
        visit = pool.submit(run_here, loop, block())
        assert began.wait(LIMIT)
        blocked = loop._current
        assert blocked is not None
        loop.suspect()
        time.sleep(0.15)
        try:
            assert loop.submit(thread(), contextvars.Context()).result(LIMIT).name == "webapp-loop"
            assert loop._current is not blocked
        finally:
            free.set()
        assert visit.result(LIMIT).result(LIMIT) == "late"
    until(blocked.loop.is_closed)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_has_a_loop_of_its_own_and_leaves_the_parents_alone(
    loop: ProcessLoop,
) -> None:
    async def leave_timer(rang: threading.Event) -> None:
        asyncio.get_running_loop().call_later(0.2, rang.set)

    rang = threading.Event()
    run_here(loop, leave_timer(rang)).result(0)
    child = os.fork()
    if child == 0:
        try:
            loop.submit(nothing(), contextvars.Context()).result(LIMIT)
            run_here(loop, nothing()).result(LIMIT)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - the child must not go on with the test
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    assert rang.wait(LIMIT)
    assert loop.submit(thread(), contextvars.Context()).result(LIMIT).name == "webapp-loop"


def test_many_threads_share_the_loop(loop: ProcessLoop) -> None:
    running = []

    async def work(number: int) -> int:
        chance = random.Random(number)
        for _ in range(3):
            running.append(number)
            assert running == [number]  # no other thread runs the loop
            running.pop()
            if chance.random() < 0.3:
                await asyncio.sleep(chance.choice([0, 0.001, 0.003]))
        return number

    def visit(number: int) -> int:
        result: int = run_here(loop, work(number)).result(LIMIT)
        return result

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(visit, range(500))) == list(range(500))


def test_a_callback_runs_in_the_requests_thread_once_it_has_been_quick() -> None:
    callback = Callback("on_message", thread, 0)
    names = [call_it(callback).name for _ in range(QUICK_CALLS)]
    assert names == ["webapp-loop"] * QUICK_CALLS

    def runs_here() -> bool:
        before = process_loop.handovers
        is_here = call_it(callback) is threading.current_thread()
        assert not is_here or process_loop.handovers == before
        return is_here

    assert happens(runs_here)


async def blocks() -> threading.Thread:
    time.sleep(QUICK_SECONDS + 0.01)
    return threading.current_thread()


async def waits() -> threading.Thread:
    await asyncio.sleep(0)
    return threading.current_thread()


@pytest.mark.parametrize("function", [blocks, waits])
def test_a_callback_that_blocks_or_waits_goes_back_to_the_loops_thread(
    function: Callable[[], object],
) -> None:
    callback = quick(function)
    call_it(callback)
    assert not callback.pace.is_quick
    assert call_it(callback).name == "webapp-loop"


@pytest.mark.parametrize(
    ("seconds", "waited", "calls"),
    [
        (0.0, True, CALLS_AFTER_A_LONG_ONE + QUICK_CALLS),
        (LONG_SECONDS + 0.1, False, CALLS_AFTER_A_LONG_ONE + QUICK_CALLS),
        (QUICK_SECONDS + 0.1, False, QUICK_CALLS),
    ],
)
def test_a_callback_that_was_slow_once_may_be_quick_again(
    seconds: float, waited: bool, calls: int
) -> None:
    callback = quick(thread)
    callback.pace.note_call(seconds, waited=waited)
    names = [call_it(callback).name for _ in range(calls)]
    assert set(names) == {"webapp-loop"}
    assert happens(lambda: call_it(callback) is threading.current_thread())


def test_a_callback_that_fails_in_a_requests_thread_stays_with_the_loops() -> None:
    local = threading.local()

    async def needs_one_thread() -> str:
        local.connection = getattr(local, "connection", None) or "new"
        if threading.current_thread().name != "webapp-loop":
            raise RuntimeError("made in another thread")
        return threading.current_thread().name

    callback = quick(needs_one_thread)
    rest(process_loop)
    with pytest.raises(CallbackError):
        call_it(callback)
    assert {call_it(callback) for _ in range(30)} == {"webapp-loop"}


def test_a_quick_callback_that_waits_is_still_held_to_its_time() -> None:
    async def slow() -> None:
        await asyncio.sleep(LIMIT)

    began = time.monotonic()
    with pytest.raises(CallbackError, match="took longer"):
        call_it(quick(slow), seconds=0.1)
    assert time.monotonic() - began < LIMIT / 2


def test_a_call_that_was_begun_and_ended_here_needs_no_thread() -> None:
    def ends_here() -> bool:
        before = process_loop.handovers
        running = begin(quick(thread), (), Running())
        is_here = running.ended.result(LIMIT) is threading.current_thread()
        assert not is_here or process_loop.handovers == before
        return is_here

    assert happens(ends_here)


def test_a_call_that_was_begun_here_and_waits_can_be_cancelled() -> None:
    async def wait() -> None:
        await asyncio.sleep(LIMIT)

    running = begin(quick(wait), (), Running())
    running.cancel()
    assert "CancelledError" in str(running.ended.exception(LIMIT))


def test_a_message_that_is_answered_at_once_wakes_no_other_thread(make_app: AppMaker) -> None:
    app = make_app("""
        import flask
        import threading
        import webapp as cl
        @cl.set_chat_profiles
        async def profiles():
            return [cl.ChatProfile("a", ""), cl.ChatProfile("b", "")]
        @cl.on_message
        async def answer(message):
            seen = [flask.has_request_context(), flask.has_app_context()]
            here = threading.current_thread().name.startswith("webapp")
            await cl.Message(f"{message.content} {seen} {here}").send()
    """)
    chat = Chat(app, "a")
    for number in range(QUICK_CALLS + 1):
        chat.say(f"n{number}")
    keeper = app.extensions["conversation"].keeper

    def wakes_nobody() -> bool:
        before = process_loop.handovers, keeper.handovers
        chat.say("now")
        is_here = "now [False, False] False" in chat.messages()[-1]
        return is_here and (process_loop.handovers, keeper.handovers) == before

    assert happens(wakes_nobody)
