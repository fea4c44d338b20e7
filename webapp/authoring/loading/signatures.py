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
class Offer:
    """The arguments that a callback is given, in order; it must take the ``whole`` of them, or may
    leave out the last ones."""

    names: tuple[str, ...]
    whole: bool = False


def refuses_brackets(decorator: Decorator) -> Decorator:
    """Let ``decorator`` say how it is written when it is called without a function.

    A default for its parameter would do as well, but type checkers would then allow the brackets.
    """

    @functools.wraps(decorator)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if len(args) + len(kwargs) != 1 or kwargs.keys() - {"callback"}:
            raise _no_function(decorator.__name__, "brackets")
        return decorator(*args, **kwargs)

    return cast("Decorator", checked)


def accepted_count(decorator: str, function: Callable[..., Any], offer: Offer) -> int:
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
    if not _callable_with(offer, parameters, by_position):
        raise _impossible(decorator, function, offer)
    if any(p.kind is Parameter.VAR_POSITIONAL for p in parameters):
        return len(offer.names)
    return min(len(by_position), len(offer.names))


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


def _callable_with(offer: Offer, every: list[Parameter], by_position: list[Parameter]) -> bool:
    required = [p for p in by_position if p.default is p.empty]
    keyword_only = [p for p in every if p.kind is p.KEYWORD_ONLY]
    takes_more = any(p.kind is p.VAR_POSITIONAL for p in every)
    return (
        len(required) <= len(offer.names)
        and (not offer.whole or takes_more or len(by_position) >= len(offer.names))
        and not any(p.default is p.empty or p.name in offer.names for p in keyword_only)
        and not _in_wrong_places(offer, by_position)
    )


def _in_wrong_places(offer: Offer, by_position: list[Parameter]) -> bool:
    # A function of (language) would be given the user under that name, and work now and then.
    given = zip(by_position, offer.names, strict=False)
    return any(p.name != name and p.name in offer.names for p, name in given)


def _impossible(decorator: str, function: Callable[..., Any], offer: Offer) -> MisuseError:
    signature = ", ".join(offer.names)
    allowed = f"({signature})" if offer.names else "no parameters"
    fewer = " in this order" if len(offer.names) > 1 else ""
    if fewer and not offer.whole:
        fewer += " (the last ones may be left out)"
    return MisuseError(
        f"@{decorator}: {_name(function)}{inspect.signature(function)} cannot be called. "
        f"It is given {allowed}{fewer}: change it to `def {_name(function)}({signature})`."
    )


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)
