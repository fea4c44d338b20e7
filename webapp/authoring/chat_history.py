"""What was said in the running chat so far, as clients of language models take it."""

from __future__ import annotations

from webapp.authoring.context import running_chat
from webapp.authoring.errors import MisuseError


def chat_history(limit: int | None = None) -> list[dict[str, str]]:
    """Return what was said so far, oldest first.

    It ends with the message that is being answered, and what has been said to that by now. Errors
    that were shown, answers that were tried again, and empty messages are left out; an answer that
    was stopped is there as far as it got.

    Parameters
    ----------
    limit:
        At most so many messages, the newest; ``None`` for all, up to 1,000.

    Returns
    -------
    A list of ``{"role": "user" or "assistant", "content": text}``, as OpenAI's clients and those
    of others take it: https://platform.openai.com/docs/api-reference/chat/create.

    Raises
    ------
    MisuseError
        Outside a callback that runs in a chat.

    Example
    -------
    ::

        @cl.on_message
        async def answer():
            stream = await client.chat.completions.create(
                model="...", messages=cl.chat_history(), stream=True
            )
    """
    chat = running_chat("chat_history()")
    if limit is not None and (type(limit) is not int or limit < 1):
        raise MisuseError("chat_history takes a number of messages from 1 up, or None for all.")
    said = [{"role": role, "content": content} for _, role, content in chat.so_far() if content]
    return said if limit is None else said[-limit:]
