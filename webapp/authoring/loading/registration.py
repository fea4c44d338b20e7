"""How a decorator of an app file fills its slot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from webapp.authoring.loading.app_file import Callback, app_being_loaded
from webapp.authoring.loading.signatures import Offer, accepted_count

Function = TypeVar("Function", bound=Callable[..., Any])


def register(decorator: str, function: Function, offer: Offer) -> Function:
    """Register a function in the app file that is being loaded, and return it unchanged.

    Raises
    ------
    MisuseError
        When the slot is taken, no app file is being loaded, or the function cannot take what it is
        offered.
    """
    app = app_being_loaded(f"@{decorator}")
    takes = accepted_count(decorator, function, offer)
    app.register(Callback(decorator, function, takes, app.folder))
    return function
