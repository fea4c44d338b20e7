"""`AwaitableObject`: what `Message` and `Element` do when you await them, or do not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextvars import copy_context
from typing import Any, NoReturn, Self


def is_on_loop() -> bool:
    """Return whether the caller runs on an event loop, as the code of an ``async def`` does."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class Coroutine:
    """What can be awaited, and given to `asyncio.create_task`, after its work was begun.

    There is something to wait for only if a method stores files in an ``async def``: that happens
    in a thread, as a store may be slow.
    """

    # The files that are being stored, and all that the running callback is storing.
    _saving: Future[None] | None = None
    _all_saving: set[Future[None]]

    def _outcome(self) -> object:
        """Return what to await it gives."""
        return self

    # A task takes a coroutine, or what looks like one: an object with `send`, `throw` and `close`.
    # As there is a `__next__`, it calls that instead of `send`, which sends a message here.

    def __next__(self) -> Any:
        """Return what a task is to wait for, or end with the outcome."""
        saving = self._saving
        if saving is None:
            raise StopIteration(self._outcome())
        if not saving.done():
            return next(iter(asyncio.wrap_future(saving).__await__()))
        self._forget(saving)
        saving.result()
        raise StopIteration(self._outcome())

    def _wait(self) -> Generator[Any, None, None]:
        while True:
            try:
                waiter = next(self)
            except StopIteration:
                return
            try:
                yield waiter
            except BaseException:
                self._forget_if_told()
                raise

    def throw(self, error: BaseException, *_: object) -> NoReturn:
        """Raise the error with which a task ends the wait."""
        self._forget_if_told()
        raise error

    def _forget_if_told(self) -> None:
        if self._saving is not None and self._saving.done():
            self._forget(self._saving)

    def _forget(self, saving: Future[None]) -> None:
        """Note that whoever waits is told how the saving has ended. Nobody else need be told."""
        self._saving = None
        self._all_saving.discard(saving)

    def close(self) -> None:
        """Do nothing: what was begun goes on."""


class AwaitableObject(Coroutine):
    """An object whose methods act at once, and return it so that you may await it."""

    def _save_then(self, all_saving: set[Future[None]], work: Callable[[], None]) -> None:
        """Do ``work``, which stores files: in a thread if the caller holds up the loop."""
        if not is_on_loop():
            work()
            return
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()
        self._saving, self._all_saving = future, all_saving
        all_saving.add(future)
        threading.Thread(
            target=copy_context().run,
            args=(_settle, future, work),
            name="webapp-save",
            daemon=True,  # it must not hold up the server's exit
        ).start()

    def __await__(self) -> Generator[Any, None, Self]:
        """Wait until the files are stored, and return the object."""
        yield from self._wait()
        return self


class Done(Coroutine):
    """What a method returns that has done its work: true, and ``True`` to whoever awaits it."""

    def __init__(self, of: AwaitableObject) -> None:
        self._of = of
        if of._saving is not None:
            self._saving, self._all_saving = of._saving, of._all_saving

    def _forget(self, saving: Future[None]) -> None:
        if self._of._saving is saving:
            self._of._saving = None
        super()._forget(saving)

    def _outcome(self) -> bool:
        return True

    def send(self, _: object) -> NoReturn:
        """Make a task take it for a coroutine."""
        raise StopIteration(True)

    def __await__(self) -> Generator[Any, None, bool]:
        """Wait until the files are stored, and return ``True``."""
        yield from self._wait()
        return True


def _settle(future: Future[None], work: Callable[[], None]) -> None:
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - handed to whoever waits for it
        future.set_exception(error)
    else:
        future.set_result(None)
