"""Calls of a cached function: one computes the value for its arguments, the others wait for it."""

from __future__ import annotations

import asyncio
import functools
import inspect
from asyncio import AbstractEventLoop, Task
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from webapp.authoring.caching.values import CacheEntries, Key, KeyMaker
from webapp.authoring.errors import MisuseError
from webapp.authoring.tools import name_of, without_exit

# The computations around the code that runs here, outermost first. Threads and tasks that a
# computation starts inherit them, so that one that waits for itself there is found as well.
_computing: ContextVar[tuple[object, ...]] = ContextVar("webapp_cache_computing", default=())


class SyncCalls:
    """The calls of a ``def``: the first thread computes, the others wait for it."""

    def __init__(self, function: Callable[..., Any], entries: CacheEntries) -> None:
        self._function = function
        self._name = name_of(function)
        self._make_key = KeyMaker(function)
        self._entries = entries
        self._pending: dict[Key, Future[Any]] = {}

    def wrap(self) -> Callable[..., Any]:
        @functools.wraps(self._function, updated=())
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            key = self._make_key(args, kwargs)
            return self._get(key, functools.partial(self._function, *args, **kwargs))

        return wrapper

    def _get(self, key: Key, compute: Callable[[], Any]) -> Any:
        while True:
            with self._entries.lock:
                entry = self._entries.get(key)
                if entry is not None:
                    return entry.value
                other = self._pending.get(key)
                if other is None:
                    own: Future[Any] = Future()
                    self._pending[key] = own
            if other is None:
                return self._compute(key, own, compute)
            _refuse_waiting_for_itself(other, self._name)
            try:
                return other.result()
            except CancelledError:
                if not other.cancelled():  # the function's own
                    raise
            # The other thread was told to exit, which does not concern this one: look again.

    def clear(self) -> None:
        """Forget every value. Calls that wait get what is being computed, but it is not kept."""
        with self._entries.lock:
            self._entries.clear()
            self._pending.clear()

    def _compute(self, key: Key, own: Future[Any], compute: Callable[[], Any]) -> Any:
        token = _computing.set((*_computing.get(), own))
        try:
            value = compute()
            _refuse_single_use_value(value, self._name)
        except Exception as error:
            self._end(key, own)
            own.set_exception(error)
            raise
        except BaseException:
            self._end(key, own)
            own.cancel()
            raise
        finally:
            _computing.reset(token)
        self._end(key, own, value)
        own.set_result(value)
        return value

    def _end(self, key: Key, own: Future[Any], *value: object) -> None:
        with self._entries.lock:
            if self._pending.get(key) is own:  # not so after clear()
                del self._pending[key]
                if value:
                    self._entries.put(key, value[0])


@dataclass(eq=False)
class SharedTask:
    """A task that computes a value, and how many calls wait for it."""

    task: Task[Any]
    waiting: int = 0


class AsyncCalls:
    """The calls of an ``async def``: a task of its own computes, all callers wait for it.

    So a caller that is cancelled takes nothing away from the others. When no caller is left, the
    task is cancelled too. Loops share the values, but each computes for itself: a task on a loop
    that was closed, or is blocked for good, would never answer callers on another.
    """

    def __init__(self, function: Callable[..., Awaitable[Any]], entries: CacheEntries) -> None:
        self._function = function
        self._name = name_of(function)
        self._make_key = KeyMaker(function)
        self._entries = entries
        self._pending: dict[tuple[AbstractEventLoop, Key], SharedTask] = {}

    def wrap(self) -> Callable[..., Any]:
        @functools.wraps(self._function, updated=())
        async def wrapper(*args: Any, **kwargs: Any) -> Any:
            key = self._make_key(args, kwargs)
            return await self._get(key, functools.partial(self._function, *args, **kwargs))

        return wrapper

    async def _get(self, key: Key, compute: Callable[[], Awaitable[Any]]) -> Any:
        while True:
            with self._entries.lock:
                entry = self._entries.get(key)
            if entry is not None:
                return entry.value
            place = (asyncio.get_running_loop(), key)
            # Between these two lines nothing else runs on this loop, and other loops have places
            # of their own.
            shared = self._pending.get(place)
            is_first = shared is None
            if shared is None:
                shared = self._start(place, compute)
            _refuse_waiting_for_itself(shared.task, self._name)

            shared.waiting += 1
            try:
                # Not `await shared.task`, which would pass a cancellation on to all the others.
                await asyncio.wait([shared.task])
            finally:
                shared.waiting -= 1
                if not shared.waiting and not shared.task.done():
                    self._end(place, shared)
                    shared.task.cancel()
            if is_first or not shared.task.cancelled():
                return shared.task.result()
            # No caller here was cancelled, but the computation was: look again.

    def clear(self) -> None:
        """Forget every value. Calls that wait get what is being computed, but it is not kept."""
        with self._entries.lock:
            self._entries.clear()
            self._pending.clear()

    def _start(
        self, place: tuple[AbstractEventLoop, Key], compute: Callable[[], Awaitable[Any]]
    ) -> SharedTask:
        # Not by the loop's factory, which may run the first step at once: before it has its place.
        shared = SharedTask(Task(self._compute(place, compute), loop=place[0]))
        self._pending[place] = shared
        # A callback, since a task that is cancelled before its first step runs no `finally`.
        shared.task.add_done_callback(lambda _: self._end(place, shared))
        return shared

    async def _compute(
        self, place: tuple[AbstractEventLoop, Key], compute: Callable[[], Awaitable[Any]]
    ) -> Any:
        task = asyncio.current_task()
        _computing.set((*_computing.get(), task))  # in the context of this task alone
        try:
            value = await compute()
        except (SystemExit, KeyboardInterrupt) as error:
            # asyncio would let it out of the task and into the loop that every chat shares.
            raise without_exit(error) from error
        _refuse_single_use_value(value, self._name)
        with self._entries.lock:
            shared = self._pending.get(place)
            if shared is not None and shared.task is task:  # not so after clear()
                self._entries.put(place[1], value)
        return value

    def _end(self, place: tuple[AbstractEventLoop, Key], shared: SharedTask) -> None:
        with self._entries.lock:
            if self._pending.get(place) is shared:
                del self._pending[place]
        if shared.task.done() and not shared.task.cancelled():
            shared.task.exception()  # or asyncio logs an error that no call waited for any more


def _refuse_waiting_for_itself(other: object, name: str) -> None:
    if other in _computing.get():
        raise MisuseError(
            f"@cache: {name} needs its own value for the same arguments while it computes it, so "
            "it would wait for itself for ever. Call it with other arguments, or write "
            f"`{name}.__wrapped__(...)` to compute without the cache."
        )


def _refuse_single_use_value(value: object, name: str) -> None:
    if inspect.iscoroutine(value):
        value.close()  # or Python warns that it was never awaited
    elif not (inspect.isgenerator(value) or inspect.isasyncgen(value)):
        return
    raise MisuseError(
        f"@cache: {name} returned a {type(value).__name__}, which can be used only once. Make it "
        "an `async def` that awaits, or return a list."
    )
