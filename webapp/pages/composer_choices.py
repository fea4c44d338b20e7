"""The command and the modes of a message, looked up in what its chat offers."""

from __future__ import annotations

from webapp.authoring.types import ChatProfile
from webapp.pages.forms import MessageForm
from webapp.profiles.starters import list_starters
from webapp.turns.requests import NO_CHOICES, Choices
from webapp.web.refusals import Refusal


class CommandNotOfferedError(Refusal):
    """The name of a command that the chat does not have: forged, or taken away since."""

    code = 422
    title = "Not sent"
    message = "The command “{}” is not offered in this chat."
    advice = "Choose another command, or none, and send your message again."


def read_choices(form: MessageForm, profile: ChatProfile | None) -> Choices:
    """Return what the user chose beside the composer, or with a starter.

    Raises
    ------
    CommandNotOfferedError
        Neither the chat nor a starter with this message has the command.
    """
    command = form.chosen_command
    if command is None:
        return NO_CHOICES
    if not list_starters(profile).has(form.draft.strip("\n"), command):
        raise CommandNotOfferedError(subject=command[:100])
    return Choices(command=command)
