"""Asks a question for each message, and says what was answered."""

import webapp as cl


@cl.set_chat_profiles
def profiles() -> list[cl.ChatProfile]:
    return [cl.ChatProfile(name="Quick", markdown_description="Asks back.")]


@cl.on_message
async def reply(message: cl.Message) -> None:
    answer = await cl.AskUserMessage("Which one?", timeout=600).send()
    await cl.Message(f"You said {answer and answer['output']}.").send()
