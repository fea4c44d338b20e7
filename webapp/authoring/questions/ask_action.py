"""`AskActionMessage`: a question that is answered with one of several buttons."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from webapp.authoring.actions.action import Action, check_actions
from webapp.authoring.chat_message import ActionData
from webapp.authoring.context import ChatContext
from webapp.authoring.errors import MisuseError, refuse_unknown_arguments
from webapp.authoring.questions.ask_message import AskMessage
from webapp.authoring.questions.question import ANSWERED, TIMED_OUT, Outcome

MOST_BUTTONS = 100


class AskActionResponse(TypedDict):
    """The button that the user has pressed."""

    id: str
    name: str
    payload: dict[str, Any]
    label: str
    tooltip: str
    icon: str | None
    forId: str


@refuse_unknown_arguments
class AskActionMessage(AskMessage[AskActionResponse]):
    """A question that the user answers by pressing one of your buttons.

    Parameters
    ----------
    content:
        What you ask, in Markdown. After the answer the message says which button was pressed.
    actions:
        The buttons, as a list of `Action`. They need no ``@action_callback``.
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

        answer = await cl.AskActionMessage(
            content="Go on?",
            actions=[
                cl.Action(name="yes", payload={"value": True}, label="Yes"),
                cl.Action(name="no", payload={"value": False}, label="No"),
            ],
        ).send()
        if answer and answer["payload"]["value"]:
            await cl.Message(content="Here we go!").send()
    """

    kind = "action"

    def __init__(
        self,
        content: object,
        actions: Sequence[Action],
        author: str | None = None,
        timeout: float = 90,
        raise_on_timeout: bool = False,
    ) -> None:
        super().__init__(content, author, timeout, raise_on_timeout=raise_on_timeout)
        self.actions = check_actions("AskActionMessage", actions)
        if not 0 < len(self.actions) <= MOST_BUTTONS:
            raise MisuseError(
                f"AskActionMessage needs between 1 and {MOST_BUTTONS} actions, not "
                f"{len(self.actions)}."
            )

    def _offers(self, message_id: uuid.UUID) -> Mapping[str, Any]:
        placed = [action.place_under(message_id) for action in self.actions]
        if len({action.id for action in placed}) < len(placed):
            raise MisuseError("Two actions of AskActionMessage have the same id.")
        return {"actions": [{**action.to_json(), "text": action.text} for action in placed]}

    def _read(self, chat: ChatContext, outcome: Outcome) -> AskActionResponse | None:
        del chat
        if outcome.status == TIMED_OUT:
            self.content = "Timed out: no action was taken"
            self.update()
        if outcome.status != ANSWERED or self._question is None:
            return None
        offered = map(ActionData.from_json, self._question.offers["actions"])
        [pressed] = [action for action in offered if str(action.id) == outcome.answer["action"]]
        self.content = f"**Selected:** {pressed.text}"
        self.update()
        return AskActionResponse(
            id=pressed.own_id,
            name=pressed.name,
            payload=dict(pressed.payload),
            label=pressed.label,
            tooltip=pressed.tooltip,
            icon=pressed.icon,
            forId=self.id,
        )
