"""Profiles in the reader's language, and a list that comes from somewhere slow.

What it teaches: the second parameter of `set_chat_profiles` is the browser's best language, a
plain tag such as `fr` or `pt-BR`. Your callback may be `async` and wait for a database, or for a
service that knows which models are up. If it raises, users see an error page with a reference, and
you find the traceback in the log. A failure never counts as "no profiles".

Start it with:  chat-profiles run examples/languages.py
"""

import asyncio

import chat_profiles as cl

GREETINGS = {"de": "Willkommen!", "fr": "Bienvenue !", "en": "Welcome!"}


async def models_that_are_up() -> list[str]:
    await asyncio.sleep(0.01)  # stands for a call to the service that knows
    return ["small", "large"]


@cl.set_chat_profiles
async def chat_profiles(current_user: cl.User | None, language: str) -> list[cl.ChatProfile]:
    greeting = GREETINGS.get(language.split("-", maxsplit=1)[0], GREETINGS["en"])
    return [
        cl.ChatProfile(name=name, markdown_description=f"{greeting} This is the *{name}* model.")
        for name in await models_that_are_up()
    ]


@cl.on_chat_start
async def start() -> None:
    cl.user_session.set("questions", 0)
    await cl.Message(content=f"Chat {cl.user_session.get('id')} is ready.").send()
