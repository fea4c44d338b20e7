"""The forms for signing in and for a new password."""

from __future__ import annotations

from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import DataRequired, InputRequired, Length, Optional, ValidationError

from webapp.authoring.text import clean_text, is_visible
from webapp.authoring.users.user import IDENTIFIER_LIMIT
from webapp.web.forms import StrictForm

PASSWORD_BYTES = 1_024
# The length of an address to return to. A longer one is forgotten.
PAGE_LIMIT = 8_192


def _clean_name(text: str | None) -> str:
    name = clean_text(text or "").strip()
    return name if is_visible(name) else ""


def _in_bytes(_form: object, field: PasswordField) -> None:
    if len((field.data or "").encode("utf-8", "surrogatepass")) > PASSWORD_BYTES:
        raise ValidationError("That password is too long.")


class NextForm(StrictForm):
    """Where to go after the sign-in."""

    next = HiddenField(filters=[lambda page: page if page and len(page) <= PAGE_LIMIT else None])


class LoginForm(NextForm):
    """The password is used exactly as it was typed, without trimming or cleaning."""

    username = StringField(
        "Username",
        filters=[_clean_name],
        # They see the cleaned text: a name of spaces or control characters is empty.
        validators=[DataRequired("Enter your username."), Length(max=IDENTIFIER_LIMIT)],
    )
    password = PasswordField(
        "Password", validators=[InputRequired("Enter your password."), _in_bytes]
    )


class ConfirmForm(StrictForm):
    """The current password, exactly as it was typed, to confirm what cannot be undone."""

    current_password = PasswordField("Current password", validators=[Optional(False), _in_bytes])


class PasswordForm(StrictForm):
    """The current password and the new one, both exactly as they were typed."""

    current_password = PasswordField(
        "Current password", validators=[InputRequired("Enter your current password."), _in_bytes]
    )
    new_password = PasswordField(
        "New password", validators=[InputRequired("Enter a new password."), _in_bytes]
    )
