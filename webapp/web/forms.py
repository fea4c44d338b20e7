"""The base of every form: only the fields it names, each once, and clean text."""

from __future__ import annotations

from flask import request
from flask_wtf import FlaskForm
from werkzeug.exceptions import BadRequest

CSRF_FIELD = "csrf_token"


class StrangeField(BadRequest):
    """A field that the form does not have, or that came twice."""

    def __init__(self, problem: str, field: str) -> None:
        super().__init__(problem)
        self.subject = field[:64]


class StrictForm(FlaskForm):
    """A form that refuses fields it does not have (R22) and fields that come twice (R31)."""

    class Meta(FlaskForm.Meta):
        """Settings of WTForms."""

        csrf = False  # the token was checked before the view was called: web/request_guards.py

    def refuse_strange_fields(self) -> None:
        """Refuse the request unless it has just the fields of this form.

        Raises
        ------
        StrangeField
            Naming the field.
        """
        known = {field.name for field in self}
        for name, values in request.form.lists():
            if name not in known and name != CSRF_FIELD:
                raise StrangeField("This form has no field “{}”.", name)
            if len(values) > 1:
                raise StrangeField(f"The field “{{}}” was sent {len(values)} times.", name)
