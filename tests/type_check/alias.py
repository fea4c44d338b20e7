"""Read by mypy, never run: the other name of the package has the same types."""

from __future__ import annotations

from typing import assert_type

import chat_profiles as cl
from chat_profiles import create_app

import webapp

app = create_app("app.py")


@cl.on_message
async def answer(message: cl.Message) -> None:
    await webapp.Message(content=message.content).send()


assert_type(cl.User("alice"), webapp.User)
cl.on_chat_starts(answer)  # type: ignore[attr-defined]
