"""What a user wants to set, checked against the widgets that the chat has at that moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from webapp.authoring.inputs.chat_settings import SETTINGS
from webapp.authoring.inputs.reading import SettingError, list_widgets, read_setting
from webapp.chats.store import StoredChat
from webapp.turns.runtime import conversation
from webapp.web.refusals import Refusal

Inputs = dict[str, Any]


class NoSettingsError(Refusal):
    """The chat has no settings."""

    code = 404
    title = "No settings"
    message = "This chat has no settings."
    advice = "Go back to the chat."


class SettingsRefusedError(Refusal):
    """Values that the widgets do not take.

    Parameters
    ----------
    problems:
        What is to be changed, by the ids of the widgets.
    """

    code = 422
    title = "Settings not saved"
    message = "The app does not take some of the values."
    advice = "Correct it, then save again."

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__()
        self.problems = problems


class SettingsTooLongError(Refusal):
    """Values that are too long together."""

    code = 422
    title = "Settings not saved"
    message = "The settings are too long together."
    advice = "Shorten a text, then save again."


@dataclass(frozen=True)
class SettingsChange:
    """The fields of a form, by the ids of the widgets.

    Parameters
    ----------
    fields:
        What was sent for each; nothing for a box that is not ticked.
    is_reset:
        Whether the initial values are wanted instead.
    """

    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    is_reset: bool = False

    def values_for(self, settings: Mapping[str, Any] | None) -> dict[str, Any]:
        """Return the values of all widgets.

        Raises
        ------
        NoSettingsError
            The chat has no settings any more.
        SettingsRefusedError
            A widget does not take what was sent, or there is no such widget.
        """
        if settings is None:
            raise NoSettingsError
        widgets = list_widgets(settings["widgets"])
        if self.is_reset:
            return {widget["id"]: widget["initial"] for widget in widgets}
        values, problems = self._read(widgets, settings["values"])
        for key in self.fields.keys() - values.keys() - problems.keys():
            problems[key] = "It is not there any more. Look at the others, then save again."
        if problems:
            raise SettingsRefusedError(problems)
        return values

    def values_so_far(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of all widgets, the old ones where the new ones are not complete."""
        widgets = list_widgets(settings["widgets"])
        values, _ = self._read(widgets, settings["values"])
        old = {widget["id"]: widget["initial"] for widget in widgets} | settings["values"]
        return {widget["id"]: (old | values)[widget["id"]] for widget in widgets}

    def _read(
        self, widgets: Sequence[Mapping[str, Any]], old: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, str]]:
        values: dict[str, Any] = {}
        problems: dict[str, str] = {}
        for widget in widgets:
            key = widget["id"]
            if widget["disabled"]:  # browsers do not send it
                values[key] = old.get(key, widget["initial"])
                continue
            try:
                values[key] = read_setting(widget, self.fields.get(key, ()))
            except SettingError as error:
                problems[key] = str(error)
        return values, problems


def current_settings(chat: StoredChat) -> dict[str, Any] | None:
    """Return the settings of a chat, also those that a turn of this process has just made."""
    turn = conversation().keeper.find(chat.turn_id) if chat.turn_id else None
    return settings_of(turn.chat.inputs.now() if turn is not None else chat.inputs)


def settings_of(inputs: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the settings among the inputs of a chat, if it has any."""
    found: dict[str, Any] | None = (inputs or {}).get(SETTINGS)
    return found
