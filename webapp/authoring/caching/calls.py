"""Who computes a value that is not kept, and who waits for it: once per key, never all keys."""

from __future__ import annotations

import asyncio
import inspect
from asyncio import AbstractEventLoop, Task
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from webapp.authoring.caching.values import Key, Values
from webapp.authoring.errors import MisuseError
from webapp.authoring.tools import without_exit

# What is being computed from the outermost call to the one that runs here. Threads and tasks that
# a computation starts inherit it, so that it is found as well when it waits for itself in those.
_computing: ContextVar[tuple[object, ...]] = ContextVar("webapp_cache_computing", default=())


class Calls:
    """The calls of one ``def``: the first thread computes, the others wait for it."""

    def __init__(self, name: str, values: Values) -> None:
        self._name = name
        self._values = values
        self._under_way: dict[Key, Future[Any]] = {}

    def value(self, key: Key, compute: Callable[[], Any]) -> Any:
        """Return what is kept for ``key``; else compute it, or wait for who does."""
        while True:
            with self._values.lock:
                kept = self._values.fresh(key)
                if kept is not None:
                    return kept.value
                other = self._under_way.get(key)
                if other is None:
                    own: Future[Any] = Future()
                    self._under_way[key] = own
            if other is None:
                return self._computed(key, own, compute)
            _refuse_waiting_for_itself(other, self._name)
            try:
                return other.result()
            except CancelledError:
                if not other.cancelled():  # the function's own
                    raise
            # Its thread was told to exit, which is no concern of this one: look again.

    def clear(self) -> None:
        """Forget every value; what is being computed goes to those who wait, and is not kept."""
        with self._values.lock:
            self._values.clear()
            self._under_way.clear()

    def _computed(self, key: Key, own: Future[Any], compute: Callable[[], Any]) -> Any:
        token = _computing.set((*_computing.get(), own))
        try:
            value = compute()
            _refuse_what_is_used_up(value, self._name)
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
        with self._values.lock:
            if self._under_way.get(key) is own:  # not so after clear()
                del self._under_way[key]
                if value:
                    self._values.put(key, value[0])


@dataclass(eq=False)
class Shared:
    """A task that computes a value, and how many wait for it."""

    task: Task[Any]
    waiting: int = 0


class Tasks:
    """The calls of one ``async def``: a task of its own computes, all callers wait for it.

    So a caller that is cancelled takes nothing away from the others; when none is left, the task
    is cancelled too. Loops share the values, but each computes for itself: a task on a loop that
    was closed, or is blocked for good, would never answer those on another.
    """

    def __init__(self, name: str, values: Values) -> None:
        self._name = name
        self._values = values
        self._under_way: dict[tuple[AbstractEventLoop, Key], Shared] = {}

    async def value(self, key: Key, compute: Callable[[], Awaitable[Any]]) -> Any:
        """Return what is kept for ``key``; else compute it, or wait for the task that does."""
        while True:
            with self._values.lock:
                kept = self._values.fresh(key)
            if kept is not None:
                return kept.value
            place = (asyncio.get_running_loop(), key)
            # Between these two lines nothing else runs on this loop, and other loops have places
            # of their own.
            shared = self._under_way.get(place)
            is_first = shared is None
            if shared is None:
                shared = self._start(place, compute)
            _refuse_waiting_for_itself(shared.task, self._name)
            await self._wait(place, shared)
            if is_first or not shared.task.cancelled():
                return shared.task.result()
            # Nobody here was cancelled, but what was computed: look again.

    def clear(self) -> None:
        """Forget every value; what is being computed goes to those who wait, and is not kept."""
        with self._values.lock:
            self._values.clear()
            self._under_way.clear()

    def _start(
        self, place: tuple[AbstractEventLoop, Key], compute: Callable[[], Awaitable[Any]]
    ) -> Shared:
        loop, _ = place
        # Not by the loop's factory, which may run the first step at once: before it has its place.
        shared = Shared(Task(self._computed(place, compute), loop=loop))
        self._under_way[place] = shared
        # A callback, since a task that is cancelled before its first step runs no `finally`.
        shared.task.add_done_callback(lambda _: self._end(place, shared))
        return shared

    async def _wait(self, place: tuple[AbstractEventLoop, Key], shared: Shared) -> None:
        shared.waiting += 1
        try:
            # Not `await shared.task`, which would hand on a cancellation to all the others.
            await asyncio.wait([shared.task])
        finally:
            shared.waiting -= 1
            if not shared.waiting and not shared.task.done():
                self._end(place, shared)
                shared.task.cancel()

    async def _computed(
        self, place: tuple[AbstractEventLoop, Key], compute: Callable[[], Awaitable[Any]]
    ) -> Any:
        task = asyncio.current_task()
        _computing.set((*_computing.get(), task))  # in the context of this task alone
        try:
            value = await compute()
        except (SystemExit, KeyboardInterrupt) as error:
            # asyncio would let it out of the task and into the loop that every chat shares.
            raise without_exit(error) from error
        _refuse_what_is_used_up(value, self._name)
        with self._values.lock:
            shared = self._under_way.get(place)
            if shared is not None and shared.task is task:  # not so after clear()
                self._values.put(place[1], value)
        return value

    def _end(self, place: tuple[AbstractEventLoop, Key], shared: Shared) -> None:
        with self._values.lock:
            if self._under_way.get(place) is shared:
                del self._under_way[place]
        if shared.task.done() and not shared.task.cancelled():
            shared.task.exception()  # or asyncio logs one that nobody waited for any more


def _refuse_waiting_for_itself(other: object, name: str) -> None:
    if other in _computing.get():
        raise MisuseError(
            f"@cache: {name} needs its own value for the same arguments while it computes it, so "
            "it would wait for itself for ever. Call it with other arguments, or write "
            f"`{name}.__wrapped__(...)` to compute without the cache."
        )


def _refuse_what_is_used_up(value: object, name: str) -> None:
    if inspect.iscoroutine(value):
        value.close()  # or Python adds a warning that it was never awaited
    elif not (inspect.isgenerator(value) or inspect.isasyncgen(value)):
        return
    raise MisuseError(
        f"@cache: {name} returned a {type(value).__name__}, which can be used only once. Make it "
        "an `async def` that awaits, or return a list."
    )
