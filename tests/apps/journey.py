"""Login, two profiles, and an answer that a test dictates: for a journey through all of it.

A test reaches this file's list through `sys.modules["journey"]`, since each load starts anew.
"""

import asyncio
from collections import deque

import webapp as cl

# What a test dictates, token by token; `None` is the end.
DICTATED: deque[str | None] = deque()


@cl.set_chat_profiles
def chat_profiles() -> list[cl.ChatProfile]:
    return [
        cl.ChatProfile(name="first", markdown_description="The **first** one."),
        cl.ChatProfile(name="second", markdown_description="The **second** one."),
    ]


@cl.password_auth_callback
def auth(username: str, password: str) -> cl.User | None:
    return cl.User(identifier=username) if password == username * 2 else None


@cl.on_message
async def answer(message: cl.Message) -> None:
    if message.content != "dictate":
        cl.Message(f"You said: {message.content}").send()
        return
    growing = cl.Message()
    while (token := await dictated()) is not None:
        growing.stream_token(token)
    growing.send()


async def dictated() -> str | None:
    # Asked for, not waited for: a thread that waits would outlive its turn.
    while not DICTATED:
        await asyncio.sleep(0.01)
    return DICTATED.popleft()
