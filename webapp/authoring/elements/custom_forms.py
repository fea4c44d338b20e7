"""The forms and buttons in the templates of an app's own elements."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import Any

from webapp.authoring.actions.action import Action
from webapp.authoring.chat_message import ActionData
from webapp.authoring.errors import MisuseError

# What the names of their fields begin with when they are sent, so that none is one of ours.
FIELD_PREFIX = "form."
# Where a template says which action a form or a button is for.
ACTION_ATTRIBUTE = "data-action"
# The kinds of `<input>` that a page takes. There is no field for a file or a password.
INPUT_TYPES = frozenset(
    (
        *("checkbox", "color", "date", "datetime-local", "email", "hidden", "month", "number"),
        *("radio", "range", "search", "tel", "text", "time", "url", "week"),
    )
)
FORM_TAGS = frozenset(("button", "input", "select", "textarea", "fieldset"))
# Of all actions of an element, as JSON.
ACTIONS_LIMIT = 200_000

Fields = dict[str, list[str] | None]


class TemplateActions:
    """The actions that a template names while it is rendered, by their ids.

    Parameters
    ----------
    stored:
        Those that were stored with the element, when a page shows it. An action of the same name
        and payload has the same id, which a browser may send.
    """

    def __init__(self, element_id: uuid.UUID, stored: Iterable[ActionData] = ()) -> None:
        self._element_id = element_id
        self._ids = {_name_and_payload(action): action.id for action in stored}
        self.found: dict[uuid.UUID, ActionData] = {}

    def name_action(self, name: str, payload: Mapping[str, Any] | None = None) -> str:
        """Return the attribute of a form or a button that runs an action."""
        data = Action(name, dict(payload or {})).place_under(self._element_id)
        text = _name_and_payload(data)
        data = replace(data, id=self._ids.get(text) or uuid.uuid5(self._element_id, text))
        self.found[data.id] = replace(data, own_id=str(data.id))
        # Without quotes, which Jinja would escape.
        return f"{ACTION_ATTRIBUTE}={data.id}"


def _name_and_payload(action: ActionData) -> str:
    return json.dumps([action.name, action.payload], sort_keys=True)


@dataclass
class _Form:
    """A form of a template: its number in the element, its actions and its fields."""

    number: int
    actions: list[str] = field(default_factory=list)
    fields: Fields = field(default_factory=dict)

    def add(self, name: str, value: str | None) -> None:
        """Add a field, or one more of the values that it offers; ``None`` for any text."""
        offered = self.fields.setdefault(name, [])
        if value is None:
            self.fields[name] = None
        elif offered is not None and value not in offered:
            offered.append(value)


class _FormReader(HTMLParser):
    """Reads the forms of an element."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        # The first one has the buttons that are in no form.
        self.forms = [_Form(0)]
        self._form: _Form | None = None
        self._select: str | None = None
        # The text of an option without a value, until it ends.
        self._option: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        action = values.get(ACTION_ATTRIBUTE)
        if tag == "form":
            self._form = _Form(len(self.forms))
            self.forms.append(self._form)
            if action is None:
                raise MisuseError(
                    'a form without an action. Write <form {{ action("name") }}>, with the name '
                    "of an @action_callback."
                )
            self._form.actions.append(action)
        elif tag == "option":
            self._end_option()
            if "value" in values:
                self._add(self._select, values["value"])
            else:
                self._option = []
        elif tag in FORM_TAGS:
            self._read_field(tag, values, action)

    def _read_field(self, tag: str, values: dict[str, str], action: str | None) -> None:
        form = self._form
        if action is not None:
            (form or self.forms[0]).actions.append(action)
        if form is None:
            if tag == "button" and action is None:
                raise MisuseError(
                    'a button that does nothing. Write <button {{ action("name") }}>, or put it '
                    "into a form."
                )
            if tag in {"input", "select", "textarea"}:
                raise MisuseError("a field outside a form, whose value nobody would get.")
            return
        name = values.get("name") or None
        kind = values.get("type", "text").lower() if tag == "input" else tag
        if tag == "input" and kind not in INPUT_TYPES:
            raise MisuseError(
                f'an <input type="{kind}">, which no page takes. To send a form, use <button>.'
            )
        if kind == "select":
            self._select = name
            if name is not None:
                form.fields.setdefault(name, [])
        elif kind in {"checkbox", "radio", "hidden", "button"}:
            default = "on" if kind in {"checkbox", "radio"} else ""
            self._add(name, values.get("value", default))
        else:
            self._add(name, None)

    def handle_data(self, data: str) -> None:
        if self._option is not None:
            self._option.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in {"option", "select", "form"}:
            self._end_option()
        if tag == "select":
            self._select = None
        elif tag == "form":
            self._form = None

    def _end_option(self) -> None:
        if self._option is not None:
            self._add(self._select, " ".join("".join(self._option).split()))
            self._option = None

    def _add(self, name: str | None, value: str | None) -> None:
        if self._form is not None and name is not None:
            self._form.add(name, value)


def read_actions(html: str, actions: Mapping[uuid.UUID, ActionData]) -> list[dict[str, Any]]:
    """Return the actions of an element as they are stored with it, each with its form.

    Raises
    ------
    MisuseError
        There is a form or a button that does nothing, or too much of them.
    """
    reader = _FormReader()
    reader.feed(html)
    reader.close()
    stored = [
        {**actions[uuid.UUID(action)].to_json(), "form": form.number, "fields": form.fields}
        for form in reader.forms
        for action in dict.fromkeys(form.actions)
        if action in map(str, actions)
    ]
    if len(json.dumps(stored)) > ACTIONS_LIMIT:
        raise MisuseError(
            f"forms and buttons with more than {ACTIONS_LIMIT:,} characters of names, payloads and "
            "values. Give less in their payloads."
        )
    return stored
