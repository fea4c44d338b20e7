"""How a decorator of an app file fills its slot."""

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
        When the slot is taken, no app file is being loaded, or the function cannot take what it is
        offered.
    """
    app = app_being_loaded(f"@{decorator}")
    takes = count_accepted(decorator, function, arguments)
    app.register(Callback(decorator, function, takes, app.folder))
    return function
