"""`make_async` for blocking functions in `async def`, `run_sync` for coroutines in `def`."""

from __future__ import annotations

import asyncio
import functools
import inspect
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import AbstractAsyncContextManager, nullcontext
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, ParamSpec, TypeVar, cast

from webapp.authoring.context import has_asked, running_submit
from webapp.authoring.errors import MisuseError
from webapp.authoring.loading.signatures import refuse_brackets

P = ParamSpec("P")
R = TypeVar("R")


@partial(refuse_brackets, options={"abandon_on_cancel", "limiter"})
def make_async(
    function: Callable[P, R],
    /,
    *,
    abandon_on_cancel: bool = True,
    limiter: AbstractAsyncContextManager[Any] | None = None,
) -> Callable[P, Coroutine[Any, Any, R]]:
    """Return an async function that runs ``function`` in a thread, so that it blocks no other chat.

    Parameters
    ----------
    function:
        A plain function that takes its time: a synchronous client, a computation. In its thread it
        can send messages and use `user_session` as its caller can. You may also pass a class. Its
        object is then made in the thread.
    abandon_on_cancel:
        Nothing: what is cancelled is always abandoned.
    limiter:
        What is entered for each call, such as an ``asyncio.Semaphore``, to limit how many run.

    Returns
    -------
    An async function with the same parameters. It returns what ``function`` returns, and raises
    what ``function`` raises. An attempt to end the process, or a ``StopIteration``, becomes a
    ``RuntimeError``. When the task that awaits it is cancelled, the wait ends at once, but the
    thread runs to its end: a thread cannot be stopped.

    Raises
    ------
    MisuseError
        ``function`` cannot be run in a thread.

    Example
    -------
    ::

        def search(question):
            return requests.get(URL, params={"q": question}).json()

        @cl.on_chat_start
        async def start():
            found = await cl.make_async(search)("news")
            await cl.Message(content=found).send()
    """
    del abandon_on_cancel
    _refuse_non_blocking(function)

    @functools.wraps(function, updated=())
    async def in_thread(*args: P.args, **kwargs: P.kwargs) -> R:
        # A thread for each call, not `asyncio.to_thread`. The pool of that function has four
        # threads more than the machine has processors, so a few slow calls would hold up those of
        # every other chat. A waiting thread costs little. A daemon, so that it cannot hold up the
        # server's exit.
        async with limiter or nullcontext():
            future: Future[_Outcome[R]] = Future()
            threading.Thread(
                target=copy_context().run,
                args=(_set_outcome, future, partial(function, *args, **kwargs)),
                name="webapp-make_async",
                daemon=True,
            ).start()
            return (await asyncio.wrap_future(future)).get()

    return in_thread


def run_sync(awaitable: Awaitable[R], /) -> R:
    """Run a coroutine from a plain ``def``, and return what it returns.

    It runs on the loop that all ``async def`` callbacks share, so it can use a client that you made
    at the top of the app file. It can send messages and use `user_session`.

    In a plain function that an ``async def`` calls, it runs on another loop, and all other
    ``async def`` callbacks wait until it ends. Call such a function with `make_async`.

    Parameters
    ----------
    awaitable:
        What the call of an async function returns: ``run_sync(fetch(url))``.

    Returns
    -------
    What ``await`` would return. It raises what ``await`` would raise.

    Raises
    ------
    MisuseError
        It was used outside a callback, or the argument cannot be awaited, or was awaited already.

    Example
    -------
    ::

        @cl.on_chat_start
        def start():
            answer = cl.run_sync(client.get("/greeting"))
            cl.Message(content=answer.text).send()
    """
    given: object = awaitable
    if (isinstance(given, dict | list) or given is None) and has_asked():
        # In a `def`, a question has waited for its answer: `run_sync(AskUserMessage(...).send())`.
        return cast("R", given)
    _refuse_non_awaitable(awaitable)
    try:
        submit = running_submit("run_sync()")
    except MisuseError:
        if inspect.iscoroutine(awaitable):
            awaitable.close()  # or Python warns that it was never awaited
        raise
    future: Future[_Outcome[R]] = submit(_await_outcome(awaitable))
    try:
        outcome = future.result()
    except CancelledError:
        raise asyncio.CancelledError from None
    return outcome.get()


