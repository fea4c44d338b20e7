"""Profiles that come, go and change their looks, and an app that does what a message says.

A test reaches this file's lists through `OverTime` (tests/support/over_time.py).
"""

import asyncio

import webapp as cl

OFFER: list[cl.ChatProfile] = [
    cl.ChatProfile("plain", "Plain **words**.", display_name="Plain"),
    cl.ChatProfile("rhyme", "In rhymes.", icon="/public/rhyme.svg", display_name="Rhyme"),
    cl.ChatProfile("law", "Paragraphs.", display_name="Law"),
]
# What callbacks were called with: the profile, and what came.
HEARD: list[tuple[str | None, str]] = []
HISTORY: list[list[dict[str, str]]] = []
PROBLEMS: list[str] = []
GO_ON = asyncio.Event()


@cl.password_auth_callback
def auth(username: str, password: str) -> cl.User | None:
    return cl.User(identifier=username) if password == username * 2 else None


@cl.set_chat_profiles
def chat_profiles() -> list[cl.ChatProfile]:
    return OFFER


@cl.on_chat_start
def start() -> None:
    profile = cl.user_session.get("chat_profile")
    HEARD.append((profile, "start"))
    HISTORY.append(cl.chat_history())
    cl.Message(f"Hello from {profile}.").send()


@cl.on_message
async def answer(message: cl.Message) -> None:
    HEARD.append((cl.user_session.get("chat_profile"), message.content))
    HISTORY.append(cl.chat_history())
    for part in message.content.split("; "):
        await do(part)


async def do(part: str) -> None:
    command, _, text = part.partition(" ")
    match command:
        case "switch":
            switch(text)
        case "await":
            await cl.switch_profile(text)
        case "thread":
            await cl.make_async(switch)(text)
        case "fail":
            raise ValueError("not for the page")
        case "wait":
            while not GO_ON.is_set():
                await asyncio.sleep(0.01)
        case _:
            cl.Message(f"{cl.user_session.get('chat_profile')}: {part}").send()


def switch(name: str) -> None:
    try:
        cl.switch_profile(name)
    except Exception as error:
        PROBLEMS.append(str(error))
        raise


@cl.on_stop
def stopped() -> None:
    switch("rhyme")
