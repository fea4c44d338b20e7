"""Chats that take a moment to start, so that impatient clicks fall into it."""

import asyncio

import webapp as cl


@cl.set_chat_profiles
def chat_profiles() -> list[cl.ChatProfile]:
    return [cl.ChatProfile(name=name, markdown_description="") for name in ("one", "two", "three")]


@cl.on_chat_start
async def start() -> None:
    await asyncio.sleep(1.2)
    cl.Message(f"This is {cl.user_session.get('chat_profile')}.").send()
