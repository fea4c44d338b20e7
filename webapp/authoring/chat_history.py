"""`chat_history`: the messages of the running chat, as clients of language models take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from webapp.authoring.context import running_chat
from webapp.authoring.errors import MisuseError

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    class ChatHistoryMessage(dict[Literal["role", "content"], str], Any):
        """A plain dict. To a type checker, it fits the message types of every client."""

    # The type of message that the caller expects, such as `ChatCompletionMessageParam`.
    ExpectedMessage = TypeVar("ExpectedMessage", default=ChatHistoryMessage)


def chat_history(limit: int | None = None) -> list[ExpectedMessage]:
    """Return the messages of the running chat, oldest first.

    The list ends with the message that is being answered, and what you have sent since. It leaves
    out errors, answers that the user had tried again, and empty messages. It has a stopped answer
    as far as it got.

    Parameters
    ----------
    limit:
        The most messages to return, the newest ones; ``None`` for all, up to 1,000.

    Returns
    -------
    A list of ``{"role": "user" or "assistant", "content": text}``, as the clients of OpenAI and
    others take it: https://platform.openai.com/docs/api-reference/chat/create. A type checker takes
    it for a list of the messages of your client.

    Raises
    ------
    MisuseError
        The call is not in a callback that runs in a chat.

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
    history = [{"role": role, "content": text} for _, role, text in chat.so_far() if text]
    return cast("list[ExpectedMessage]", history if limit is None else history[-limit:])
