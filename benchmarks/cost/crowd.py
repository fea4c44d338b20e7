"""Crowds of browsers in a process of their own, so that what they cost is not the server's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.cost.browser import PROFILES, Browser, Seen, UnexpectedAnswerError

# How many sign in, or write for the first time, at once.
AT_ONCE = 16
# A browser that gets nothing for so long is counted as an error.
MOST_SECONDS = 120.0


@dataclass
class Outcome:
    """What became of something that many did: how long each took, and what went wrong."""

    seconds: list[float] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Crowd:
    """People who have signed in, and have a chat each.

    Parameters
    ----------
    port:
        The port of the server.
    people:
        How many sign in.
    """

    def __init__(self, port: int, people: int) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, port, people), daemon=True)
        self._process.start()
        theirs.close()
        self._fail_on_errors(self.outcome())

    def repeat(self, action: str, seconds: float, pause: float = 0.0) -> Outcome:
        """Let everybody do ``start``, ``say`` or ``open_chat`` again and again for a while."""
        self.begin("repeat", action, seconds, pause)
        return self._fail_on_errors(self.outcome())

    def begin(self, task: str, *arguments: Any) -> None:
        """Begin ``repeat`` or ``follow`` without waiting for its end.

        The second takes what everybody writes, and over how many seconds they come.
        """
        self._pipe.send((task, arguments))

    def is_done(self) -> bool:
        """Return whether what was begun has ended."""
        return self._pipe.poll()

    def outcome(self) -> Outcome:
        """Wait for the end of what was begun, and return what became of it."""
        outcome: Outcome = self._pipe.recv()
        return outcome

    def leave(self) -> None:
        """Hang up."""
        self._pipe.send(None)
        self._process.join()

    @staticmethod
    def _fail_on_errors(outcome: Outcome) -> Outcome:
        if outcome.errors:
            raise SystemExit(f"{len(outcome.errors)} errors, such as {outcome.errors[0]}")
        return outcome


def _serve(pipe: Connection, port: int, people: int) -> None:
    browsers = [Browser(port, f"person{number}") for number in range(people)]
    with asyncio.Runner() as runner:
        pipe.send(runner.run(_sign_in(browsers)))
        while (command := pipe.recv()) is not None:
            task, arguments = command
            work = {"repeat": _repeat, "follow": _follow}[task]
            pipe.send(runner.run(work(browsers, *arguments)))
        for browser in browsers:
            runner.run(browser.close())


async def _sign_in(browsers: list[Browser]) -> Outcome:
    few = asyncio.Semaphore(AT_ONCE)

    async def sign_in(browser: Browser, _outcome: Outcome) -> None:
        async with few:
            await browser.sign_in()
            await browser.start()

    return await _all(browsers, sign_in)


async def _repeat(browsers: list[Browser], action: str, seconds: float, pause: float) -> Outcome:
    stop = time.perf_counter() + seconds

    async def repeat(browser: Browser, outcome: Outcome) -> None:
        number = 0
        while (began := time.perf_counter()) < stop:
            number += 1
            if action == "start":
                await browser.start(PROFILES[number % len(PROFILES)])
            elif action == "say":
                await browser.say(f"message {number}")
            else:
                await browser.open_chat()
            outcome.seconds.append(time.perf_counter() - began)
            await asyncio.sleep(pause)

    return await _all(browsers, repeat)


async def _follow(browsers: list[Browser], content: str, spread: float = 0.0) -> Outcome:
    places = {browser: place for place, browser in enumerate(browsers)}

    async def follow(browser: Browser, outcome: Outcome) -> None:
        await asyncio.sleep(spread * places[browser] / len(browsers))
        outcome.seen.append(await browser.follow(content))

    return await _all(browsers, follow)


async def _all(
    browsers: Iterable[Browser], do: Callable[[Browser, Outcome], Coroutine[Any, Any, None]]
) -> Outcome:
    outcome = Outcome()

    async def one(browser: Browser) -> None:
        try:
            async with asyncio.timeout(MOST_SECONDS):
                await do(browser, outcome)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, UnexpectedAnswerError) as error:
            outcome.errors.append(f"{type(error).__name__}: {error}")

    await asyncio.gather(*(one(browser) for browser in browsers))
    return outcome
