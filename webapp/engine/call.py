"""Calling an author's function, sync or async, within its time limit."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextvars import Context, copy_context
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from webapp.authoring.context import Running, enter, finish_saving, leave_tasks
from webapp.authoring.errors import CallbackTimeoutError
from webapp.authoring.loading.app_file import QUICK_SECONDS, Callback
from webapp.engine.loop import process_loop

# The loop enforces the limit of a callback. How much longer a caller waits for it: after that, a
# coroutine is blocking the loop.
LOOP_GRACE = 1.0
# A coroutine that has run for so long, and waited for nothing, gets its author a hint.
BLOCKING_SECONDS = 2.0
BLOCKS = (
    "It is an async def and ran for this long without waiting for anything, so all other async "
    "callbacks of this process waited for it. Await what takes long, call it by "
    "`await make_async(function)(...)`, or write def instead of async def."
)


@dataclass(frozen=True)
class RunningCall:
    """A call that is under way.

    Parameters
    ----------
    ended:
        Has the result or the error once the function has really ended, its cleaning up included.
    cancel:
        Asks a coroutine to end. A plain function cannot be ended from outside, but what it waits
        for in `run_sync` can.
    """

    ended: Future[Any]
    cancel: Callable[[], object]


def begin(callback: Callback, arguments: tuple[object, ...], running: Running) -> RunningCall:
    """Begin an author's function without waiting for its end.

    Parameters
    ----------
    callback:
        What was registered.
    arguments:
        Everything that is offered; the function gets as many as it takes.
    running:
        What the function can reach through `webapp` while it runs.

    Raises
    ------
    RuntimeError
        When this machine has no thread left for it.
    """
    awaited = _Coroutines()
    context = _context(running, awaited)
    accepted = callback.select_arguments(arguments)
    ended: Future[Any] = Future()
    ended.set_running_or_notify_cancel()
    if callback.is_coroutine:
        future = _on_loop(ended, callback, callback.function(*accepted), context)

        def cancel() -> None:
            awaited.cancel()  # a loop that waits for it would never hear of the end
            process_loop.cancel(future)

        return RunningCall(ended, cancel)
    _start_thread(callback, context, _follow, ended, callback, accepted, awaited)
    return RunningCall(ended, awaited.cancel)


def _on_loop(
    ended: Future[Any], callback: Callback, awaitable: Awaitable[Any], context: Context
) -> Future[Any]:
    # The loop's own future is done as soon as it is cancelled, before the coroutine has cleaned up.
    async def report_end() -> None:
        leave_tasks()
        try:
            result = await _run_measured(callback, awaitable)
        except asyncio.CancelledError as error:
            ended.set_exception(_as_exception(error))
            raise
        except Exception as error:  # noqa: BLE001 - handed to whoever looks at the future
            ended.set_exception(error)
        else:
            ended.set_result(result)

    return _start(callback, report_end(), context)


def _start(
    callback: Callback, coroutine: Coroutine[Any, Any, Any], context: Context
) -> Future[Any]:
    """Start a coroutine on the loop: in this thread, if the callback has been quick."""
    if not callback.pace.is_quick:
        return process_loop.submit(coroutine, context)
    began = time.monotonic()
    future = process_loop.run_here(coroutine, context)
    seconds = time.monotonic() - began
    if seconds > QUICK_SECONDS:  # in a task that it has started, perhaps
        callback.pace.note_call(seconds, waited=False)
    return future


def call(
    callback: Callback, arguments: tuple[object, ...], running: Running, seconds: float
) -> Any:
    """Call an author's function outside any request, transaction and database session.

    Parameters
    ----------
    callback:
        What was registered.
    arguments:
        Everything that is offered; the function gets as many as it takes.
    running:
        What the function can reach through `webapp` while it runs.
    seconds:
        The total time it may take.

    Raises
    ------
    CallbackError
        When the function raises; the cause is chained. `CallbackTimeoutError` when it is too slow.
    """
    context = _context(running, _Coroutines())
    accepted = callback.select_arguments(arguments)
    try:
        if callback.is_coroutine:
            return _await(callback, callback.function(*accepted), context, seconds)
        # A thread for each call, not a pool: a callback that never returns cannot be stopped, and
        # in a pool it would take a place from every later one. A daemon, so that it cannot hold up
        # the server's exit either.
        future: Future[Any] = Future()
        _start_thread(callback, context, _settle, future, callback, accepted)
        timeout = CallbackTimeoutError(f"@{callback.decorator}", seconds)
        result, is_awaitable = _outcome(future, seconds, timeout)
        if is_awaitable:  # such as functools.partial of a coroutine function
            return _await(callback, result, context, seconds)
        return result
    except CallbackTimeoutError:
        raise
    except Exception as error:
        # The one place where an author's failure is caught: it becomes an error with its cause.
        raise callback.failure(error) from error


def _context(running: Running, awaited: _Coroutines) -> Context:
    context = Context()
    context.run(enter, replace(running, submit=awaited.submit))
    return context


class _Coroutines:
    """The coroutines that a plain function waits for, or has returned."""

    def __init__(self) -> None:
        self._cancels: dict[Future[Any], Callable[[], object]] = {}

    def submit(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        submit = process_loop.submit_aside if process_loop.is_held_up else process_loop.submit
        future = submit(_contain_exits(coroutine), copy_context())
        self.add(future, future.cancel)
        return future

    def add(self, future: Future[Any], cancel: Callable[[], object]) -> None:
        self._cancels[future] = cancel
        future.add_done_callback(lambda done: self._cancels.pop(done, None))

    def cancel(self) -> None:
        for cancel in tuple(self._cancels.values()):
            cancel()


def _await(callback: Callback, awaitable: Awaitable[Any], context: Context, seconds: float) -> Any:
    timeout = CallbackTimeoutError(f"@{callback.decorator}", seconds)

    async def await_in_time() -> Any:
        try:
            async with asyncio.timeout(seconds) as limit:
                return await _run_measured(callback, awaitable)
        except TimeoutError:
            if limit.expired():
                raise timeout from None
            raise

    future = _start(callback, await_in_time(), context)
    try:
        return _outcome(future, seconds + LOOP_GRACE, timeout)
    finally:
        if not future.done():
            process_loop.suspect()


async def _run_measured(callback: Callback, awaitable: Awaitable[Any]) -> Any:
    """Await what a callback returned, and note whether it was quick and waited for nothing."""
    waited: list[bool] = []
    asyncio.get_running_loop().call_soon(waited.append, True)  # runs only if this waits
    began = time.monotonic()
    try:
        result = await _contain_exits(awaitable)
        await finish_saving()
        return result
    except Exception:
        if process_loop.is_visited:
            callback.pace.needs_own_thread = True
        raise
    finally:
        seconds = time.monotonic() - began
        callback.pace.note_call(seconds, waited=bool(waited))
        if seconds > BLOCKING_SECONDS and not waited:
            callback.advise("callback.blocks", BLOCKS, seconds=round(seconds, 1))


async def _contain_exits(awaitable: Awaitable[Any]) -> Any:
    try:
        return await awaitable
    except (Exception, asyncio.CancelledError):
        raise
    except BaseException as error:
        # asyncio would let an exit end the loop, and whoever waits would pass it on to the server.
        raise RuntimeError(f"the callback raised {type(error).__name__}") from error


def _start_thread(callback: Callback, context: Context, *work: Any) -> None:
    name = f"webapp-{callback.decorator}"
    threading.Thread(target=context.run, args=work, name=name, daemon=True).start()


def _follow(
    future: Future[Any],
    callback: Callback,
    arguments: tuple[object, ...],
    awaited: _Coroutines,
) -> None:
    """Run a plain function, and what it returns if that has to be awaited."""
    called: Future[Any] = Future()
    _settle(called, callback, arguments)
    error = called.exception()
    if error is not None:
        future.set_exception(error)
        return
    result, is_awaitable = called.result()
    if is_awaitable:
        # Such as what a decorator around a coroutine function returns.
        running = _on_loop(future, callback, result, copy_context())
        awaited.add(running, partial(process_loop.cancel, running))
    else:
        future.set_result(result)


def _settle(future: Future[Any], callback: Callback, arguments: tuple[object, ...]) -> None:
    try:
        result = callback.function(*arguments)
        # Here, too: what an author returns may run code when it is looked at.
        future.set_result((result, inspect.isawaitable(result)))
    except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for it
        future.set_exception(error if isinstance(error, Exception) else _as_exception(error))


def _outcome(future: Future[Any], seconds: float, timeout: CallbackTimeoutError) -> Any:
    try:
        return future.result(seconds)
    except TimeoutError:
        if future.done():  # the author's own TimeoutError, or the limit that the loop saw
            raise
        raise timeout from None


def _as_exception(error: BaseException) -> RuntimeError:
    wrapped = RuntimeError(f"the callback raised {type(error).__name__}")
    wrapped.__cause__ = error
    return wrapped
