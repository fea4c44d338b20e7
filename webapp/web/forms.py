"""The base of all forms: it accepts only its own fields, and each of them once."""

from __future__ import annotations

from typing import Any, ClassVar

from flask import request
from wtforms import Form

from webapp.web.csrf import CSRF_FIELD
from webapp.web.refusals import Refusal


class FormFieldError(Refusal):
    """A field that the form does not have, or that was sent twice."""

    code = 400
    title = "Form not accepted"
    advice = "Go back, reload the page, and try again."


class StrictForm(Form):
    """A form that refuses unknown fields, and fields that were sent twice, when it is made.

    Raises
    ------
    FormFieldError
        The field is not one of this form, or was sent more than once.
    """

    # What the names of further fields begin with, and whether each may be sent several times.
    open_prefix: ClassVar[str | None] = None
    open_repeats: ClassVar[bool] = False

    class Meta:
        """Settings of WTForms."""

        csrf = False  # the token was checked before the view was called: web/request_guards.py
        locales = False  # its messages are ours

    def __init__(self, **kwargs: Any) -> None:
        if "formdata" in kwargs:
            super().__init__(**kwargs)
            return  # the form is filled by code, not by the request
        super().__init__(request.form, **kwargs)
        known = {field.name for field in self}
        prefix = self.open_prefix
        for name, values in request.form.lists():
            is_open = prefix is not None and name.startswith(prefix)
            if name not in known and name != CSRF_FIELD and not is_open:
                raise FormFieldError("This form has no field “{}”.", subject=name[:64])
            if len(values) > 1 and not (is_open and self.open_repeats):
                raise FormFieldError(
                    f"The field “{{}}” was sent {len(values)} times.", subject=name[:64]
                )


def expect_no_fields() -> None:
    """Refuse a form that has any field but the CSRF token.

    Raises
    ------
    FormFieldError
        There is a field.
    """
    StrictForm()
