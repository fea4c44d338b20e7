"""`AskUserMessage`: a question that is answered with a text."""

from __future__ import annotations

from typing import Any

from webapp.authoring.context import ChatContext
from webapp.authoring.errors import refuse_unknown_arguments
from webapp.authoring.messages.message import ASSISTANT_MESSAGE
from webapp.authoring.messages.user_message import make_user_message
from webapp.authoring.questions.ask_message import AskMessage
from webapp.authoring.questions.open_questions import answer_message_id
from webapp.authoring.questions.question import ANSWERED, Outcome


@refuse_unknown_arguments
class AskUserMessage(AskMessage[dict[str, Any]]):
    """A question that the user answers with a text.

    Parameters
    ----------
    content:
        What you ask, in Markdown.
    author:
        Who asks. If you leave it out, the chat profile or the app.
    type:
        What Chainlit calls its kind. It changes nothing here.
    timeout:
        How many seconds the user has.
    raise_on_timeout:
        Whether ``send()`` raises a ``TimeoutError`` when they are over. It returns ``None``
        otherwise.

    Example
    -------
    ::

        answer = await cl.AskUserMessage(content="What is your name?", timeout=30).send()
        if answer:
            await cl.Message(content=f"Hello, {answer['output']}!").send()
    """

    kind = "user"

    def __init__(
        self,
        content: object,
        author: str | None = None,
        type: str = ASSISTANT_MESSAGE,  # noqa: A002 - the name that Chainlit has
        timeout: float = 60,
        raise_on_timeout: bool = False,
    ) -> None:
        super().__init__(content, author, timeout, raise_on_timeout=raise_on_timeout)
        self.type = type

    def _read(self, chat: ChatContext, outcome: Outcome) -> dict[str, Any] | None:
        if outcome.status != ANSWERED or self._question is None:
            return None
        message = make_user_message(
            chat.chat_id,
            answer_message_id(self._question.id),
            outcome.answer["content"],
            chat.user.identifier if chat.user else "User",
        )
        return message.to_dict()
