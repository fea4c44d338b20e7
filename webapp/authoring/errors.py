"""Errors about an app file, with a message that tells its author what to change."""

from __future__ import annotations

import functools
import inspect
import traceback
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

Class = TypeVar("Class", bound=type)

# What people write for an argument that has another name here. The first that is accepted counts.
_MEANT: dict[str, tuple[str, ...]] = {
    "body": ("content",),
    "buttons": ("actions",),
    "caption": ("label", "name"),
    "choices": ("values", "options"),
    "default": ("initial", "initial_value"),
    "file": ("path",),
    "filename": ("path",),
    "files": ("elements",),
    "images": ("elements",),
    "kind": ("type",),
    "max_size": ("max_megabytes", "max_size_mb"),
    "max_size_mb": ("max_megabytes",),
    "message": ("content",),
    "options": ("values",),
    "prompt": ("message",),
    "src": ("path",),
    "text": ("content", "message", "label"),
    "title": ("label", "name"),
    "value": ("content", "initial", "payload"),
}


class AuthoringError(Exception):
    """The author's code must change; the message says how."""


class MisuseError(AuthoringError):
    """A decorator or function of ``chat_profiles`` was used in a way that cannot work."""


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
    line = " ".join("".join(traceback.format_exception_only(error)).split())
    # Where an error of ours is defined tells an author nothing.
    return line.removeprefix(f"{__name__}.") if isinstance(error, AuthoringError) else line


def explain_unknown_argument(
    owner: str, unknown: str, accepted: list[str], instead: str = ""
) -> str:
    """Return what is wrong with an argument that a class or function does not take.

    Parameters
    ----------
    instead:
        What to do instead, if that is known.
    """
    meant = [name for name in _MEANT.get(unknown, ()) if name in accepted]
    similar = meant or get_close_matches(unknown, accepted, 1)
    advice = f"did you mean {similar[0]}?" if similar else "leave it out."
    advice = f"{instead}." if instead else advice
    return f"{owner} does not take {unknown}: {advice} It takes {_in_words(accepted)}."


def _explain_call(owner: str, signature: inspect.Signature, given: int, names: set[str]) -> str:
    """Return what is wrong with a call that Python has refused."""
    takes = list(signature.parameters.values())[1:]
    by_place = [each.name for each in takes if each.kind is not each.KEYWORD_ONLY]
    needed = [each.name for each in takes if each.default is each.empty]
    accepted = f"It takes {_in_words([each.name for each in takes])}."
    if given > len(by_place):
        most = f"at most {len(by_place)} arguments without" if by_place else "no argument without"
        example = next((each.name for each in takes if each.name not in by_place), "")
        advice = f": write {owner}({example}=...)" if example else ""
        return f"{owner} takes {most} a name{advice}. {accepted}"
    twice = [name for name in by_place[:given] if name in names]
    if twice:
        return f"{owner} is given {twice[0]} twice, by its place and by its name. Keep one of them."
    missing = [name for name in needed if name not in {*by_place[:given], *names}]
    return f"{owner} needs {_in_words(missing)}. {accepted}"


def _in_words(names: list[str]) -> str:
    return " and ".join(each for each in (", ".join(names[:-1]), *names[-1:]) if each) or "nothing"


def refuse_unknown_arguments(owner: Class) -> Class:
    """Let ``owner`` refuse a call that does not fit it, and name what it takes.

    Python's own message names only the first unknown argument, and none that would be right. What
    to use instead of an argument that Chainlit has, or had, stands in ``owner._instead``. Those of
    Chainlit that change nothing here stand in ``owner._ignored``.
    """
    # By `vars`, since a type checker takes `owner.__init__` for the one of some instance.
    original: Callable[..., None] = vars(owner)["__init__"]
    signature = inspect.signature(original)
    accepted = list(signature.parameters)[1:]
    instead: Mapping[str, str] = vars(owner).get("_instead", {})
    ignored = frozenset(getattr(owner, "_ignored", ())).difference(accepted)

    @functools.wraps(original)
    def init(self: object, *args: Any, **kwargs: Any) -> None:
        if not ignored.isdisjoint(kwargs):
            kwargs = {name: value for name, value in kwargs.items() if name not in ignored}
        unknown = next((name for name in kwargs if name not in accepted), None)
        if unknown is not None:
            raise MisuseError(
                explain_unknown_argument(
                    type(self).__name__, unknown, accepted, instead.get(unknown, "")
                )
            )
        try:
            original(self, *args, **kwargs)
        except TypeError as error:
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise  # in the function itself
            text = _explain_call(type(self).__name__, signature, len(args), {*kwargs})
            raise MisuseError(text) from None

    type.__setattr__(owner, "__init__", init)
    return owner
