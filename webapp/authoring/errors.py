"""What can go wrong in an app file, said so that its author can fix it."""

from __future__ import annotations


class AuthoringError(Exception):
    """Something in the author's code must change; the message says what."""


class MisuseError(AuthoringError):
    """A decorator or function of ``webapp`` was used in a way that cannot work."""


class StoppedError(MisuseError):
    """Something was sent after the user had pressed Stop; a callback may let it pass."""


class AppFileError(AuthoringError):
    """The app file could not be loaded.

    Parameters
    ----------
    place:
        The file, or ``file:line`` where it is known.
    problem:
        One line that says what is wrong and, where possible, what to change.
    """

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place = place
        self.problem = problem


class CallbackError(AuthoringError):
    """A callback raised, or gave back something it may not; the cause is chained.

    Parameters
    ----------
    callback:
        The name of the decorator it was registered with.
    problem:
        One line that says what is wrong.
    place:
        Where in the author's files, such as ``app.py:3, in profiles``; empty if it is unknown.
    """

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
