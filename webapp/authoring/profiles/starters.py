"""`Starter` and `StarterCategory`: the first messages that a page suggests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from webapp.authoring.arguments import (
    check_optional_text,
    check_text,
    clean_texts,
    wrong_type,
)
from webapp.authoring.errors import MisuseError, refuse_unknown_arguments

# What an icon begins with. A command of that name would be a mistake.
_ICON_STARTS = ("/public/", "public/", "http://", "https://")


@refuse_unknown_arguments
@dataclass(frozen=True)
class Starter:
    """A suggested first message.

    Parameters
    ----------
    label:
        The text of the button on the page.
    message:
        The message that is sent when a user picks it.
    command:
        What `@on_message` gets as ``message.command``; optional.
    icon:
        A URL, or a file under ``/public``; optional.

    Raises
    ------
    MisuseError
        An argument has the wrong type or is unknown, or a text is empty.

    Example
    -------
    >>> Starter(label="Plan a trip", message="Help me plan a weekend in Rome.").label
    'Plan a trip'
    """

    label: str
    message: str
    command: str | None = None
    icon: str | None = None

    def __post_init__(self) -> None:
        clean_texts(self)
        check_text("Starter label", self.label)
        check_text("Starter message", self.message)
        check_optional_text("Starter command", self.command)
        check_optional_text("Starter icon", self.icon)
        if self.command and self.command.startswith(_ICON_STARTS):
            raise MisuseError(
                f"Starter {self.label[:40]!r}: the third argument is the command. Write "
                f"icon={self.command[:80]!r}."
            )


@refuse_unknown_arguments
@dataclass(frozen=True)
class StarterCategory:
    """Suggested first messages under one heading, which opens them.

    Parameters
    ----------
    label:
        The heading.
    icon:
        A URL, or a file under ``/public``; optional.
    starters:
        A list of `Starter`.

    Raises
    ------
    MisuseError
        An argument has the wrong type or is unknown, or the label is empty.

    Example
    -------
    >>> StarterCategory("Travel", starters=[Starter("Plan a trip", "Help me plan it.")]).label
    'Travel'
    """

    label: str
    icon: str | None = None
    starters: Sequence[Starter] = ()

    def __post_init__(self) -> None:
        clean_texts(self)
        check_text("StarterCategory label", self.label)
        check_optional_text("StarterCategory icon", self.icon)
        if not is_list_of_starters(self.starters):
            raise wrong_type("StarterCategory starters", "a list of Starter")


def is_list_of_starters(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, Starter) for item in value)
