"""What a test sets beside the composer, as a page sends it: settings, a command and modes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webapp.authoring.inputs.message_choices import chosen_now
from webapp.authoring.inputs.reading import list_widgets, texts_of
from webapp.pages.forms import MODE_PREFIX
from webapp.pages.settings.form import PREFIX
from webapp.turns.settings.changes import settings_of

# pytest shows no line of this module in a traceback.
__tracebackhide__ = True


def setting_values(inputs: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what is set in a chat, by the ids of the widgets."""
    settings = settings_of(inputs)
    return {} if settings is None else dict(settings["values"])


def settings_fields(
    inputs: Mapping[str, Any] | None, values: Mapping[str, Any]
) -> dict[str, list[str]]:
    """Return the fields of the form of settings, in which a user has changed some values."""
    settings = settings_of(inputs) or {"widgets": [], "values": {}}
    fields = {}
    left = dict(values)
    for widget in list_widgets(settings["widgets"]):
        key = widget["id"]
        value = left.pop(key, settings["values"].get(key, widget["initial"]))
        if not widget["disabled"]:
            fields[f"{PREFIX}{key}"] = texts_of(widget, value)
    # The site says that it has no such settings.
    return fields | {f"{PREFIX}{key}": [str(value)] for key, value in left.items()}


def choice_fields(
    inputs: Mapping[str, Any], command: str | None, modes: Mapping[str, str] | None
) -> dict[str, str]:
    """Return the fields of the composer for a command and the options of modes.

    Parameters
    ----------
    command, modes:
        What the user chooses. What they leave is chosen already.
    """
    chosen = chosen_now(inputs)
    command = chosen.command if command is None else command
    options = {**chosen.modes, **(modes or {})}
    fields = {f"{MODE_PREFIX}{mode}": option for mode, option in options.items()}
    return {**fields, "command": command} if command else fields
