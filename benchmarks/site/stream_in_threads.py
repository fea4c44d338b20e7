"""The site whose conversation is measured: it answers as `answer.py` says, in plain functions."""

from answer import speak_in_thread

import webapp as cl


@cl.set_chat_profiles
async def chat_profiles() -> list[cl.ChatProfile]:
    return [
        cl.ChatProfile(name="Quick", markdown_description="Short answers."),
        cl.ChatProfile(name="Thorough", markdown_description="Long answers."),
    ]


@cl.on_message
def answer(message: cl.Message) -> None:
    if message.content.startswith("echo"):
        cl.Message(message.content).send()
    else:
        speak_in_thread(message.content, cl.Message().stream_token)
