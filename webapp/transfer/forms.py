"""The form that imports chats."""

from __future__ import annotations

from wtforms import StringField

from webapp.authoring.text import clean_text
from webapp.web.forms import StrictForm


class ImportForm(StrictForm):
    """An export, pasted."""

    # The field is called `data` on the page, but WTForms has an attribute of that name.
    pasted = StringField(
        name="data", filters=[lambda text: None if text is None else clean_text(text)]
    )
