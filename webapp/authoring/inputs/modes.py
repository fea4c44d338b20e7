"""Modes: pickers beside the composer. One option of each is always chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from webapp.authoring.arguments import check_bool
from webapp.authoring.errors import MisuseError, refuse_unknown_arguments
from webapp.authoring.inputs.commands import DESCRIPTION_LIMIT
from webapp.authoring.profiles.profile import NAME_LIMIT
from webapp.authoring.text import clean_text, is_visible

MODES = "modes"
# A form has a field for each, and few other fields.
MODES_LIMIT = 20
OPTIONS_LIMIT = 100


@refuse_unknown_arguments
@dataclass
class ModeOption:
    """One of the options of a `Mode`.

    Parameters
    ----------
    id:
        What ``message.modes`` has. Unique in its mode, 1 to 200 characters.
    name:
        What users read.
    description:
        What it is good for; optional.
    icon:
        The name of a picture, as an `Action` has it. Other names show nothing.
    default:
        Whether it is chosen at first. Without such an option, the first one is.

    Raises
    ------
    MisuseError
        An argument has the wrong type or is unknown, or a text is empty or too long.

    Example
    -------
    >>> ModeOption(id="high", name="High", description="Thinks longer").name
    'High'
    """

    id: str
    name: str
    description: str | None = None
    icon: str | None = None
    default: bool = False

    def __post_init__(self) -> None:
        _clean_names(self)
        description: object = self.description or ""
        if not isinstance(description, str) or len(description) > DESCRIPTION_LIMIT:
            raise MisuseError(
                f"ModeOption {self.id!r}: description must be text of at most "
                f"{DESCRIPTION_LIMIT} characters, or None."
            )
        self.description = clean_text(description) or None
        icon: object = self.icon
        if not isinstance(icon, str | None):
            raise MisuseError(f"ModeOption {self.id!r}: icon must be text, or None.")
        check_bool(f"ModeOption {self.id!r}: default", self.default)

    def to_dict(self) -> dict[str, Any]:
        """Return the option as JSON has it."""
        option = {"id": self.id, "name": self.name, "description": self.description or ""}
        return {**option, "icon": clean_text(self.icon)} if self.icon else option


@refuse_unknown_arguments
@dataclass
class Mode:
    """A picker beside the composer, such as one for the model.

    Parameters
    ----------
    id:
        The key in ``message.modes``, 1 to 200 characters.
    name:
        What users read.
    options:
        A list of `ModeOption`.

    Raises
    ------
    MisuseError
        An argument has the wrong type or is unknown, a text is empty or too long, or two options
        have the same id.

    Example
    -------
    >>> Mode(id="effort", name="Effort", options=[ModeOption("low", "Low")]).options[0].name
    'Low'
    """

    id: str
    name: str
    options: Sequence[ModeOption] = field(default_factory=list)

    def __post_init__(self) -> None:
        _clean_names(self)
        self._refuse_options()

    def get_default_option(self) -> ModeOption | None:
        """Return the option that is chosen at first."""
        marked = (option for option in self.options if option.default)
        return next(marked, self.options[0] if self.options else None)

    def get_option_by_id(self, option_id: str) -> ModeOption | None:
        """Return the option with that id, if there is one."""
        return next((option for option in self.options if option.id == option_id), None)

    def to_dict(self) -> dict[str, Any]:
        """Return the mode as JSON has it."""
        self._refuse_options()  # the list may have changed since
        default = self.get_default_option()
        return {
            "id": self.id,
            "name": self.name,
            "options": [option.to_dict() for option in self.options],
            "default": default.id if default else None,
        }

    def _refuse_options(self) -> None:
        given: object = self.options
        if not isinstance(given, list | tuple) or not all(
            isinstance(each, ModeOption) for each in given
        ):
            raise MisuseError(f"Mode {self.id!r}: options must be a list of ModeOption.")
        if len(given) > OPTIONS_LIMIT:
            raise MisuseError(
                f"Mode {self.id!r} has {len(given)} options, and may have {OPTIONS_LIMIT}."
            )
        _refuse_twice(f"Mode {self.id!r}", [each.id for each in given])


def read_modes(given: object) -> list[dict[str, Any]]:
    """Return modes as they are kept with the chat. Those without options are left out.

    Raises
    ------
    MisuseError
        They are no list of `Mode`, too many, or two have the same id.
    """
    if not isinstance(given, list | tuple) or not all(isinstance(each, Mode) for each in given):
        raise MisuseError(
            "set_modes() takes a list of Mode, each with a list of ModeOption: "
            'Mode(id="effort", name="Effort", options=[ModeOption(id="low", name="Low")]).'
        )
    if len(given) > MODES_LIMIT:
        raise MisuseError(
            f"set_modes() was given {len(given)} modes, and a chat may have {MODES_LIMIT}."
        )
    _refuse_twice("set_modes()", [each.id for each in given])
    return [each.to_dict() for each in given if each.options]


def _clean_names(owner: Mode | ModeOption) -> None:
    for name in ("id", "name"):
        text: object = getattr(owner, name)
        if not isinstance(text, str) or not is_visible(text) or len(text) > NAME_LIMIT:
            raise MisuseError(
                f"{type(owner).__name__} {name} must be text of 1 to {NAME_LIMIT} characters."
            )
        setattr(owner, name, clean_text(text))


def _refuse_twice(where: str, ids: list[str]) -> None:
    if twice := next((key for key in ids if ids.count(key) > 1), None):
        raise MisuseError(f"{where} has the id {twice!r} twice; ids must be unique.")
