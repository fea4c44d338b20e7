"""Asks what it is told to ask."""

import asyncio

import chat_profiles as cl


@cl.on_chat_start
async def start() -> None:
    answer = await cl.AskUserMessage("What is your name?", timeout=600).send()
    if answer:
        await cl.Message(f"Hello, {answer['output']}!").send()


@cl.on_message
async def reply(message: cl.Message) -> None:
    said = cl.Message()
    for word in ["Let", "me", "think", "about", "that", "."]:
        await said.stream_token(f"{word} ")
        await asyncio.sleep(0.1)
    await said.send()
    await globals()[message.content]()
    done = cl.Message()
    for word in ["That", "is", "all", "."]:
        await done.stream_token(f"{word} ")
        await asyncio.sleep(0.1)
    await done.send()


async def text() -> None:
    answer = await cl.AskUserMessage("Which colour?", timeout=90).send()
    await cl.Message(f"The colour is {answer and answer['output']}.").send()


async def soon() -> None:
    await cl.AskUserMessage("Quick!", timeout=5).send()


async def buttons() -> None:
    actions = [
        cl.Action(name="yes", payload={"go": True}, label="Yes, please", icon="check"),
        cl.Action(name="no", payload={}, label="No, thank you", tooltip="Nothing is bought"),
    ]
    pressed = await cl.AskActionMessage("Shall I buy the lamp?", actions=actions).send()
    await cl.Message(f"You chose {pressed and pressed['name']}.").send()


async def files() -> None:
    sent = await cl.AskFileMessage(
        "Send me your notes.", accept=["text/plain", ".md"], max_files=3
    ).send()
    await cl.Message(f"Got {', '.join(file.name for file in sent or [])}.").send()


async def form() -> None:
    sent = await cl.AskElementMessage(
        "What is broken?", element=cl.CustomElement(name="Form")
    ).send()
    await cl.Message(f"Noted: {sent and sent.get('title')}.").send()
