"""The site whose conversation is measured: it answers as `answer.py` says, by asyncio."""

import profiling
import stopwatches
from answer import speak

import webapp as cl

profiling.begin_if_asked()
stopwatches.begin_if_asked()


TOKENS_PER_STEP = 50


class StepsInTurn:
    """Streams tokens into one step after the other."""

    def __init__(self) -> None:
        self._count = 0
        self._step = cl.Step(name="Step 1")

    def stream_token(self, token: str) -> None:
        """Add a token, after so many of them to another step."""
        if self._count % TOKENS_PER_STEP == 0:
            if self._count:
                self._step.update()
            self._step = cl.Step(name=f"Step {self._count // TOKENS_PER_STEP + 1}")
        self._count += 1
        self._step.stream_token(token)


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
    elif message.content.startswith("steps"):
        with cl.Step(name="Work"):
            await speak(message.content.replace("steps", "stream"), StepsInTurn().stream_token)
        await cl.Message("Done.").send()
    else:
        await speak(message.content, cl.Message().stream_token)
