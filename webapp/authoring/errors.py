"""Errors about an app file, with a message that tells its author what to change."""

from __future__ import annotations

import functools
import inspect
import traceback
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

Class = TypeVar("Class", bound=type)


class AuthoringError(Exception):
    """The author's code must change; the message says how."""


class MisuseError(AuthoringError):
    """A decorator or function of ``webapp`` was used in a way that cannot work."""


class StoppedError(MisuseError):
    """A message was sent after the user had pressed Stop. A callback need not catch it."""


class AppFileError(AuthoringError):
    """The app file could not be loaded.

    Parameters
    ----------
    place:
        The file, or ``file:line`` where it is known.
    problem:
        One line that says what is wrong and, where possible, what to change.
    details:
        A line for each of several places.
    """

    def __init__(self, place: str, problem: str, *details: str) -> None:
        self.lines = (f"{place}: {problem}", *details)
        super().__init__("\n".join(self.lines))
        self.place = place
        self.problem = problem


class ToolServerError(Exception):
    """A server of tools cannot be used. The message says which one and why."""


class CallbackError(AuthoringError):
    """A callback raised an error, or returned something wrong. Its cause is chained.

    Parameters
    ----------
    callback:
        The name of the decorator it was registered with.
    problem:
        One line that says what is wrong.
    place:
        Where in the author's files, such as ``app.py:3, in profiles``; empty if it is unknown.

    Attributes
    ----------
    secrets:
        What the callback knew and no log may have, such as the keys of its user.
    """

    secrets: tuple[str, ...] = ()

    def __init__(self, callback: str, problem: str, place: str = "") -> None:
        super().__init__(f"{callback}: {problem}{f' ({place})' if place else ''}")
        self.callback = callback
        self.problem = problem
        self.place = place


class CallbackTimeoutError(CallbackError):
    """A callback took longer than its time limit.

    Parameters
    ----------
    callback:
        The name of the decorator it was registered with.
    seconds:
        The limit that passed, in seconds.
    """

    def __init__(self, callback: str, seconds: float) -> None:
        super().__init__(callback, f"took longer than {seconds:g} seconds")
        self.seconds = seconds


def describe_error(error: Exception) -> str:
    """Return an error in one line, as Python prints it."""
    # Not str(error): that runs the author's code, which may fail as well.
    return " ".join("".join(traceback.format_exception_only(error)).split())


def explain_unknown_argument(
    owner: str, unknown: str, accepted: list[str], instead: str = ""
) -> str:
    """Return what is wrong with an argument that a class or function does not take.

    Parameters
    ----------
    instead:
        What to do instead, if that is known.
    """
    similar = get_close_matches(unknown, accepted, 1)
    advice = f"did you mean {similar[0]}?" if similar else "leave it out."
    advice = f"{instead}." if instead else advice
    names = " and ".join(each for each in (", ".join(accepted[:-1]), *accepted[-1:]) if each)
    return f"{owner} does not take {unknown}: {advice} It takes {names or 'nothing'}."


def refuse_unknown_arguments(owner: Class) -> Class:
    """Let ``owner`` refuse an argument that it does not take, and name those that it takes.

    Python's own message names only the first unknown argument, and none that would be right. What
    to use instead of an argument that Chainlit has, or had, stands in ``owner._instead``.
    """
    # By `vars`, since a type checker takes `owner.__init__` for the one of some instance.
    original: Callable[..., None] = vars(owner)["__init__"]
    accepted = list(inspect.signature(original).parameters)[1:]
    instead: Mapping[str, str] = vars(owner).get("_instead", {})

    @functools.wraps(original)
    def init(self: object, *args: Any, **kwargs: Any) -> None:
        unknown = next((name for name in kwargs if name not in accepted), None)
        if unknown is not None:
            raise MisuseError(
                explain_unknown_argument(
                    owner.__name__, unknown, accepted, instead.get(unknown, "")
                )
            )
        original(self, *args, **kwargs)

    type.__setattr__(owner, "__init__", init)
    return owner
