"""Asking the author's callback who somebody is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from webapp.accounts.seeded import CheckedAccount, check_password
from webapp.authoring.app_file import ChatApp
from webapp.authoring.context import CheckPassword, Running
from webapp.authoring.errors import CallbackError
from webapp.authoring.types import User
from webapp.authoring.user_session import json_problem
from webapp.engine.call import call


@dataclass
class Verdict:
    """Who the app says this is (``None``: it refuses), and the seeded accounts it relied on."""

    user: User | None
    accounts: list[CheckedAccount]


def ask_the_app(username: str, password: str) -> Verdict:
    """Return what the app says about a name and a password.

    Raises
    ------
    CallbackError
        When the callback raises, is too slow, or returns something else: that is a failure to
        decide and never a wrong password.
    """
    chat_app: ChatApp = current_app.extensions["chat_app"]
    callback = chat_app.callbacks["password_auth_callback"]
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    accounts: list[CheckedAccount] = []
    answer = call(
        callback,
        (username, password),
        Running(check_password=_check_in(app, accounts)),
        app.extensions["settings"].callback_seconds,
    )
    problem = _problem(answer)
    if problem:
        raise CallbackError("@password_auth_callback", problem)
    return Verdict(cast("User | None", answer), accounts)


def _problem(answer: object) -> str | None:
    if answer is None:
        return None
    if not isinstance(answer, User):
        name = type(answer).__name__
        return f"returned {name}; return a webapp.User to let somebody in, or None"
    return json_problem(answer.metadata, "the metadata of the User")


def _check_in(app: Flask, accounts: list[CheckedAccount]) -> CheckPassword:
    # The callback runs in another thread, without this request's context and session.
    def check(username: str, password: str) -> User | None:
        with app.app_context():
            found = check_password(username, password)
        if found is None:
            return None
        accounts.append(found)
        return found.user

    return check
