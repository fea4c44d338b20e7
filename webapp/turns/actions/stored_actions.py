"""The buttons of a chat as they are stored, found by what a browser sends."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Text, Uuid, bindparam, cast, func, or_, select

from webapp.authoring.actions.callback import decorator_of
from webapp.authoring.chat_message import ActionData
from webapp.chats.models import Message
from webapp.site import chat_app
from webapp.turns.requests import Fields
from webapp.web.forms import FormFieldError
from webapp.web.log import log_event
from webapp.web.refusals import Refusal

# Of all values of a form together.
FORM_LIMIT = 100_000
# The id of a message with a button, its details and its elements, one on each line. It stands in
# the statement that claims the chat, so that a press costs no statement of its own.
_LIKE = bindparam("action_like", type_=Text)
_AS_TEXT = (cast(Message.details, Text), cast(Message.elements, Text))
_ROW = select(
    cast(Message.id, Text)
    + "\n"
    + func.coalesce(_AS_TEXT[0], "{}")
    + "\n"
    + func.coalesce(_AS_TEXT[1], "[]")
).where(
    Message.chat_id == bindparam("chat"),
    Message.replaced_by.is_(None),
    or_(*(text.like(_LIKE) for text in _AS_TEXT)),
)
# A page says in which message the button is. If that is not so, all messages are searched: what a
# browser sends decides where to look first, and nothing else.
ACTION_ROW = func.coalesce(
    _ROW.where(Message.id == bindparam("action_message", type_=Uuid)).scalar_subquery(),
    _ROW.order_by(Message.sequence.desc()).limit(1).scalar_subquery(),
)


class ActionGoneError(Refusal):
    """A button that the chat does not have, or has no longer."""

    code = 404
    title = "Nothing done"
    message = "This button is no longer in the chat, so nothing was done."
    advice = "Reload the page to see the chat as it is now."


class ActionUnansweredError(Refusal):
    """A button for whose name the app file has no callback."""

    code = 409
    title = "Nothing done"
    message = "This app does not know what to do for the button “{}”."
    advice = "Tell whoever runs this site. The log says what is missing."


class FormNotKeptError(Refusal):
    """A button of a form that is to be tried again, without what was in the form."""

    code = 409
    title = "Cannot try again"
    message = "What you wrote in the form is not kept."
    advice = "Fill in the form and press its button again."


class FieldValueError(Refusal):
    """A value that the field of a form does not offer."""

    code = 422
    title = "Nothing done"
    message = "The field “{}” does not offer this value."
    advice = "Choose one of its values."


class FormTooLongError(Refusal):
    """A form with more text than the callback of a button is given."""

    code = 413
    title = "Nothing done"
    message = f"A form may have {FORM_LIMIT:,} characters in all, and this one has more."
    advice = "Shorten what you have written, and press the button again."


@dataclass(frozen=True, kw_only=True)
class FoundAction:
    """A button of a chat, and where it is.

    Parameters
    ----------
    fields:
        The fields of its form, each with the values that it offers, or ``None`` for any text.
        ``None`` if it stands in no form, as the buttons of a message.
    """

    message_id: uuid.UUID
    # What the id of the key in its form ends with.
    key_of: str
    data: ActionData
    fields: Mapping[str, list[str] | None] | None = None


def action_pattern(action_id: uuid.UUID, message_id: uuid.UUID | None) -> dict[str, object]:
    """Return the parameters of `ACTION_ROW` that find a button, in a message if that is known."""
    # As `json.dumps` writes it. No author knows the id, so no payload has it.
    return {"action_like": f'%"id": "{action_id}"%', "action_message": message_id}


def find_action(row: str | None, action_id: uuid.UUID, values: Fields | None) -> FoundAction:
    """Return the button of an `ACTION_ROW` whose callback is to run.

    Parameters
    ----------
    values:
        As of a `TurnRequest`. The payload has them as ``"form"``, if the button has a form.

    Raises
    ------
    ActionGoneError
        It is not there.
    ActionUnansweredError
        The app file has no callback for its name. The log names it.
    FormFieldError, FieldValueError, FormTooLongError
        Its form has no such field, the field does not offer the value, or there is too much text.
    FormNotKeptError
        The values of its form are not known.
    """
    found = None if row is None else _read(row, str(action_id))
    if found is None:
        raise ActionGoneError
    if chat_app().get(decorator_of(found.data.name)) is None:
        log_event(
            "action.without_callback",
            level=logging.ERROR,
            action=found.data.name,
            advice=f"Add @{decorator_of(found.data.name)} to the app file.",
        )
        raise ActionUnansweredError(subject=found.data.text)
    if found.fields is None and not values:
        return found
    if values is None:
        raise FormNotKeptError
    fields = found.fields or {}
    if sum(len(value) for sent in values.values() for value in sent) > FORM_LIMIT:
        raise FormTooLongError
    for name, sent in values.items():
        if name not in fields:
            raise FormFieldError("This form has no field “{}”.", subject=name[:64])
        offered = fields[name]
        if offered is not None and any(value not in offered for value in sent):
            raise FieldValueError(subject=name)
    # A text each, or a list of texts for a field that was sent twice.
    form = {name: sent[0] if len(sent) == 1 else list(sent) for name, sent in values.items()}
    payload = {**found.data.payload, "form": form}
    return replace(found, data=replace(found.data, payload=payload))


def _read(row: str, action_id: str) -> FoundAction | None:
    message_id, details, elements = row.split("\n")
    holders: list[tuple[str, dict[str, Any]]] = [
        (str(uuid.UUID(message_id)), json.loads(details)),
        *((element["id"], element.get("details", {})) for element in json.loads(elements)),
    ]
    for holder_id, holder in holders:
        for action in holder.get("actions", ()):
            if action.get("id") == action_id:
                return FoundAction(
                    message_id=uuid.UUID(message_id),
                    # An element may have several forms.
                    key_of=f"{holder_id}-{action['form']}" if "form" in action else holder_id,
                    data=ActionData.from_json(action),
                    # In the first form are those that stand in none.
                    fields=action["fields"] if action.get("form") else None,
                )
    return None
