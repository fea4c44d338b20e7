"""The command and the modes of a message, looked up in what its chat offers."""

from __future__ import annotations

from webapp.authoring.inputs.commands import COMMANDS
from webapp.authoring.inputs.message_choices import NO_CHOICES, Choices, chosen_now
from webapp.authoring.inputs.modes import MODES
from webapp.authoring.profiles.profile import ChatProfile
from webapp.chats.store import StoredChat
from webapp.pages.forms import MessageForm
from webapp.profiles.starters import list_starters
from webapp.web.refusals import Refusal


class ChoiceNotOfferedError(Refusal):
    """A choice that the chat does not offer: forged, or taken away since.

    Parameters
    ----------
    kind:
        What it is called, such as ``command``.
    name:
        What was chosen.
    """

    code = 422
    title = "Not sent"
    advice = "Reload the page to see what there is, and send your message again."

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"The {kind} “{{}}” is not offered in this chat.", subject=name[:100])


def read_choices(form: MessageForm, chat: StoredChat, profile: ChatProfile | None) -> Choices:
    """Return what the user chose beside the composer, or with a starter.

    A mode that the form does not name stays as it was.

    Raises
    ------
    ChoiceNotOfferedError
        A command is neither of the chat nor of a starter with this message. Or a mode is not of the
        chat, or an option not of its mode.
    """
    command, sent, inputs = form.chosen_command, form.modes, chat.inputs or {}
    if command is None and not sent and not inputs:
        return NO_CHOICES
    if command is not None:
        is_offered = any(each["id"] == command for each in inputs.get(COMMANDS, ()))
        if not (is_offered or list_starters(profile).has(form.draft.strip("\n"), command)):
            raise ChoiceNotOfferedError("command", command)
    modes = {mode["id"]: mode["options"] for mode in inputs.get(MODES, ())}
    for name, option in sent.items():
        if name not in modes:
            raise ChoiceNotOfferedError("mode", name)
        if all(each["id"] != option for each in modes[name]):
            raise ChoiceNotOfferedError("option", option)
    return Choices(command=command, modes={**chosen_now(inputs).modes, **sent})
