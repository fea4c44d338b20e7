"""`AskElementMessage`: a question that is answered with a form of the app's own."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from webapp.authoring.context import ChatContext
from webapp.authoring.elements.custom import CustomElement
from webapp.authoring.errors import MisuseError, refuse_unknown_arguments
from webapp.authoring.questions.ask_message import AskMessage
from webapp.authoring.questions.form_fields import list_fields
from webapp.authoring.questions.question import ANSWERED, TIMED_OUT, Outcome


@refuse_unknown_arguments
class AskElementMessage(AskMessage[dict[str, Any]]):
    """A question that the user answers in a form of yours.

    Parameters
    ----------
    content:
        What you ask, in Markdown. After the answer the message says that it came.
    element:
        A `CustomElement` whose template has the fields: ``<input>``, ``<select>`` and
        ``<textarea>``, each with a ``name``. The buttons Submit and Cancel come by themselves.
    author:
        Who asks. If you leave it out, the chat profile or the app.
    timeout:
        How many seconds the user has.
    raise_on_timeout:
        Whether ``send()`` raises a ``TimeoutError`` when they are over. It returns ``None``
        otherwise.

    Example
    -------
    ::

        # elements/Ticket.html: <label>Title <input name="title" required></label>
        ticket = cl.CustomElement(name="Ticket", props={})
        answer = await cl.AskElementMessage(content="What is broken?", element=ticket).send()
        if answer and answer["submitted"]:
            await cl.Message(content=f"I have noted: {answer['title']}").send()
    """

    kind = "element"

    def __init__(
        self,
        content: object,
        element: CustomElement,
        author: str | None = None,
        timeout: float = 90,
        raise_on_timeout: bool = False,
    ) -> None:
        super().__init__(content, author, timeout, raise_on_timeout=raise_on_timeout)
        given: object = element  # what an author gives may be anything
        if not isinstance(given, CustomElement):
            raise MisuseError(
                f"AskElementMessage element must be a CustomElement, not {type(given).__name__}."
            )
        self.element = element

    def _offers(self, message_id: uuid.UUID) -> Mapping[str, Any]:
        del message_id
        props, html = self.element.render_form()
        return {
            "element": {"name": self.element.name, "props": props},
            "fields": list_fields(html),
        }

    def _read(self, chat: ChatContext, outcome: Outcome) -> dict[str, Any] | None:
        del chat
        if outcome.status == TIMED_OUT:
            self.content = "Timed out"
            self.update()
        if outcome.status != ANSWERED:
            return None
        answer = {**outcome.answer["fields"], "submitted": outcome.answer["submitted"]}
        self.content = "Thanks for submitting" if answer["submitted"] else "Cancelled"
        self.update()
        return answer
