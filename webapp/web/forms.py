"""The base of every form: only the fields it names, each once, and clean text."""

from __future__ import annotations

from flask import request
from flask_wtf import FlaskForm
from werkzeug.exceptions import BadRequest

CSRF_FIELD = "csrf_token"


class StrictForm(FlaskForm):
    """A form that refuses fields it does not have (R22) and fields that come twice (R31)."""

    class Meta(FlaskForm.Meta):
        """Settings of WTForms."""

        csrf = False  # the token was checked before the view was called: web/requests.py

    def refuse_strange_fields(self) -> None:
        """Refuse the request unless it has just the fields of this form.

        Raises
        ------
        BadRequest
            Naming the field.
        """
        for name, values in request.form.lists():
            if name not in self and name != CSRF_FIELD:
                raise BadRequest(f"This form has no field “{name[:64]}”.")
            if len(values) > 1:
                raise BadRequest(f"The field “{name[:64]}” was sent {len(values)} times.")
