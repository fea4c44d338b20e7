"""The form of a chat's settings, whose fields the app has made."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from flask import request
from werkzeug.exceptions import BadRequest

from webapp.authoring.text import clean_text
from webapp.pages.forms import parse_key
from webapp.turns.settings.changes import SettingsChange
from webapp.web.csrf import CSRF_FIELD
from webapp.web.forms import FormFieldError

# Before the id of a widget, in the name of its field.
PREFIX = "setting-"
SAVE, RESET, EDIT = "save", "reset", "edit"


@dataclass(frozen=True)
class SettingsForm:
    """What was sent with the form, and which of its buttons was pressed.

    Parameters
    ----------
    do:
        `SAVE`, `RESET`, or `EDIT` if a value was changed and nothing pressed.
    """

    key: uuid.UUID
    do: str
    fields: dict[str, list[str]] = field(default_factory=dict)

    @property
    def change(self) -> SettingsChange:
        """Return what the user wants to set."""
        return SettingsChange(self.fields, is_reset=self.do == RESET)


def read_settings_form() -> SettingsForm:
    """Return the form of this request.

    Raises
    ------
    FormFieldError
        The form has a field that this one has not, or its key or its button twice.
    BadRequest
        The key is malformed, or there is no such button.
    """
    fields, others = {}, {}
    for name, values in request.form.lists():
        if name.startswith(PREFIX):
            fields[clean_text(name.removeprefix(PREFIX))] = values
        elif name not in ("key", "do", CSRF_FIELD):
            raise FormFieldError("This form has no field “{}”.", subject=name[:64])
        elif len(values) > 1:
            raise FormFieldError("The field “{}” was sent more than once.", subject=name)
        else:
            others[name] = values[0]
    do = others.get("do", SAVE)
    if do not in (SAVE, RESET, EDIT):
        raise BadRequest
    return SettingsForm(parse_key(others.get("key")), do, fields)
