"""The forms about chats."""

from __future__ import annotations

from wtforms import StringField
from wtforms.validators import Length, Optional

from webapp.authoring.text import clean_text
from webapp.authoring.types import NAME_LIMIT
from webapp.web.forms import StrictForm


class StartForm(StrictForm):
    """Which profile to chat with; none means the one a new chat would take anyway."""

    profile = StringField(
        # An empty name stays one: it is not offered, while no name at all means the default.
        filters=[lambda text: None if text is None else clean_text(text)],
        validators=[Optional(strip_whitespace=False), Length(max=NAME_LIMIT)],
    )
