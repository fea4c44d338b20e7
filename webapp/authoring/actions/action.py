"""`Action`: a button under a message."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

from webapp.authoring.arguments import read_text
from webapp.authoring.awaitable_object import AwaitableObject
from webapp.authoring.chat_message import ActionData
from webapp.authoring.context import ChatContext, running_chat
from webapp.authoring.errors import MisuseError, refuse_unknown_arguments
from webapp.authoring.json_values import json_problem
from webapp.authoring.loading.missing_names import ACTION_NOT_YET, missing_name
from webapp.authoring.text import clean_json, clean_text

ACTION_NAME_LIMIT = 200
LABEL_LIMIT = 200
TOOLTIP_LIMIT = 1_000
# Of a payload, as JSON.
PAYLOAD_LIMIT = 100_000
NAMES = ("name", "payload", "label", "tooltip", "icon", "forId", "for_id", "id", "send", "remove")


@refuse_unknown_arguments
class Action(AwaitableObject):
    """A button under a message. Pressing it runs the ``@action_callback`` of its name.

    A browser is told the name and the label, never the payload. A press sends the id of the button
    alone, and the name and the payload come from the database.

    Parameters
    ----------
    name:
        Which ``@action_callback`` it runs. At most 200 characters.
    payload:
        A dict of JSON for the callback, such as ``{"order": 17}``. It may be empty. It is stored
        with the message, with at most 100,000 characters.
    label:
        The text on the button, at most 200 characters. Without one, the name.
    tooltip:
        What the button does, in a few words more. At most 1,000 characters.
    icon:
        The name of a picture, as in Chainlit. The buttons show some of those names
        (``docs/authoring.md`` lists them), and no picture for the others.
    forId:
        The id of the message that shows it. It is set when you send the button.
    id:
        Any text that tells the buttons of one message apart. Without one, a UUID.

    Example
    -------
    ::

        @cl.action_callback("approve")
        async def approve(action: cl.Action):
            await cl.Message(content=f"Order {action.payload['order']} is approved.").send()
            await action.remove()

        @cl.on_message
        async def answer(message: cl.Message):
            approve = cl.Action(name="approve", payload={"order": 17}, label="Approve")
            await cl.Message(content="Shall I order it?", actions=[approve]).send()
    """

    _instead: ClassVar[Mapping[str, str]] = ACTION_NOT_YET

    # All that Chainlit's has, in its order.
    def __init__(
        self,
        name: str,
        payload: dict[str, Any],
        label: str = "",
        tooltip: str = "",
        icon: str | None = None,
        forId: str | None = None,  # noqa: N803 - the name that Chainlit has
        id: str | None = None,  # noqa: A002
    ) -> None:
        if not isinstance(payload, dict):
            raise MisuseError(
                f'Action payload must be a dict such as {{"value": 1}}, not {payload!r:.80}.'
            )
        self.name = name
        self.payload = payload
        self.label = label
        self.tooltip = tooltip
        self.icon = icon
        self.forId = forId
        self.id = str(uuid.uuid4()) if id is None else str(id)

    @property
    def for_id(self) -> str | None:
        """The id of the message that shows it, once it is sent."""
        return self.forId

    def send(self, for_id: str) -> Self:
        """Show the button under a message that was sent.

        Parameters
        ----------
        for_id:
            The ``id`` of the message.

        Raises
        ------
        MisuseError
            The call is outside a chat, there is no such message, or a limit is exceeded.
        """
        used = "Action.send()"
        chat = running_chat(used)
        message_id = _read_message_id(used, for_id)
        chat.refuse_unless_sent(used, message_id)
        chat.transcript.change_actions(used, message_id, add=(self.place_under(message_id),))
        return self

    def remove(self) -> Self:
        """Take the button away. One that was not sent, or is gone already, is left as it is.

        Raises
        ------
        MisuseError
            The call is outside a chat.
        """
        used = "Action.remove()"
        remove_actions(running_chat(used), used, [self])
        return self

    def place_under(self, message_id: uuid.UUID) -> ActionData:
        """Return the button as a message stores and shows it.

        Raises
        ------
        MisuseError
            An attribute is of another type, or too long.
        """
        data = ActionData(
            id=uuid.uuid5(message_id, self.id),
            own_id=clean_text(self.id),
            name=_text("name", self.name, ACTION_NAME_LIMIT),
            payload=_read_payload(self.payload),
            label=_text("label", self.label, LABEL_LIMIT),
            tooltip=_text("tooltip", self.tooltip, TOOLTIP_LIMIT),
            icon=_text("icon", self.icon, ACTION_NAME_LIMIT) or None,
        )
        if not data.name.strip():
            raise MisuseError("Action name must not be empty: it names an @action_callback.")
        self.forId = str(message_id)
        return data

    @classmethod
    def from_data(cls, data: ActionData, message_id: uuid.UUID) -> Action:
        """Return a stored button, as its callback gets it."""
        payload: dict[str, Any] = dict(data.payload)
        return cls(
            data.name, payload, data.label, data.tooltip, data.icon, str(message_id), data.own_id
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the attributes as Chainlit's dictionary of an action."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, action: Mapping[str, Any]) -> Action:
        """Return the action of a dictionary that `to_dict` made."""
        return cls(**action)

    def __repr__(self) -> str:
        return f"Action(name={self.name!r}, label={self.label!r}, id={self.id!r})"

    if not TYPE_CHECKING:  # or a type checker would accept every name

        def __getattr__(self, name: str) -> NoReturn:
            """Explain what to use instead of a name that does not exist."""
            raise missing_name("Action", name, NAMES, ACTION_NOT_YET)


def remove_actions(chat: ChatContext, used: str, actions: list[Action]) -> None:
    """Take buttons away from under the messages that show them."""
    for action in actions:
        if action.forId is not None:
            message_id = _read_message_id(used, action.forId)
            if chat.has_sent(message_id):
                chat.transcript.change_actions(used, message_id, remove=(action.id,))


def check_actions(owner: str, actions: object) -> list[Action]:
    """Return the buttons of a message as a list of them.

    Raises
    ------
    MisuseError
        There is something else among them.
    """
    if not isinstance(actions, list | tuple):
        raise MisuseError(
            f"{owner} actions must be a list of Action, not {type(actions).__name__}."
        )
    for action in actions:
        if not isinstance(action, Action):
            raise MisuseError(
                f"{owner} actions must be a list of Action; one is {type(action).__name__}."
            )
    return list(actions)


def _read_message_id(used: str, for_id: object) -> uuid.UUID:
    try:
        return uuid.UUID(str(for_id))
    except ValueError:
        raise MisuseError(f"{used}: for_id is the id of a message, not {for_id!r:.80}.") from None


def _text(name: str, given: object, most: int) -> str:
    return "" if given is None else read_text(f"Action {name}", given, most, empty=True)


def _read_payload(payload: object) -> dict[str, Any]:
    text = ""
    try:
        problem = json_problem(payload, "the payload")
        if not problem:
            text = json.dumps(payload)
    except (RecursionError, ValueError):
        problem = "the payload holds itself, or is nested too deeply"
    if len(text) > PAYLOAD_LIMIT:
        problem = f"the payload has {len(text):,} characters, and may have {PAYLOAD_LIMIT:,}"
    if problem or not isinstance(payload, dict):
        raise MisuseError(
            f"Action payload cannot be stored: {problem or 'it is no dict'}. Give text, numbers, "
            "lists and dicts, and keep what is larger in user_session or in your database."
        )
    stored: dict[str, Any] = clean_json(json.loads(text))
    return stored
