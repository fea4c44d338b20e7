"""Commands: what a user can choose for one message, by its name or by a button."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, NotRequired, TypedDict

from webapp.authoring.errors import MisuseError
from webapp.authoring.profiles.profile import NAME_LIMIT
from webapp.authoring.text import clean_text, is_visible

COMMANDS = "commands"
COMMANDS_LIMIT = 100
DESCRIPTION_LIMIT = 500
_SWITCHES = ("button", "persistent", "selected")
_KEYS = ("id", "description", "icon", *_SWITCHES)
_HELP = 'write {"id": "Search", "description": "Find on the web"}'


class Command(TypedDict):
    """A command as an author writes it.

    Parameters
    ----------
    id:
        What users read, and what ``message.command`` is.
    description:
        What it is good for.
    icon:
        The name of a picture, as an `Action` has it. Other names show nothing.
    button:
        Whether it is a button beside the composer. Otherwise it is in the menu alone.
    persistent:
        Whether it stays chosen for the messages that follow.
    selected:
        Whether it is chosen at first.
    """

    id: str
    description: NotRequired[str | None]
    icon: NotRequired[str | None]
    button: NotRequired[bool | None]
    persistent: NotRequired[bool | None]
    selected: NotRequired[bool | None]


def read_commands(given: object) -> list[dict[str, Any]]:
    """Return commands as they are kept with the chat.

    Raises
    ------
    MisuseError
        They are no list of dicts, or one of them has no id, a wrong value or the id of another.
    """
    if not isinstance(given, list | tuple) or not all(isinstance(each, Mapping) for each in given):
        raise MisuseError(f"set_commands() takes a list of dicts: {_HELP}.")
    if len(given) > COMMANDS_LIMIT:
        raise MisuseError(
            f"set_commands() was given {len(given)} commands, and a chat may have {COMMANDS_LIMIT}."
        )
    commands = [_read_command(each) for each in given]
    ids = [command["id"] for command in commands]
    if twice := next((key for key in ids if ids.count(key) > 1), None):
        raise MisuseError(f"set_commands() was given the id {twice!r} twice; ids must be unique.")
    return commands


def _read_command(given: Mapping[str, Any]) -> dict[str, Any]:
    name = given.get("id")
    if not isinstance(name, str) or not is_visible(name) or len(name) > NAME_LIMIT:
        raise MisuseError(
            f"A command needs an id, a text of 1 to {NAME_LIMIT} characters: {_HELP}."
        )
    for key in given:
        similar = get_close_matches(str(key), _KEYS, 1, 0.7)
        if similar and key not in _KEYS:
            raise MisuseError(f"The command {name!r} has {key!r}; did you mean {similar[0]!r}?")
    description = given.get("description") or ""
    if not isinstance(description, str) or len(description) > DESCRIPTION_LIMIT:
        raise MisuseError(
            f"The description of the command {name!r} must be text of at most {DESCRIPTION_LIMIT} "
            "characters."
        )
    for key in _SWITCHES:
        if not isinstance(given.get(key), bool | None):
            raise MisuseError(f"{key!r} of the command {name!r} must be True or False.")
    icon: object = given.get("icon")
    if not isinstance(icon, str | None):
        raise MisuseError(f"The icon of the command {name!r} must be text.")
    command: dict[str, Any] = {"id": clean_text(name), "description": clean_text(description)}
    if icon:
        command["icon"] = clean_text(icon)
    return command | {key: True for key in _SWITCHES if given.get(key)}
