"""The form that brings chats in."""

from __future__ import annotations

from wtforms import StringField

from webapp.authoring.text import clean_text
from webapp.web.forms import StrictForm


class ImportForm(StrictForm):
    """An export, pasted."""

    # Called `data` in the page; an attribute of that name would hide one of WTForms.
    pasted = StringField(
        name="data", filters=[lambda text: None if text is None else clean_text(text)]
    )
