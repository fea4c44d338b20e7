"""The site whose conversation is measured: it answers as `answer.py` says, by asyncio."""

import profiling
import stopwatches
from answer import speak

import webapp as cl

profiling.begin_if_asked()
stopwatches.begin_if_asked()


@cl.set_chat_profiles
async def chat_profiles() -> list[cl.ChatProfile]:
    return [
        cl.ChatProfile(name="Quick", markdown_description="Short answers."),
        cl.ChatProfile(name="Thorough", markdown_description="Long answers."),
    ]


@cl.on_message
async def answer(message: cl.Message) -> None:
    if message.content.startswith("echo"):
        await cl.Message(message.content).send()
    elif message.content.startswith("profile"):
        profiling.store()
        await cl.Message("stored").send()
    elif message.content.startswith("stopwatches"):
        await cl.Message(f"`{stopwatches.told_and_reset()}`").send()
    else:
        await speak(message.content, cl.Message().stream_token)
