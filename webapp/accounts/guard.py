"""The guard of views that need a user who is signed in, and the blueprint of accounts."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Blueprint
from flask_login import login_required

from webapp.site import chat_app

P = ParamSpec("P")
R = TypeVar("R")

# Two modules of views about accounts share it, and no view imports another.
blueprint = Blueprint("accounts", __name__)


def login_needed(view: Callable[P, R]) -> Callable[P, R]:
    """Send visitors to the sign-in page first. An app without one lets everybody in."""
    guarded = login_required(view)

    @wraps(view)
    def open_view(*args: P.args, **kwargs: P.kwargs) -> R:
        login_on = chat_app().login_on
        answer: R = (guarded if login_on else view)(*args, **kwargs)
        return answer

    return open_view