async def sleep(duration: float) -> None:
    """Wait for so many seconds, while other chats go on. It is ``asyncio.sleep``.

    Example
    -------
    ::

        await cl.sleep(2)
    """
    await asyncio.sleep(duration)


@dataclass(frozen=True)
class _Outcome(Generic[R]):
    """The value or the error of a call, which a future carries as its value.

    As the error of the future it might arrive as another error, without the line that raised it
    (`TimeoutError`), never arrive (`StopIteration`), or end the loop on its way (`SystemExit`).
    """

    value: R | None = None
    error: BaseException | None = None

    def get(self) -> R:
        if self.error is not None:
            raise self.error
        return cast("R", self.value)


def without_exit(error: BaseException) -> BaseException:
    """Return ``error``, or a replacement if ``error`` would end the loop on which it is raised."""
    if not isinstance(error, SystemExit | KeyboardInterrupt):
        return error
    replacement = RuntimeError(f"the function raised {type(error).__name__}")
    replacement.__cause__ = error
    return replacement


def is_async(function: object) -> bool:
    """Return whether calling ``function``, or an object with ``__call__``, gives a coroutine."""
    call = getattr(type(function), "__call__", None)  # noqa: B004 - not whether, but which
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def contains_yield(function: object) -> bool:
    """Return whether calling ``function`` only makes a generator."""
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _set_outcome(future: Future[_Outcome[R]], call: Callable[[], R]) -> None:
    # From here on a cancelled wait leaves the future alone, so that setting it cannot fail.
    if not future.set_running_or_notify_cancel():
        return
    try:
        outcome = _Outcome(call())
    except BaseException as error:  # noqa: BLE001 - handed to the task that waits for it
        outcome = _Outcome(error=without_exit(error))
    future.set_result(outcome)


async def _await_outcome(awaitable: Awaitable[R]) -> _Outcome[R]:
    try:
        return _Outcome(await awaitable)
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001 - for who waits
        return _Outcome(error=error)


def _refuse_non_blocking(function: object) -> None:
    if inspect.isawaitable(function):
        raise MisuseError(
            "make_async was given what the call of an async function returned: await that instead."
        )
    if not callable(function):
        raise MisuseError(
            f"make_async needs a function, not {type(function).__name__}: write "
            "`await make_async(function)(argument)`, with the arguments in the second brackets."
        )
    if is_async(function):
        raise MisuseError(
            f"make_async was given {name_of(function)}, which is async already: "
            f"write `await {name_of(function)}(...)`."
        )
    if contains_yield(function):
        raise MisuseError(
            f"make_async was given {name_of(function)}, which contains `yield`: calling it in a "
            "thread would run nothing there. Return a list."
        )


def _refuse_non_awaitable(awaitable: object) -> None:
    if inspect.iscoroutine(awaitable):
        if inspect.getcoroutinestate(awaitable) != inspect.CORO_CREATED:
            raise MisuseError(
                f"run_sync was given a coroutine of {awaitable.__name__} that was awaited already; "
                "a coroutine runs once. Call the function again."
            )
    elif not inspect.isawaitable(awaitable):
        called = f": call it, `run_sync({name_of(awaitable)}(...))`" if is_async(awaitable) else ""
        raise MisuseError(
            f"run_sync needs what the call of an async function returns, not "
            f"{type(awaitable).__name__}{called or '. Use a plain function without run_sync'}."
        )


def name_of(function: object) -> str:
    """Return the name of a function as its author knows it."""
    return str(getattr(function, "__name__", type(function).__name__))
