"""Does what the message says: repeats it, streams, fails, or waits for a test to dictate.

A test reaches this file's lists through `sys.modules["chatty"]`, since each load starts anew.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import webapp as cl

OFFER: list[cl.ChatProfile] = [
    cl.ChatProfile(
        name="chatty",
        display_name="Chatty",
        markdown_description="Answers **at length**.",
        starters=[
            cl.Starter(label="Say hello", message="Hello there!"),
            cl.Starter(label="Ask at length", message="First line\nSecond line"),
        ],
    ),
    cl.ChatProfile(name="terse", display_name="Terse", markdown_description="Says little."),
]
# What a test dictates, token by token; `None` is the end.
DICTATED: deque[str | None] = deque()
# The messages that came, in order.
HEARD: list[str] = []
MARKDOWN = (
    """## How to greet

Write a function, and **call it**:

```python
def greet(name: str) -> str:
    return f"Hello {name}, this line is longer than the screen of any phone there is, by far"


print(greet("you"))
```

1. Read the [guide](https://example.org/guide).
   - It is short.
     - Really.
2. Try it:

   ```sh
   python greet.py
   ```

- [x] written
- [ ] tested

| Model | Context | Price | Notes |
|---|---:|---:|---|
| small | 8,000 | 0.10 | quick, and good enough for most questions of most people on most days |
| large | 128,000 | 2.50 | slow, thorough, and it reads whole books in one go |

"""
    + "Donaudampfschifffahrtsgesellschaft" * 12
    + "\n\nAnd `"
    + "x" * 300
    + "` ends it.\n"
)


@cl.set_chat_profiles
def chat_profiles() -> list[cl.ChatProfile]:
    return OFFER


@cl.on_message
async def answer(message: cl.Message) -> None:
    HEARD.append(message.content)
    command, _, text = message.content.partition(" ")
    if command in COMMANDS:
        await COMMANDS[command](text)
    else:
        cl.Message(f"You said: {message.content}").send()


async def dictated() -> str | None:
    # Asked for, not waited for: a thread that waits would outlive its turn.
    while not DICTATED:
        await asyncio.sleep(0.01)
    return DICTATED.popleft()


async def dictate(author: str) -> None:
    growing = cl.Message(author=author or None)
    while (token := await dictated()) is not None:
        growing.stream_token(token)
    if growing.content:
        growing.send()


async def markdown(_text: str) -> None:
    growing = cl.Message()
    for start in range(0, len(MARKDOWN), 40):
        growing.stream_token(MARKDOWN[start : start + 40])
        await asyncio.sleep(0.01)
    growing.send()


async def endless(_text: str) -> None:
    growing = cl.Message(MARKDOWN)
    while True:
        growing.stream_token("word ")
        await asyncio.sleep(0.2)


async def fail(text: str) -> None:
    raise ValueError(f"not for the page: {text}")


async def at_once(paragraphs: str) -> None:
    cl.Message("A paragraph of some words.\n\n" * int(paragraphs)).send()


async def several(_text: str) -> None:
    cl.Message("The first one.").send()
    cl.Message("The second one.", author="Helper").send()
    await dictate("Third")


async def update(_text: str) -> None:
    changing = cl.Message("A first draft.")
    changing.send()
    changing.content = await dictated() or ""
    changing.update()
    await dictated()


async def remove(_text: str) -> None:
    thinking = cl.Message("Let me think.")
    thinking.send()
    await dictated()
    thinking.remove()
    cl.Message("Here it is.").send()
    await dictated()


COMMANDS: dict[str, Callable[[str], Awaitable[None]]] = {
    "dictate": dictate,
    "markdown": markdown,
    "endless": endless,
    "fail": fail,
    "at-once": at_once,
    "several": several,
    "update": update,
    "remove": remove,
}
