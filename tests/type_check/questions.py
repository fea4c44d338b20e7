"""Read by mypy, never run: what questions return, with and without ``await``."""

from __future__ import annotations

from typing import Any, assert_type

import webapp as cl


async def ask() -> None:
    answer = await cl.AskUserMessage(content="Name?", timeout=10, raise_on_timeout=True).send()
    assert_type(answer, dict[str, Any] | None)
    cl.AskUserMessage("Name?", timeout="long")  # type: ignore[arg-type]


def ask_in_def() -> None:
    answer = cl.AskUserMessage("Name?").send()
    if answer:
        cl.Message(answer["output"]).send()
