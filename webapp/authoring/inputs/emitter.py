"""`context.emitter`: sets the commands and the modes of the running chat, as in Chainlit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn, Self

from webapp.authoring.awaitable_object import AwaitableObject
from webapp.authoring.context import ChatContext
from webapp.authoring.inputs.commands import COMMANDS, Command, read_commands
from webapp.authoring.inputs.message_choices import CHOSEN
from webapp.authoring.inputs.modes import MODES, Mode, read_modes
from webapp.authoring.inputs.toasts import TOASTS, ToastType, add_toast
from webapp.authoring.loading.missing_names import EMITTER_NOT_YET, missing_name

EMITTER_NAMES = ("set_commands", "set_modes", "send_toast")


class Emitter(AwaitableObject):
    """What the running chat offers beside the composer.

    Example
    -------
    ::

        @cl.on_chat_start
        async def start():
            await cl.context.emitter.set_commands(
                [{"id": "Search", "description": "Find on the web", "button": True}]
            )
    """

    def __init__(self, chat: ChatContext) -> None:
        self._chat = chat

    def set_commands(self, commands: Sequence[Command]) -> Self:
        """Offer commands, in the place of those that the chat had. ``[]`` offers none.

        ``message.command`` of the next message is the id of the one that its user chose, or
        ``None``. You may await the call or not.

        Parameters
        ----------
        commands:
            Dicts with ``id``, and if you want ``description``, ``button``, ``persistent`` and
            ``selected``.

        Raises
        ------
        MisuseError
            A command is not as it must be, or the callback does not belong to a turn of the chat.
        """
        inputs = self._chat.inputs
        inputs.set(COMMANDS, read_commands(commands) or None)
        chosen = {name: value for name, value in inputs.get(CHOSEN, {}).items() if name == "modes"}
        inputs.set(CHOSEN, chosen or None)
        return self

    def set_modes(self, modes: Sequence[Mode]) -> Self:
        """Show pickers, in the place of those that the chat had. ``[]`` shows none.

        ``message.modes`` of the next message has the id of the chosen option for the id of each
        mode. You may await the call or not.

        Raises
        ------
        MisuseError
            They are no `Mode` objects, or the callback does not belong to a turn of the chat.
        """
        self._chat.inputs.set(MODES, read_modes(modes) or None)
        return self

    def send_toast(self, message: str, type: ToastType = "info") -> Self:  # noqa: A002 - Chainlit's
        """Show a short notice over the chat. You may await the call or not.

        Only pages that are open now show it. It is not kept with the chat.

        Parameters
        ----------
        message:
            At most 500 characters, as plain text.
        type:
            An ``"error"`` or a ``"warning"`` stays until the user dismisses it. ``"info"`` and
            ``"success"`` disappear after ten seconds.

        Raises
        ------
        MisuseError
            The message or the type is not as it must be, or the callback does not belong to a turn
            of the chat.
        """
        inputs = self._chat.inputs
        inputs.set(TOASTS, add_toast(inputs.get(TOASTS, []), message, type))
        return self

    if not TYPE_CHECKING:  # or a type checker would accept every name

        def __getattr__(self, name: str) -> NoReturn:
            """Explain what to use instead of a name that does not exist."""
            raise missing_name("context.emitter", name, EMITTER_NAMES, EMITTER_NOT_YET)
