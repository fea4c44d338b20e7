"""Asking the author's callback who a username and a password belong to."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.accounts.details import validate_metadata
from webapp.accounts.seeded_accounts import CheckedAccount, check_password
from webapp.authoring.context import Running
from webapp.authoring.errors import describe_error
from webapp.authoring.loading.app_file import Callback
from webapp.authoring.users.user import PersistedUser, User
from webapp.engine.call import call
from webapp.site import chat_app, settings, this_app


@dataclass
class Verdict:
    """The app's answer: a user, or ``None`` for a refusal, and the seeded accounts it relied on."""

    user: User | None
    accounts: list[CheckedAccount]


def ask_the_app(username: str, password: str) -> Verdict:
    """Return the app's verdict on a username and a password.

    Raises
    ------
    CallbackError
        The callback raised, was too slow, or returned something else. That decides nothing, so it
        is never a wrong password.
    """
    callback = chat_app().callbacks["password_auth_callback"]
    app = this_app()
    accounts: list[CheckedAccount] = []

    # The callback runs in another thread, without this request's context and session.
    def check(username: str, password: str) -> User | None:
        with app.app_context():
            found = check_password(username, password)
        if found is None:
            return None
        accounts.append(found)
        return found.user

    answer = call(
        callback,
        (username, password),
        Running(check_password=check),
        settings().callback_seconds,
    )
    return Verdict(None if answer is None else user_from_answer(callback, answer), accounts)


def user_from_answer(callback: Callback, answer: object) -> User:
    """Return the user whom a callback lets in.

    Raises
    ------
    CallbackError
        It is none, or one that cannot be stored.
    """
    # A new User, because the author's code may have changed this one, or use a class of its own.
    if not isinstance(answer, User):
        name = type(answer).__name__
        raise callback.wrong_answer(
            f"returned {name}; return a chat_profiles.User to let somebody in, or None"
        )
    try:
        metadata = validate_metadata(answer.metadata)
        kind = PersistedUser if isinstance(answer, PersistedUser) else User
        return kind.from_dict({**vars(answer), "metadata": metadata})
    except Exception as error:
        problem = f"returned a User that cannot be stored: {describe_error(error)}"
        raise callback.wrong_answer(problem) from error
