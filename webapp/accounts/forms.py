"""The forms about logging in."""

from __future__ import annotations

from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired, InputRequired, Length

from webapp.authoring.text import clean_text
from webapp.authoring.types import IDENTIFIER_LIMIT
from webapp.web.forms import StrictForm

PASSWORD_BYTES = 1_024


def _cleaned(text: str | None) -> str:
    return clean_text(text or "").strip()


class LoginForm(StrictForm):
    """Name and password. The password is taken as it was typed: no trimming, no cleaning (R5)."""

    username = StringField(
        "Username",
        filters=[_cleaned],
        # Of the cleaned text: a name of spaces or control characters is none.
        validators=[DataRequired("Enter your username."), Length(max=IDENTIFIER_LIMIT)],
    )
    password = PasswordField(
        "Password", validators=[InputRequired("Enter your password."), Length(max=PASSWORD_BYTES)]
    )
    next = HiddenField()


class LogoutForm(StrictForm):
    """Nothing but the token against forged forms."""
