"""Keyword arguments that a class of ``webapp`` does not take, told by name."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, TypeVar

from webapp.authoring.errors import MisuseError

Class = TypeVar("Class", bound=type)


def refuses_unknown_arguments(owner: Class) -> Class:
    """Let ``owner`` name the argument it does not take, and those it takes.

    Python's own message names the first one only, and says nothing of what would be right.
    """
    # By `vars`, since a type checker takes `owner.__init__` for the one of some instance.
    original: Callable[..., None] = vars(owner)["__init__"]
    accepted = list(inspect.signature(original).parameters)[1:]

    @functools.wraps(original)
    def checked(self: object, *args: Any, **kwargs: Any) -> None:
        unknown = [name for name in kwargs if name not in accepted]
        if unknown:
            raise MisuseError(_refusal(owner.__name__, unknown[0], accepted))
        original(self, *args, **kwargs)

    type.__setattr__(owner, "__init__", checked)
    return owner


def _refusal(owner: str, unknown: str, accepted: list[str]) -> str:
    similar = get_close_matches(unknown, accepted, 1)
    advice = f"did you mean {similar[0]}?" if similar else "leave it out."
    return f"{owner} does not take {unknown}: {advice} It takes {listed(accepted)}."


def listed(names: list[str]) -> str:
    """Return names as a sentence lists them: ``a, b and c``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
