"""`ErrorMessage`: a message that says what went wrong."""

from __future__ import annotations

from webapp.authoring.chat_message import ERROR
from webapp.authoring.messages.message import Message


class ErrorMessage(Message):
    """A message that says what went wrong. It is shown as an error, and the turn goes on.

    It is no part of the conversation that `chat_history` returns.

    Parameters
    ----------
    content, author:
        As of a `Message`.

    Example
    -------
    ::

        await cl.ErrorMessage(content="The weather service does not answer.").send()
    """

    _kind = ERROR

    def __init__(self, content: object = "", author: str | None = None) -> None:
        super().__init__(content=content, author=author)
