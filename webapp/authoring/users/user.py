"""`User` and `PersistedUser`: who is signed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from webapp.authoring.arguments import (
    check_optional_text,
    check_text,
    clean_texts,
    wrong_type,
)
from webapp.authoring.errors import MisuseError, refuse_unknown_arguments

IDENTIFIER_LIMIT = 255


@refuse_unknown_arguments
@dataclass(eq=False)
class User:
    """A user who is signed in.

    Parameters
    ----------
    identifier:
        A name that is unique in this app, at most 255 characters.
    display_name:
        The name on the page; the identifier if you leave it out.
    metadata:
        Any JSON, for example ``{"role": "ADMIN"}``.

    Raises
    ------
    MisuseError
        The identifier is empty or too long, or the metadata is not a dict.

    Example
    -------
    >>> User(identifier="admin", metadata={"role": "ADMIN"}).metadata["role"]
    'ADMIN'
    """

    identifier: str
    display_name: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        clean_texts(self)
        check_text("User identifier", self.identifier)
        if len(self.identifier) > IDENTIFIER_LIMIT:
            raise MisuseError(f"User identifier is longer than {IDENTIFIER_LIMIT} characters.")
        check_optional_text("User display_name", self.display_name)
        if not isinstance(self.metadata, dict):
            raise wrong_type("User metadata", "a dict")

    def __eq__(self, other: object) -> bool:
        """Return whether they are the same to an app, whatever else is known of one of them."""
        return isinstance(other, User) and _what_a_user_is(self) == _what_a_user_is(other)

    # Its metadata may change.
    __hash__ = None  # type: ignore[assignment]

    def to_dict(self) -> dict[str, Any]:
        """Return the user as a dictionary."""
        values: dict[str, Any] = asdict(self)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the user of a dictionary that `to_dict` made."""
        names = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in names})


@dataclass
class _UserRecord:
    """What is known of a user who has signed in. It comes before what a `User` has."""

    id: str
    createdAt: str  # noqa: N815 - the name that Chainlit has


@refuse_unknown_arguments
@dataclass(eq=False)
class PersistedUser(User, _UserRecord):
    """A user who is signed in, with an id and a time: what ``user_session.get("user")`` is.

    Parameters
    ----------
    id:
        The id of the user. It is made of the identifier, unless your callback returns another.
    createdAt:
        When the user was made known, in ISO 8601. If your callback does not say, the time of the
        sign-in.
    identifier, display_name, metadata:
        As of a `User`.

    Example
    -------
    >>> PersistedUser(id="7", createdAt="2026-01-01T00:00:00Z", identifier="admin").id
    '7'
    """


def _what_a_user_is(user: User) -> tuple[object, ...]:
    return user.identifier, user.display_name, user.metadata
