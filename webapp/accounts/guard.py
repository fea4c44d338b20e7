"""Pages that need somebody logged in, in apps where login is on."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask_login import login_required

from webapp.site import chat_app

P = ParamSpec("P")
R = TypeVar("R")


def login_needed(view: Callable[P, R]) -> Callable[P, R]:
    """Send visitors to the login page first; in an app without login, let them in."""
    guarded = login_required(view)

    @wraps(view)
    def answer_user(*args: P.args, **kwargs: P.kwargs) -> R:
        login_on = chat_app().login_on
        answer: R = (guarded if login_on else view)(*args, **kwargs)
        return answer

    return answer_user
