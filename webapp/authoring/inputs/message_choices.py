"""What a user chose beside the composer for a message, among what the chat offers there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from webapp.authoring.inputs.commands import COMMANDS
from webapp.authoring.inputs.modes import MODES

# What the next message begins with, where that is not what the app marks.
CHOSEN = "chosen"


@dataclass(frozen=True, kw_only=True)
class Choices:
    """A command, and an option of each mode, of one message.

    Parameters
    ----------
    modes:
        The ids of the options, by the ids of their modes.
    """

    command: str | None = None
    modes: Mapping[str, str] = field(default_factory=dict)

    @property
    def details(self) -> dict[str, Any] | None:
        """Return what is stored with the message."""
        given = {"command": self.command, "modes": dict(self.modes)}
        return {name: value for name, value in given.items() if value} or None


NO_CHOICES = Choices()


def choices_of(details: Mapping[str, Any] | None) -> Choices:
    """Return what was chosen for a message, of what is stored with it."""
    found = details or {}
    return Choices(command=found.get("command"), modes=found.get("modes") or {})


def chosen_now(inputs: Mapping[str, Any]) -> Choices:
    """Return what is chosen beside the composer before its user chooses something else."""
    commands, chosen = inputs.get(COMMANDS, ()), inputs.get(CHOSEN, {})
    marked = next((each["id"] for each in commands if each.get("selected")), None)
    command = chosen.get("command", marked)
    modes = {}
    for mode in inputs.get(MODES, ()):
        option = chosen.get("modes", {}).get(mode["id"])
        is_offered = any(each["id"] == option for each in mode["options"])
        modes[mode["id"]] = option if is_offered else mode["default"]
    is_offered = any(each["id"] == command for each in commands)
    return Choices(command=command if is_offered else None, modes=modes)


def chosen_next(inputs: Mapping[str, Any], choices: Choices) -> dict[str, Any] | None:
    """Return what `CHOSEN` is to be after a message, or ``None`` if it stays.

    A persistent command stays chosen, and the options of modes do.
    """
    stays = any(
        each["id"] == choices.command and each.get("persistent")
        for each in inputs.get(COMMANDS, ())
    )
    after = Choices(command=choices.command if stays else None, modes=choices.modes)
    if after == chosen_now(inputs):
        return None
    return {"command": after.command, "modes": dict(after.modes)}
