"""Read by mypy, never run: the helpers keep the types of what they are given."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, assert_type

import webapp as cl


def search(word: str, *, limit: int = 10) -> list[str]:
    return [word] * limit


async def weather(city: str) -> float:
    return 20.0


@cl.cache
def rules(number: int) -> str:
    return "x"


@cl.cache(ttl=60, maxsize=100)
async def forecast(city: str, days: int = 1) -> list[float]:
    return []


class Shop:
    @cl.cache
    def sign(self, word: str) -> bytes:
        return word.encode()


@cl.on_chat_start
@cl.cache()
def start() -> None: ...


assert_type(cl.run_sync(weather("Lima")), float)
assert_type(cl.run_sync(cl.Message("x").send()), cl.Message)
assert_type(rules(1), str)
coming: Coroutine[Any, Any, list[float]] = forecast("Lima", days=2)
assert_type(Shop().sign("x"), bytes)
rules.clear()


async def awaited() -> None:
    assert_type(await cl.make_async(search)("x", limit=3), list[str])
    assert_type(await cl.make_async(rules)(1), str)
    assert_type(await cl.make_async(cl.seeded_user)("a", "b"), cl.User | None)
    assert_type(await forecast("Lima"), list[float])
    assert_type(await asyncio.gather(weather("x"), forecast("y")), tuple[float, list[float]])


# Each of these is an error; without one, mypy calls the comment useless and the test fails.
cl.make_async()  # type: ignore[call-arg]
in_thread = cl.make_async(search)("x", limit="3")  # type: ignore[arg-type]
cl.run_sync(search("x"))  # type: ignore[arg-type]
cl.run_sync(weather)  # type: ignore[arg-type]
rules("x")  # type: ignore[arg-type]
nowhere = forecast(days=2)  # type: ignore[call-arg]
cl.cache(60)  # type: ignore[call-overload]
cl.cache(ttl="60")  # type: ignore[call-overload]
