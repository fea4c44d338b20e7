"""An app that says something when somebody comes back to a chat."""

import asyncio

import webapp as cl

# What a test wants a resumption to wait for, in seconds.
PAUSE = [0.0]


@cl.on_message
async def answer(message: cl.Message) -> None:
    await cl.Message(f"You wrote {message.content}").send()


@cl.on_chat_resume
async def resume(chat: cl.ResumedChat) -> None:
    reply = cl.Message()
    await reply.stream_token(f"Welcome back after {len(chat.messages)} messages")
    await asyncio.sleep(PAUSE[0])
    await reply.stream_token(".")
