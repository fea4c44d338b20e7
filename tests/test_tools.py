"""Blocking functions awaited, and coroutines waited for, in the chat that is running."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

import webapp as cl
from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.html import parse
from tests.support.log import LogReader
from tests.support.people import Visitor
from webapp.authoring.context import Running
from webapp.authoring.errors import AppFileError, CallbackError, MisuseError
from webapp.authoring.loading.app_file import Callback
from webapp.authoring.loading.loader import load_chat_app
from webapp.engine.call import call


def run(function: Callable[..., Any]) -> Any:
    """Run a callback as the engine does, outside a chat."""
    return call(Callback("on_chat_start", function, 0), (), Running(), 10.0)


def cause_of(function: Callable[..., Any]) -> BaseException | None:
    with pytest.raises(CallbackError) as caught:
        run(function)
    return caught.value.__cause__


def said(app: Any) -> list[str]:
    visitor = Visitor(app)
    page = parse(visitor.get(visitor.start_chat()).text)
    return [m.with_class("prose")[0].text.strip() for m in page.all(data_testid="message")]


def test_a_blocking_function_runs_in_a_thread_and_returns() -> None:
    def add(one: int, *, two: int) -> tuple[int, str]:
        return one + two, threading.current_thread().name

    assert asyncio.run(cl.make_async(add)(1, two=2)) == (3, "webapp-make_async")


def test_more_calls_than_any_pool_has_threads_run_at_once() -> None:
    everybody = threading.Barrier(100, timeout=60)

    async def meet() -> list[int]:
        wait = cl.make_async(everybody.wait)
        return await asyncio.gather(*(wait(20) for _ in range(100)))

    assert sorted(asyncio.run(meet())) == list(range(100))


@pytest.mark.parametrize("error", [ValueError("x"), KeyError(), TimeoutError(), AssertionError()])
def test_what_a_blocking_function_raises_is_passed_through(error: Exception) -> None:
    def fails() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        asyncio.run(cl.make_async(fails)())
    assert caught.value is error


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (StopIteration("x"), "StopIteration"),
        (SystemExit(3), "SystemExit"),
        (KeyboardInterrupt(), ""),
    ],
)
def test_what_no_coroutine_may_raise_becomes_an_error_with_its_cause(
    error: BaseException, name: str
) -> None:
    def fails() -> None:
        raise error

    async def waits() -> None:
        await asyncio.wait_for(cl.make_async(fails)(), 10)

    with pytest.raises(RuntimeError, match=f"raised {name}") as caught:
        asyncio.run(waits())
    assert caught.value.__cause__ is error


def fails() -> None:
    raise TimeoutError


async def fails_too() -> None:
    fails()


@pytest.mark.parametrize(
    "callback", [lambda: cl.run_sync(fails_too()), lambda: cl.run_sync(cl.make_async(fails)())]
)
def test_an_error_keeps_the_line_where_it_was_raised(callback: Callable[[], None]) -> None:
    cause = cause_of(callback)
    assert cause is not None
    assert traceback.extract_tb(cause.__traceback__)[-1].name == "fails"


def test_a_cancelled_wait_ends_while_the_thread_goes_on() -> None:
    began, free, ended = threading.Event(), threading.Event(), threading.Event()

    def slow() -> None:
        began.set()
        free.wait(20)
        ended.set()

    async def cancels() -> None:
        task = asyncio.create_task(cl.make_async(slow)())
        await asyncio.to_thread(began.wait, 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not free.is_set()
        free.set()
        await asyncio.to_thread(ended.wait, 20)

    asyncio.run(cancels())
    assert ended.is_set()


def test_a_wait_that_is_cancelled_before_it_began_calls_nothing() -> None:
    async def cancels() -> list[str]:
        calls: list[str] = []
        task = asyncio.create_task(cl.make_async(calls.append)("x"))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return calls

    assert asyncio.run(cancels()) == []


def test_the_thread_sees_the_variables_of_the_caller() -> None:
    variable = contextvars.ContextVar("variable", default="")

    async def reads() -> str:
        variable.set("mine")
        return await cl.make_async(variable.get)()

    assert asyncio.run(reads()) == "mine"


def test_a_blocking_function_can_send_messages_and_use_the_session(make_app: AppMaker) -> None:
    app = make_app("""
        import webapp as cl
        def blocking():
            cl.user_session.set("word", "from a thread")
            cl.Message(cl.user_session.get("word")).send()
        @cl.on_chat_start
        async def start():
            await cl.make_async(blocking)()
            await cl.Message("and " + cl.user_session.get("word")).send()
    """)
    assert said(app) == ["from a thread", "and from a thread"]


def test_make_async_keeps_the_name_and_takes_classes() -> None:
    made = cl.make_async(threading.Barrier)
    assert (made.__name__, asyncio.run(made(3)).parties) == ("Barrier", 3)
    assert asyncio.run(cl.make_async(functools.partial(len, "ab"))()) == 2


async def coroutine_function() -> int:
    return 1


class AsyncCall:
    async def __call__(self) -> None: ...


def generator() -> Any:
    yield 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (3, ["needs a function, not int", "`await make_async(function)(argument)`"]),
        (None, ["needs a function, not NoneType"]),
        (coroutine_function, ["coroutine_function, which is async already", "write `await "]),
        (functools.partial(coroutine_function), ["which is async already"]),
        (AsyncCall(), ["AsyncCall, which is async already"]),
        (generator, ["generator, which contains `yield`", "Return a list"]),
    ],
)
def test_make_async_says_what_to_change(given: Any, words: list[str]) -> None:
    with pytest.raises(MisuseError) as caught:
        cl.make_async(given)
    assert [word for word in words if word not in str(caught.value)] == []


def test_make_async_refuses_a_call_and_brackets() -> None:
    made = coroutine_function()
    with pytest.raises(MisuseError, match="what the call of an async function returned"):
        cl.make_async(made)  # type: ignore[arg-type]
    made.close()
    with pytest.raises(MisuseError, match="needs a function, not brackets"):
        cl.make_async()  # type: ignore[call-arg]


def test_a_plain_callback_waits_for_a_coroutine_on_the_loop_of_the_process() -> None:
    async def where(word: str) -> tuple[str, str]:
        await asyncio.sleep(0)
        return word, threading.current_thread().name

    assert run(lambda: cl.run_sync(where("x"))) == ("x", "webapp-loop")


def test_what_run_sync_made_works_in_the_next_coroutine() -> None:
    async def make() -> asyncio.Event:
        event = asyncio.Event()
        asyncio.get_running_loop().call_later(0.01, event.set)
        return event

    event = run(lambda: cl.run_sync(make()))
    assert run(lambda: cl.run_sync(event.wait())) is True


def test_a_coroutine_of_run_sync_can_send_messages_and_use_the_session(make_app: AppMaker) -> None:
    app = make_app("""
        import asyncio
        import webapp as cl
        async def say(word):
            await asyncio.sleep(0)
            cl.user_session.set("word", word)
            await cl.Message("from " + word).send()
        @cl.on_chat_start
        def start():
            cl.run_sync(say("a coroutine"))
            cl.Message("and " + cl.user_session.get("word")).send()
    """)
    assert said(app) == ["from a coroutine", "and a coroutine"]


def test_tools_can_be_nested() -> None:
    async def inner() -> str:
        return threading.current_thread().name

    async def outer() -> str:
        return await cl.make_async(lambda: cl.run_sync(inner()))()

    assert run(outer) == "webapp-loop"
    assert run(lambda: cl.run_sync(outer())) == "webapp-loop"


@pytest.mark.parametrize("error", [ValueError("x"), KeyError(), TimeoutError("mine")])
def test_what_a_coroutine_raises_is_passed_through(error: Exception) -> None:
    async def fails() -> None:
        raise error

    assert cause_of(lambda: cl.run_sync(fails())) is error


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_an_exit_in_a_coroutine_reaches_its_thread_and_not_the_loop(
    error: BaseException, log: LogReader
) -> None:
    async def fails() -> None:
        raise error

    cause = cause_of(lambda: cl.run_sync(fails()))
    assert cause is not None
    assert cause.__cause__ is error
    assert log.events("loop.exit_in_a_task") == []


def test_a_coroutine_that_is_cancelled_raises_what_await_would() -> None:
    async def gives_up() -> None:
        raise asyncio.CancelledError

    def start() -> str:
        try:
            cl.run_sync(gives_up())
        except asyncio.CancelledError:
            return "cancelled"
        return ""

    assert run(start) == "cancelled"


def test_run_sync_below_a_coroutine_runs_on_another_loop(log: LogReader) -> None:
    async def slept(value: str) -> str:
        await asyncio.sleep(0.001)
        return f"{value} on {threading.current_thread().name}"

    def plain(value: str) -> str:
        return cl.run_sync(slept(value))

    async def inner() -> str:
        return plain("inner")

    async def start() -> list[str]:
        return [plain("outer"), cl.run_sync(inner()), await slept("own")]

    there = ["outer on webapp-aside", "inner on webapp-aside", "own on webapp-loop"]
    assert [run(start) for _ in range(2)] == [there, there]
    assert len(log.events("run_sync.blocks")) <= 1


def test_what_run_sync_raises_below_a_coroutine_is_passed_through() -> None:
    async def start() -> None:
        cl.run_sync(fails_too())

    assert isinstance(cause_of(start), TimeoutError)


def test_what_belongs_to_the_loop_of_the_process_does_not_wait_for_ever() -> None:
    async def start() -> None:
        cl.run_sync(asyncio.create_task(asyncio.sleep(0)))

    assert "attached to a different loop" in str(cause_of(start))


def test_a_step_and_messages_of_plain_functions_below_a_coroutine(make_app: AppMaker) -> None:
    chat = Chat(
        make_app("""
        import webapp as cl

        @cl.step(name="tool", type="tool")
        def tool():
            cl.run_sync(cl.sleep(0.001))
            cl.run_sync(cl.Message(content="Message from the tool").send())
            return "Response"

        @cl.on_message
        async def main(message: cl.Message):
            tool()
    """)
    )
    assert chat.say("Hello").messages() == ["Message from the tool"]
    assert [step["data-name"] for step in chat.page().all(data_testid="step")] == ["tool"]


def test_stop_ends_what_a_coroutine_waits_for_in_run_sync(make_app: AppMaker) -> None:
    chat = Chat(
        make_app("""
        import webapp as cl
        @cl.on_message
        async def main(message):
            if message.content == "wait":
                cl.run_sync(cl.sleep(600))
            cl.Message("here").send()
    """)
    )
    chat.begin("wait")
    chat.stop()
    page = chat.until_answered().say("more").page()
    shown = page.all(data_testid="message", data_kind="assistant")
    assert [message["data-status"] for message in shown] == ["stopped", "complete"]
    assert "here" in shown[1].text


def test_run_sync_outside_a_callback_teaches(tmp_path: Path) -> None:
    path = tmp_path / "chat.py"
    path.write_text("import webapp as cl\nasync def f(): ...\ncl.run_sync(f())\n")
    with pytest.raises(AppFileError) as caught:
        load_chat_app(path)
    assert str(caught.value).startswith(f"{path}:3: ")
    for words in ("outside a callback", "`asyncio.run(...)`", "copy_context().run"):
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (3, ["needs what the call of an async function returns, not int"]),
        (None, ["not NoneType", "Use a plain function without run_sync"]),
        (coroutine_function, ["not function: call it, `run_sync(coroutine_function(...))`"]),
    ],
)
def test_run_sync_says_what_to_change(given: Any, words: list[str]) -> None:
    cause = cause_of(lambda: cl.run_sync(given))
    assert isinstance(cause, MisuseError)
    assert [word for word in words if word not in str(cause)] == []


def test_a_coroutine_that_was_awaited_is_refused() -> None:
    made: Coroutine[Any, Any, int] = coroutine_function()

    def twice() -> None:
        assert cl.run_sync(made) == 1
        cl.run_sync(made)

    cause = cause_of(twice)
    assert isinstance(cause, MisuseError)
    assert "coroutine_function that was awaited already" in str(cause)


def test_anything_that_can_be_awaited_is_taken() -> None:
    class Ready:
        def __await__(self) -> Any:
            yield from ()
            return 5

    ready: Awaitable[int] = Ready()
    assert run(lambda: cl.run_sync(ready)) == 5


def test_a_limiter_is_entered_for_each_call() -> None:
    running: list[int] = []

    def work() -> int:
        running.append(1)
        most = len(running)
        running.pop()
        return most

    async def both() -> list[int]:
        limited = cl.make_async(work, abandon_on_cancel=True, limiter=asyncio.Semaphore(1))
        return list(await asyncio.gather(*(limited() for _ in range(8))))

    assert asyncio.run(both()) == [1] * 8
