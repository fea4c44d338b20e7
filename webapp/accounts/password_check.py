"""Asking the author's callback who somebody is."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask

from webapp.accounts.details import validate_metadata
from webapp.accounts.seeded_accounts import CheckedAccount, check_password
from webapp.authoring.context import CheckPassword, Running
from webapp.authoring.errors import describe_error
from webapp.authoring.loading.app_file import Callback
from webapp.authoring.types import User
from webapp.engine.call import call
from webapp.site import chat_app, settings, this_app


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
    callback = chat_app().callbacks["password_auth_callback"]
    app = this_app()
    accounts: list[CheckedAccount] = []
    answer = call(
        callback,
        (username, password),
        Running(check_password=_check_in(app, accounts)),
        settings().callback_seconds,
    )
    return Verdict(None if answer is None else _as_stored(callback, answer), accounts)


def _as_stored(callback: Callback, answer: object) -> User:
    """Return the user as the session will give it back: checked again, and nothing but a `User`.

    It may have been changed since it was made, or be of a class of the author's own.
    """
    if not isinstance(answer, User):
        name = type(answer).__name__
        raise callback.wrong_answer(
            f"returned {name}; return a webapp.User to let somebody in, or None"
        )
    try:
        metadata = validate_metadata(answer.metadata)
        return User(answer.identifier, answer.display_name, metadata)
    except Exception as error:
        problem = f"returned a User that cannot be stored: {describe_error(error)}"
        raise callback.wrong_answer(problem) from error


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
