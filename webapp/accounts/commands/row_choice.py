"""Which rows of users a command is about: one by its ID, those of a user, or all."""

from __future__ import annotations

import uuid

from sqlalchemy import ColumnElement, true

from webapp.accounts.models import ApiToken, LoginSession
from webapp.accounts.usernames import canonical
from webapp.authoring.text import clean_text
from webapp.console import BadInputError


def match_user(model: type[ApiToken | LoginSession], user: str | None) -> ColumnElement[bool]:
    """Return what is true of the rows of a user; of all rows if none is named."""
    if user is None:
        return true()
    # Seeded users have their canonical name here, users of an app's own callback have any name.
    name = clean_text(user)
    return model.identifier.in_({name, canonical(name)})


def match_row_or_user(
    model: type[ApiToken | LoginSession], row_id: str | None, user: str | None, *, noun: str
) -> ColumnElement[bool]:
    """Return what is true of the row with that ID; without an ID, of the rows of a user.

    Raises
    ------
    BadInputError
        It is no ID.
    """
    if row_id is None:
        return match_user(model, user)
    try:
        # UUID would accept digits of any script.
        return model.id == uuid.UUID(row_id if row_id.isascii() else "")
    except ValueError as error:
        raise BadInputError(
            f"{row_id[:80]!r} is not the ID of a {noun}; see `chat-profiles {noun}s list`"
        ) from error
