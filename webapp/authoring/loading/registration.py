"""Registration: what every decorator of an app file does.

A decorator raises `MisuseError` when it is used twice, used outside an app file that is being
loaded, or put on something that it cannot call. The message says what to change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from webapp.authoring.loading.app_file import Callback, app_being_loaded
from webapp.authoring.loading.signatures import Arguments, count_accepted

Function = TypeVar("Function", bound=Callable[..., Any])


def register(decorator: str, function: Function, arguments: Arguments) -> Function:
    """Register a function in the app file that is being loaded, and return it unchanged.

    Raises
    ------
    MisuseError
        The decorator was used before, no app file is being loaded, or the function cannot be called
        with the arguments.
    """
    app = app_being_loaded(f"@{decorator}")
    takes = count_accepted(decorator, function, arguments)
    app.register(Callback(decorator, function, takes, app.folder))
    return function
