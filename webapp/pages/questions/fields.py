"""The values of a form that the app asks in, checked by the fields that the question has stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from webapp.authoring.questions.form_fields import FormField
from webapp.authoring.text import clean_text
from webapp.web.refusals import Refusal


class FieldRefusedError(Refusal):
    """A value that the form does not offer, or none where one is needed."""

    code = 422
    title = "Not sent"
    advice = "Look at the form once more."


def read_fields(
    stored: Iterable[Mapping[str, Any]], sent: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Return what was sent in the fields of a form: a text each, or a list where several may be.

    Parameters
    ----------
    stored:
        The fields, as `list_fields` has returned them.
    sent:
        The values by the names of the fields.

    Raises
    ------
    FieldRefusedError
        A field is not there, a value is not offered, or a field that is required is empty.
    """
    fields = {each["name"]: FormField.from_json(each) for each in stored}
    values: dict[str, Any] = {}
    for name, given in sent.items():
        found = fields.get(name)
        if found is None or (len(given) > 1 and not found.multiple):
            raise FieldRefusedError("The form has no field “{}”.", subject=name[:64])
        if found.options is not None and not set(given) <= set(found.options):
            raise FieldRefusedError("The form does not offer this for “{}”.", subject=name[:64])
        texts = [clean_text(text) for text in given]
        values[name] = texts if found.multiple else texts[0]
    for name, found in fields.items():
        if found.required and not "".join(values.get(name) or ()).strip():
            raise FieldRefusedError("Fill in “{}”.", subject=name[:64])
    return values
