"""An echo that answers word by word, in the manner of the chosen profile.

What it teaches: `on_message` is called with each message that users write. `stream_token` lets an
answer grow while they watch, and `send` completes it. In an `async def`, a pause holds up nobody
else. When somebody presses Stop, the `await` that is running raises `asyncio.CancelledError`. The
text so far stays, and you need not catch anything. Starters are first messages to click on.

Start it with:  chat-profiles run examples/streaming_echo.py
"""

import asyncio
import re
from collections.abc import Callable

import chat_profiles as cl

# How each profile says a word, and how long it pauses after it, in seconds.
MANNERS: dict[str, tuple[Callable[[str], str], float]] = {
    "Calm": (str, 0.15),
    "Hasty": (str.lower, 0.02),
    "Loud": (str.upper, 0.08),
}
STARTERS = [
    cl.Starter(label="A proverb", message="Well begun is half done."),
    cl.Starter(label="Something longer", message="One word after another makes a story. " * 5),
]


@cl.set_chat_profiles
def chat_profiles() -> list[cl.ChatProfile]:
    return [
        cl.ChatProfile("Calm", "Repeats your words **slowly**.", starters=STARTERS, default=True),
        cl.ChatProfile("Hasty", "Repeats your words *in no time*.", starters=STARTERS),
        cl.ChatProfile("Loud", "REPEATS YOUR WORDS.", starters=STARTERS),
    ]


@cl.on_chat_start
async def start() -> None:
    manner, _ = MANNERS[cl.user_session.get("chat_profile")]
    await cl.Message(content=manner("Hello! Write something, and I will repeat it.")).send()


@cl.on_message
async def answer(message: cl.Message) -> None:
    manner, pause = MANNERS[cl.user_session.get("chat_profile")]
    echo = cl.Message()
    for word in re.findall(r"\s*\S+\s*", message.content):
        await echo.stream_token(manner(word))
        await asyncio.sleep(pause)
    await echo.send()
