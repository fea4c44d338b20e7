"""Calling one of the author's functions: sync or async, in time, and with its failure explained."""

from __future__ import annotations

import asyncio
import inspect
import threading
import traceback
from collections.abc import Awaitable, Coroutine
from concurrent.futures import Future
from contextvars import Context, copy_context
from dataclasses import replace
from typing import Any

from webapp.authoring.app_file import Callback
from webapp.authoring.context import Running, enter
from webapp.authoring.errors import CallbackTimeoutError
from webapp.engine.loop import process_loop

# How much longer than the callback's own limit we wait for the loop to say so. Past it the loop
# itself is stuck: a coroutine is blocking it.
LOOP_GRACE = 1.0


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
    context = Context()
    context.run(enter, replace(running, submit=_submit))
    try:
        return _call(callback, callback.accepted(arguments), context, seconds)
    except CallbackTimeoutError:
        raise
    except Exception as error:
        # The one place where an author's failure is caught: it becomes an error with its cause.
        raise callback.failed(error, described(error)) from error


def _call(
    callback: Callback, arguments: tuple[object, ...], context: Context, seconds: float
) -> Any:
    if inspect.iscoroutinefunction(callback.function):
        return _await(callback, callback.function(*arguments), context, seconds)
    result, is_awaitable = _in_thread(callback, arguments, context, seconds)
    if is_awaitable:  # such as functools.partial of a coroutine function
        return _await(callback, result, context, seconds)
    return result


def _await(callback: Callback, awaitable: Awaitable[Any], context: Context, seconds: float) -> Any:
    timeout = CallbackTimeoutError(f"@{callback.decorator}", seconds)
    future = process_loop.submit(_limited(awaitable, seconds, timeout), context)
    try:
        return _outcome(future, seconds + LOOP_GRACE, timeout)
    finally:
        if not future.done():
            process_loop.suspect()


def _submit(coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
    return process_loop.submit(coroutine, copy_context())


async def _limited(awaitable: Awaitable[Any], seconds: float, timeout: CallbackTimeoutError) -> Any:
    try:
        async with asyncio.timeout(seconds) as limit:
            return await awaitable
    except TimeoutError:
        if limit.expired():
            raise timeout from None
        raise
    except (Exception, asyncio.CancelledError):
        raise
    except BaseException as error:
        # asyncio would let an exit end the loop, and whoever waits would pass it on to the server.
        raise RuntimeError(f"the callback raised {type(error).__name__}") from error


def _in_thread(
    callback: Callback, arguments: tuple[object, ...], context: Context, seconds: float
) -> Any:
    # A thread for each call rather than a pool: a callback that never returns cannot be stopped,
    # and in a pool it would take a place from every later one. A daemon, so that it cannot hold
    # up the server's exit either.
    future: Future[Any] = Future()
    threading.Thread(
        target=context.run,
        args=(_settle, future, callback, arguments),
        name=f"webapp-{callback.decorator}",
        daemon=True,
    ).start()
    return _outcome(future, seconds, CallbackTimeoutError(f"@{callback.decorator}", seconds))


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


def described(error: Exception) -> str:
    """Return an error in one line, as Python prints it."""
    # Not str(error): that runs the author's code, which may fail as well.
    return " ".join("".join(traceback.format_exception_only(error)).split())
