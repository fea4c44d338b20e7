"""Who computes a value and who waits for it: once per key, whoever raises or leaves."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import webapp as cl
from webapp.authoring.caching import calls as cache_calls
from webapp.authoring.errors import MisuseError

WAIT = 20.0  # for what must come; no test takes as long


class Waiters:
    """Lets a test wait until so many calls wait for a value that is being computed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._count = threading.Semaphore(0)
        original = cache_calls._refuse_waiting_for_itself

        def counted(other: object, name: str) -> None:
            original(other, name)
            self._count.release()

        monkeypatch.setattr(cache_calls, "_refuse_waiting_for_itself", counted)

    def come(self, number: int) -> bool:
        return all(self._count.acquire(timeout=WAIT) for _ in range(number))


@pytest.fixture
def waiters(monkeypatch: pytest.MonkeyPatch) -> Waiters:
    return Waiters(monkeypatch)


def test_threads_that_ask_at_once_get_one_computation(waiters: Waiters) -> None:
    began, free = threading.Event(), threading.Event()
    calls: list[int] = []

    @cl.cache
    def slow(number: int) -> object:
        calls.append(number)
        began.set()
        free.wait(WAIT)
        return object()

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(slow, 1)]
        assert began.wait(WAIT)
        asked += [pool.submit(slow, 1) for _ in range(7)]
        assert waiters.come(7)
        free.set()
        assert len({id(future.result(WAIT)) for future in asked}) == 1
    assert calls == [1]


def test_other_arguments_do_not_wait() -> None:
    meet = threading.Barrier(3, timeout=60)

    @cl.cache
    def slow(number: int) -> int:
        meet.wait(WAIT)  # only if all three are computed at the same time
        return number

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(slow, [1, 2, 3])) == [1, 2, 3]


def test_a_kept_value_is_given_while_another_is_computed() -> None:
    began, free = threading.Event(), threading.Event()

    @cl.cache
    def value(number: int) -> int:
        if number:
            began.set()
            free.wait(WAIT)
        return number

    value(0)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(value, 1)
        assert began.wait(WAIT)
        assert value(0) == 0
        assert not slow.done()
        free.set()


def test_an_error_reaches_all_who_waited_and_is_not_kept(waiters: Waiters) -> None:
    began, free = threading.Event(), threading.Event()
    outcomes: list[Any] = [ValueError("down"), "up"]

    @cl.cache
    def fetch() -> str:
        began.set()
        free.wait(WAIT)
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return str(outcome)

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(fetch)]
        assert began.wait(WAIT)
        asked += [pool.submit(fetch) for _ in range(3)]
        assert waiters.come(3)
        free.set()
        assert [str(future.exception(WAIT)) for future in asked] == ["down"] * 4
    assert fetch() == "up"


def test_an_error_of_a_coroutine_reaches_all_who_waited_and_is_not_kept() -> None:
    calls: list[str] = []

    @cl.cache
    async def fetch() -> str:
        calls.append("x")
        await asyncio.sleep(0)
        if len(calls) == 1:
            raise ValueError("down")
        return "up"

    async def several() -> list[Any]:
        return [*await asyncio.gather(fetch(), fetch(), return_exceptions=True), await fetch()]

    first, second, third = asyncio.run(several())
    assert (str(first), str(second), third, len(calls)) == ("down", "down", "up", 2)


def test_a_thread_that_is_told_to_exit_leaves_the_key_to_the_next(waiters: Waiters) -> None:
    began, free = threading.Event(), threading.Event()
    outcomes: list[str] = ["exit", "value"]

    @cl.cache
    def fetch() -> str:
        outcome = outcomes.pop(0)
        began.set()
        free.wait(WAIT)
        if outcome == "exit":
            raise SystemExit(1)
        return outcome

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(fetch)
        assert began.wait(WAIT)
        second = pool.submit(fetch)
        assert waiters.come(1)
        free.set()
        assert isinstance(first.exception(WAIT), SystemExit)
        assert second.result(WAIT) == "value"


def test_whoever_asked_first_may_be_cancelled_without_harm_to_the_others() -> None:
    calls: list[str] = []

    async def several() -> object:
        free = asyncio.Event()

        @cl.cache
        async def slow() -> str:
            calls.append("x")
            await free.wait()
            return "value"

        first, second = asyncio.create_task(slow()), asyncio.create_task(slow())
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        free.set()
        return await second, await slow()

    assert asyncio.run(several()) == ("value", "value")
    assert calls == ["x"]


def test_what_nobody_waits_for_any_more_is_cancelled_and_computed_anew() -> None:
    seen: list[str] = []

    async def several() -> str:
        @cl.cache
        async def slow() -> str:
            seen.append("began")
            try:
                if len(seen) == 1:
                    await asyncio.Event().wait()
            finally:
                seen.append("ended")
            return "value"

        asked = [asyncio.create_task(slow()) for _ in range(2)]
        while not seen:
            await asyncio.sleep(0)
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        return await slow()

    assert asyncio.run(several()) == "value"
    assert sorted(seen) == ["began", "began", "ended", "ended"]


def test_a_wait_that_takes_too_long_does_not_poison_the_key() -> None:
    async def several() -> str:
        free = asyncio.Event()

        @cl.cache
        async def slow() -> str:
            await free.wait()
            return "value"

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await slow()
        free.set()
        return await slow()

    assert asyncio.run(several()) == "value"


