"""Does as it is told by what is said to it.

`TALKER_CALLS` names a file that gets a line for each call, so that tests can count them across
processes; with `TALKER_LOGIN` set, everybody logs in with their name twice.

`stream`, `steps` and `sleep` go on for as long as they are told, or until a file is there.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from inspect import iscoroutinefunction
from itertools import count
from pathlib import Path
from typing import Any

import webapp as cl


def numbers(until: str) -> Iterator[int]:
    """Yield so many numbers, or numbers until there is a file at this path."""
    if until.isdigit():
        yield from range(int(until))
        return
    for number in count():
        if Path(until).exists():
            return
        yield number


async def echo(*words: str) -> None:
    await cl.Message(" ".join(words)).send()


async def stream(name: str, until: str, pause: str) -> None:
    answer = cl.Message()
    for number in numbers(until):
        await answer.stream_token(f"{name}-{number} ")
        await asyncio.sleep(float(pause))
    await answer.stream_token(f"{name}-end")
    await answer.send()


async def steps(name: str, until: str, pause: str) -> None:
    async with cl.Step(name=name, type="tool"):
        await asyncio.sleep(10 * float(pause))
        async with cl.Step(name=f"{name}-inside") as inside:
            for number in numbers(until):
                await inside.stream_token(f"{name}-{number} ")
                await asyncio.sleep(float(pause))
            inside.output += f"{name}-end"
    await cl.Message(f"{name} is done").send()


async def pour(name: str, lines: str, width: str, pause: str) -> None:
    answer = cl.Message()
    for number in range(int(lines)):
        await answer.stream_token(f"{name}-{number} {'x' * int(width)} ")
        await asyncio.sleep(float(pause))
    await answer.stream_token(f"{name}-end")
    await answer.send()


async def ask(name: str) -> None:
    answer = cl.Message()
    for number in range(5):
        await answer.stream_token(f"{name}-{number} ")
        await asyncio.sleep(0.1)
    await answer.send()
    given = await cl.AskUserMessage(f"{name}?", timeout=60).send()
    await cl.Message(f"{name} is {given and given['output']}").send()


async def sleep(name: str, until: str) -> None:
    if Path(until).is_absolute():
        for _ in numbers(until):
            await asyncio.sleep(0.05)
    else:
        await asyncio.sleep(float(until))
    await cl.Message(f"{name} has slept").send()


async def look_up(name: str, seconds: str) -> None:
    await asyncio.sleep(float(seconds))
    # What an HTTP client does to find the address of a host.
    await asyncio.to_thread(time.sleep, 0)
    await cl.Message(f"{name} has looked it up").send()


def block(name: str, seconds: str) -> None:
    time.sleep(float(seconds))
    cl.Message(f"{name} was blocked").send()


def fail(*words: str) -> None:
    cl.Message("So far so good.").send()
    raise RuntimeError("a secret of the author")


def several(*words: str) -> None:
    for word in words:
        cl.Message(word).send()


TALK: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (ask, echo, stream, steps, pour, sleep, look_up, block, fail, several)
}


@cl.on_message
async def answer(message: cl.Message) -> None:
    note(message.content)
    what, *rest = message.content.split()
    talk = TALK[what]
    await (talk if iscoroutinefunction(talk) else cl.make_async(talk))(*rest)


def note(call: str) -> None:
    if "TALKER_CALLS" in os.environ:
        # One small write to a file that is open for appending: no two calls get into each other.
        with Path(os.environ["TALKER_CALLS"]).open("a", encoding="utf-8") as calls:
            calls.write(f"{call}\n")


def let_in(username: str, password: str) -> cl.User | None:
    return cl.User(identifier=username) if password == username * 2 else None


if os.environ.get("TALKER_LOGIN"):
    cl.password_auth_callback(let_in)
