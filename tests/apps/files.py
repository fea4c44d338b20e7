"""Sends back what a user writes, many times over, as a file."""

import webapp as cl


@cl.set_chat_profiles
async def profiles() -> list[cl.ChatProfile]:
    return [cl.ChatProfile(name="GPT-4", markdown_description="")]


@cl.on_message
async def answer(message: cl.Message) -> None:
    report = cl.File(name="report.txt", content=message.content.encode() * 100_000)
    await cl.Message(content="Here is your file.", elements=[report]).send()
