"""A chat with language models, by any server that speaks the protocol of OpenAI.

What it teaches: you make the client once, at the top of the file, and it serves every chat. The
list that `chat_history` returns is what such a server expects. `async with` closes the stream when
somebody presses Stop, so that the server stops as well. Failures that you can expect are explained
in the chat, in words for the user. All others are raised: the chat shows an error with a reference,
and the log has the details.

Install the client with `python -m pip install "chat-profiles[openai]"`, and start it with:

    OPENAI_API_KEY=...  OPENAI_MODELS=gpt-5-mini,gpt-5  chat-profiles run examples/openai_client.py

For another server, such as one on your machine, set OPENAI_BASE_URL=http://localhost:8080/v1. If it
does not ask for a key, you need none.
"""

import os

import chat_profiles as cl
import openai
from openai.types.chat import ChatCompletionMessageParam

MODELS = [name.strip() for name in os.environ.get("OPENAI_MODELS", "").split(",") if name.strip()]
IS_SET_UP = bool(os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL"))
# Marks what this file writes itself, so that it is not sent to the model as an answer of its own.
NOTE = "**Note:** "
ADMINISTRATOR = "The administrator must check"

client = openai.AsyncOpenAI(
    api_key=os.environ.get("OPENAI_API_KEY") or "none",
    # A user is waiting and should learn of a failure at once. A retry would keep them waiting in
    # silence, for up to two minutes if the server asks for that.
    max_retries=0,
    # In seconds: to connect, and from one piece of the answer to the next.
    timeout=openai.Timeout(60, connect=5),
)


@cl.set_chat_profiles
def chat_profiles() -> list[cl.ChatProfile]:
    return [
        cl.ChatProfile(name=model, markdown_description=f"Answers by the model **{model}**.")
        for model in dict.fromkeys(MODELS or ["gpt-5-mini"])
    ]


@cl.on_chat_start
async def start() -> None:
    if not IS_SET_UP:
        await note("No model server is set up. The administrator must set OPENAI_API_KEY.")


@cl.on_message
async def answer() -> None:
    if not IS_SET_UP:
        await start()
        return
    reply = cl.Message()
    try:
        problem = "" if await is_whole(reply) else "The model server ended the answer too early."
    except openai.APIError as error:
        problem = in_words(error)
        if not problem:
            raise
    if reply.content and problem:
        problem = "The answer broke off here. Send your message again."
    if reply.content:
        await reply.send()
    if problem:
        await note(problem)


async def is_whole(reply: cl.Message) -> bool:
    """Let the model write into ``reply``, and return whether the answer is complete."""
    reason = None
    request = client.chat.completions.create(
        model=cl.user_session.get("chat_profile"), messages=what_was_said(), stream=True
    )
    async with await request as stream:
        async for chunk in stream:
            for choice in chunk.choices:
                if choice.delta.content:
                    await reply.stream_token(choice.delta.content)
                reason = choice.finish_reason or reason
    return reason is not None


def what_was_said() -> list[ChatCompletionMessageParam]:
    return [
        message
        for message in cl.chat_history()
        if message["role"] == "user" or not message["content"].startswith(NOTE)
    ]


def in_words(error: openai.APIError) -> str:
    """Explain the failure and its remedy, without the server's words: these may hold secrets."""
    text = ""
    match error:
        case openai.AuthenticationError():
            text = f"The model server refuses the key. {ADMINISTRATOR} OPENAI_API_KEY."
        case openai.NotFoundError():
            text = f"The model server does not know this model. {ADMINISTRATOR} OPENAI_MODELS."
        case openai.RateLimitError(code="insufficient_quota"):
            text = f"The model server has no credit left. {ADMINISTRATOR} the account."
        case openai.RateLimitError():
            seconds = error.response.headers.get("retry-after", "")
            wait = f"{seconds} seconds" if seconds.isdecimal() else "a moment"
            text = f"The model server is busy. Wait {wait} and try again."
        case openai.InternalServerError():
            text = f"The model server failed (status {error.status_code}). Try again later."
        case openai.APITimeoutError():
            text = (
                "The model server took too long. Send your message again, or ask for less at once."
            )
        case openai.APIConnectionError():
            text = f"The model server cannot be reached. {ADMINISTRATOR} OPENAI_BASE_URL."
    return text


async def note(text: str) -> None:
    await cl.Message(content=NOTE + text).send()
