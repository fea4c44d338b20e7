"""Whether a function can be called as its decorator will call it; told when the file is loaded."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter
from typing import Any, TypeVar, cast

from webapp.authoring.errors import MisuseError

Decorator = TypeVar("Decorator", bound=Callable[..., Any])
BY_POSITION = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class Arguments:
    """The arguments that a callback is given, in order."""

    names: tuple[str, ...]
    # Unless they are, the callback may leave out the last ones.
    all_required: bool = False


def refuse_brackets(decorator: Decorator) -> Decorator:
    """Let ``decorator`` say how it is written when it is called without a function.

    A default for its parameter would do as well, but type checkers would then allow the brackets.
    """

    @functools.wraps(decorator)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if len(args) + len(kwargs) != 1 or kwargs.keys() - {"callback"}:
            raise _no_function(decorator.__name__, "brackets")
        return decorator(*args, **kwargs)

    return cast("Decorator", wrapper)


def count_accepted(decorator: str, function: Callable[..., Any], arguments: Arguments) -> int:
    """Return how many of the offered arguments ``function`` takes by position.

    Raises
    ------
    MisuseError
        When it cannot be called with them, or cannot be meant to be.
    """
    _refuse_what_is_no_function(decorator, function)
    parameters = _parameters(decorator, function)
    by_position = [p for p in parameters if p.kind in BY_POSITION]
    _refuse_method(decorator, function, by_position)
    if not _callable_with(arguments, parameters, by_position):
        raise _impossible(decorator, function, arguments)
    if any(p.kind is Parameter.VAR_POSITIONAL for p in parameters):
        return len(arguments.names)
    return min(len(by_position), len(arguments.names))


def _refuse_what_is_no_function(decorator: str, function: object) -> None:
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


def _parameters(decorator: str, function: Callable[..., Any]) -> list[Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError) as error:
        raise MisuseError(
            f"@{decorator}: the parameters of {_name(function)} cannot be read; "
            "wrap it in a `def` of your own."
        ) from error


def _refuse_method(
    decorator: str, function: Callable[..., Any], by_position: list[Parameter]
) -> None:
    if by_position and by_position[0].name in ("self", "cls"):
        raise MisuseError(
            f"@{decorator}: {_name(function)} has the parameter {by_position[0].name}, so it is a "
            "method, and nobody makes its object. Move it out of the class, or register the "
            f"method of an object: `{decorator}(Thing().{_name(function)})`."
        )


def _callable_with(
    arguments: Arguments, every: list[Parameter], by_position: list[Parameter]
) -> bool:
    required = [p for p in by_position if p.default is p.empty]
    keyword_only = [p for p in every if p.kind is p.KEYWORD_ONLY]
    takes_more = any(p.kind is p.VAR_POSITIONAL for p in every)
    return (
        len(required) <= len(arguments.names)
        and (not arguments.all_required or takes_more or len(by_position) >= len(arguments.names))
        and not any(p.default is p.empty or p.name in arguments.names for p in keyword_only)
        and not _in_wrong_places(arguments, by_position)
    )


def _in_wrong_places(arguments: Arguments, by_position: list[Parameter]) -> bool:
    # A function of (language) would be given the user under that name, and work now and then.
    given = zip(by_position, arguments.names, strict=False)
    return any(p.name != name and p.name in arguments.names for p, name in given)


def _impossible(decorator: str, function: Callable[..., Any], arguments: Arguments) -> MisuseError:
    signature = ", ".join(arguments.names)
    allowed = f"({signature})" if arguments.names else "no parameters"
    fewer = " in this order" if len(arguments.names) > 1 else ""
    if fewer and not arguments.all_required:
        fewer += " (the last ones may be left out)"
    return MisuseError(
        f"@{decorator}: {_name(function)}{inspect.signature(function)} cannot be called. "
        f"It is given {allowed}{fewer}: change it to `def {_name(function)}({signature})`."
    )


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)
