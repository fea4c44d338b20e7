"""An app that says something when somebody comes back to a chat."""

import asyncio
import threading

import webapp as cl

# Without it a resumption waits.
GO_ON = threading.Event()
GO_ON.set()


@cl.on_message
async def answer(message: cl.Message) -> None:
    await cl.Message(f"You wrote {message.content}").send()


@cl.on_chat_resume
async def resume(chat: cl.ResumedChat) -> None:
    reply = cl.Message()
    await reply.stream_token(f"Welcome back after {len(chat.messages)} messages")
    while not GO_ON.is_set():
        await asyncio.sleep(0.02)
    await reply.stream_token(".")