def test_a_computation_that_cancels_itself_is_taken_over() -> None:
    async def several() -> list[Any]:
        free, outcomes = asyncio.Event(), ["cancel", "value"]

        @cl.cache
        async def odd() -> str:
            outcome = outcomes.pop(0)
            await free.wait()
            if outcome == "cancel":
                raise asyncio.CancelledError
            return outcome

        asked = [asyncio.create_task(odd()) for _ in range(2)]
        await asyncio.sleep(0)
        free.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    first, second = asyncio.run(several())
    assert (type(first), second) == (asyncio.CancelledError, "value")


def test_a_loop_that_is_stuck_or_closed_holds_up_no_other() -> None:
    """The first loop is left with the value half computed, as when the process replaces it."""
    outcomes = ["never", "value", "never asked"]

    @cl.cache
    async def fetch() -> str:
        outcome = outcomes.pop(0)
        if outcome == "never":
            await asyncio.Event().wait()
        return outcome

    lost = asyncio.new_event_loop()
    task = lost.create_task(fetch())
    lost.run_until_complete(asyncio.sleep(0.01))
    try:
        assert asyncio.run(asyncio.wait_for(fetch(), WAIT)) == "value"
    finally:
        task.cancel()
        lost.run_until_complete(asyncio.gather(task, return_exceptions=True))
        lost.close()
    assert asyncio.run(fetch()) == "value"


def test_an_exit_in_a_coroutine_reaches_whoever_waits_and_not_the_loop() -> None:
    @cl.cache
    async def leaves() -> None:
        raise SystemExit(3)

    async def waits() -> str:
        with pytest.raises(RuntimeError, match="raised SystemExit"):
            await leaves()
        return "still here"

    assert asyncio.run(waits()) == "still here"


def test_an_error_that_nobody_waits_for_any_more_is_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def leaves() -> None:
        @cl.cache
        async def stubborn() -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise ValueError("late") from None

        task = asyncio.create_task(stubborn())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.01)

    asyncio.run(leaves())
    gc.collect()  # asyncio logs what nobody asked for when the task goes
    assert caplog.records == []


def test_a_function_that_needs_its_own_value_is_refused() -> None:
    @cl.cache
    def endless(number: int) -> int:
        return endless(number)

    with pytest.raises(MisuseError, match="endless needs its own value for the same arguments"):
        endless(1)


def test_a_function_that_needs_its_own_value_in_another_thread_is_refused() -> None:
    @cl.cache
    def endless(number: int) -> int:
        context = contextvars.copy_context()  # as make_async and asyncio.to_thread do
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(context.run, endless, number).result(WAIT)

    with pytest.raises(MisuseError, match="endless needs its own value"):
        endless(1)


@pytest.mark.parametrize("as_task", [False, True])
def test_a_coroutine_that_needs_its_own_value_is_refused(as_task: bool) -> None:
    @cl.cache
    async def endless(number: int) -> int:
        return await (asyncio.create_task(endless(number)) if as_task else endless(number))

    async def waits() -> None:
        await asyncio.wait_for(endless(1), WAIT)

    with pytest.raises(MisuseError, match="endless needs its own value"):
        asyncio.run(waits())


def test_a_function_may_need_its_value_for_other_arguments() -> None:
    @cl.cache
    def fibonacci(n: int) -> int:
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    @cl.cache
    async def slowly(n: int) -> int:
        return n if n < 2 else sum(await asyncio.gather(slowly(n - 1), slowly(n - 2)))

    assert (fibonacci(30), asyncio.run(slowly(30))) == (832040, 832040)


def test_a_task_that_outlives_its_computation_may_ask_for_the_value() -> None:
    async def several() -> object:
        free, later = asyncio.Event(), []

        @cl.cache
        async def value() -> object:
            later.append(asyncio.create_task(ask()))
            return object()

        async def ask() -> object:
            await free.wait()
            value.clear()
            return await value()

        first = await value()
        free.set()
        return first is not await later[0]

    assert asyncio.run(several())


def test_clear_forgets_every_value_and_what_is_under_way(waiters: Waiters) -> None:
    began, free = threading.Event(), threading.Event()

    @cl.cache
    def value() -> object:
        began.set()
        free.wait(WAIT)
        return object()

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(value)
        assert began.wait(WAIT)
        second = pool.submit(value)
        assert waiters.come(1)
        value.clear()
        free.set()
        stale = first.result(WAIT)
        assert second.result(WAIT) is stale
    kept = value()
    assert kept is not stale
    value.clear()
    assert value() is not kept


def test_clear_forgets_what_a_coroutine_is_computing() -> None:
    async def several() -> bool:
        free = asyncio.Event()

        @cl.cache
        async def value() -> object:
            await free.wait()
            return object()

        first = asyncio.create_task(value())
        await asyncio.sleep(0.01)
        value.clear()
        second = asyncio.create_task(value())
        await asyncio.sleep(0.01)
        free.set()
        return (await first is not await second) and await second is await value()

    assert asyncio.run(several())


def test_what_was_computed_before_clear_is_not_kept() -> None:
    async def several() -> bool:
        free = asyncio.Event()

        @cl.cache
        async def value() -> object:
            await free.wait()
            return object()

        first = asyncio.create_task(value())
        await asyncio.sleep(0.01)
        value.clear()
        free.set()
        stale = await first
        return await value() is not stale

    assert asyncio.run(several())
