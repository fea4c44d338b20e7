"""Checks, when an app file is loaded, that a decorator can call the function it was put on."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Set
from dataclasses import dataclass
from inspect import Parameter
from typing import Any, TypeVar, cast

from webapp.authoring.errors import MisuseError

Decorator = TypeVar("Decorator", bound=Callable[..., Any])
BY_POSITION = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class Arguments:
    """The arguments that a callback is given, in order. It may leave out the last ones."""

    names: tuple[str, ...]


def refuse_brackets(decorator: Decorator, options: Set[str] = frozenset()) -> Decorator:
    """Let ``decorator`` explain how to write it when it is called without a function.

    A default for its parameter would do too, but type checkers would then allow the brackets.

    Parameters
    ----------
    options:
        The names of other arguments that it takes.
    """

    @functools.wraps(decorator)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        given = kwargs.keys() - options
        if len(args) + len(given) != 1 or given - {"callback"}:
            raise _no_function(decorator.__name__, "brackets")
        return decorator(*args, **kwargs)

    return cast("Decorator", wrapper)


def count_accepted(decorator: str, function: Callable[..., Any], arguments: Arguments) -> int:
    """Return how many of the offered arguments ``function`` takes by position.

    Raises
    ------
    MisuseError
        The function cannot be called with them, or is obviously not meant to be.
    """
    _refuse_non_function(decorator, function)
    name = _name(function)
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise MisuseError(
            f"@{decorator}: the parameters of {name} cannot be read; wrap it in a `def` of your "
            "own."
        ) from error

    by_position = [p for p in parameters if p.kind in BY_POSITION]
    if by_position and by_position[0].name in ("self", "cls"):
        raise MisuseError(
            f"@{decorator}: {name} has the parameter {by_position[0].name}, so it is a method, and "
            "no object is made for it. Move it out of the class, or register the method of an "
            f"object: `{decorator}(Thing().{name})`."
        )
    if not _can_be_called_with(arguments, parameters, by_position):
        signature = ", ".join(arguments.names)
        given = f"({signature})" if arguments.names else "no parameters"
        if len(arguments.names) > 1:
            given += " in this order (the last ones may be left out)"
        written = inspect.Signature([p.replace(annotation=p.empty) for p in parameters])
        keyword = "async def" if inspect.iscoroutinefunction(function) else "def"
        raise MisuseError(
            f"@{decorator}: {name}{written} cannot be called. It is given {given}: change it to "
            f"`{keyword} {name}({signature})`."
        )

    if any(p.kind is Parameter.VAR_POSITIONAL for p in parameters):
        return len(arguments.names)
    return min(len(by_position), len(arguments.names))


def _refuse_non_function(decorator: str, function: object) -> None:
    if inspect.isclass(function):
        raise _no_function(decorator, f"the class {function.__name__}")
    if not callable(function):
        raise _no_function(decorator, type(function).__name__)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise MisuseError(
            f"@{decorator}: {_name(function)} contains `yield`, so calling it would run nothing. "
            "Return the value, or send messages with `Message(...).send()`."
        )


def _no_function(decorator: str, given: str) -> MisuseError:
    return MisuseError(
        f"@{decorator} needs a function, not {given}: write @{decorator} "
        "on the line above `def`, without brackets after it."
    )


def _can_be_called_with(
    arguments: Arguments, parameters: list[Parameter], by_position: list[Parameter]
) -> bool:
    required = [p for p in by_position if p.default is p.empty]
    keyword_only = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
    # A function of (language) would get the user under that name, and work now and then.
    pairs = zip(by_position, arguments.names, strict=False)
    misplaced = any(p.name != name and p.name in arguments.names for p, name in pairs)
    return (
        len(required) <= len(arguments.names)
        and not any(p.default is p.empty or p.name in arguments.names for p in keyword_only)
        and not misplaced
    )


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)
