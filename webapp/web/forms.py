"""The base of every form: only the fields it names, each once, and clean text."""

from __future__ import annotations

from flask import request
from flask_wtf import FlaskForm

from webapp.web.refusals import Refusal

CSRF_FIELD = "csrf_token"


class FormFieldError(Refusal):
    """A field that the form does not have, or that came twice."""

    code = 400
    title = "Form not accepted"
    advice = "Go back, reload the page, and try again."


class StrictForm(FlaskForm):
    """A form that refuses fields it does not have (R22) and fields that come twice (R31)."""

    class Meta(FlaskForm.Meta):
        """Settings of WTForms."""

        csrf = False  # the token was checked before the view was called: web/request_guards.py

    def refuse_strange_fields(self) -> None:
        """Refuse the request unless it has just the fields of this form.

        Raises
        ------
        FormFieldError
            Naming the field.
        """
        known = {field.name for field in self}
        for name, values in request.form.lists():
            if name not in known and name != CSRF_FIELD:
                raise FormFieldError("This form has no field “{}”.", subject=name[:64])
            if len(values) > 1:
                raise FormFieldError(
                    f"The field “{{}}” was sent {len(values)} times.", subject=name[:64]
                )
