"""Read by mypy, never run: what `chat_history` returns fits a client as it is."""

from __future__ import annotations

from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam

import webapp as cl
from webapp.integrations import mcp

client = AsyncOpenAI()


@cl.on_message
async def at_once() -> None:
    stream = await client.chat.completions.create(
        model="m", messages=cl.chat_history(), stream=True
    )
    async for chunk in stream:
        await cl.Message().stream_token(chunk.choices[0].delta.content or "")


@cl.on_chat_start
async def after_instructions() -> None:
    history = cl.chat_history(limit=20)
    await client.chat.completions.create(model="m", messages=history)
    await client.chat.completions.create(
        model="m", messages=[{"role": "system", "content": "Be brief."}, *history]
    )
    await client.chat.completions.create(
        model="m", messages=[{"role": "system", "content": "Be brief."}, *cl.chat_history()]
    )


@cl.on_stop
async def as_the_client_names_it() -> None:
    messages: list[ChatCompletionMessageParam] = cl.chat_history()
    messages.append({"role": "user", "content": "And now in French."})
    earlier: list[ChatCompletionMessageParam] = [{"role": "developer", "content": "Be brief."}]
    earlier += cl.chat_history()
    earlier.extend(cl.chat_history(5))
    await client.chat.completions.create(model="m", messages=[*earlier, *messages])


@cl.on_chat_resume
async def with_what_the_app_added() -> None:
    context = cl.chat_context.to_openai()
    await client.chat.completions.create(model="m", messages=context)
    await client.chat.completions.create(model="m", messages=cl.chat_context.to_openai())
    messages: list[ChatCompletionMessageParam] = [{"role": "system", "content": "Be brief."}]
    messages += cl.chat_context.to_openai()
    async with mcp.connect("files") as tools:
        await client.chat.completions.create(model="m", messages=messages, tools=tools.to_openai())
        await client.chat.completions.create(
            model="m", messages=messages, tools=[tool.to_openai() for tool in tools]
        )


def as_text() -> str:
    plain: list[dict[str, str]] = cl.chat_history()
    plain = cl.chat_context.to_openai()
    said = "".join(message["content"].upper() for message in cl.chat_history())
    return said + plain[0]["content"]


cl.chat_history()[0]["contnt"]  # type: ignore[index]
cl.chat_history("all")  # type: ignore[arg-type]
cl.set_profile_switching("continue")
cl.set_profile_switching("contine")  # type: ignore[arg-type]
