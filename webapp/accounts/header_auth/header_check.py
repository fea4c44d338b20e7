"""Asking the author's callback whom the headers of a request belong to."""

from __future__ import annotations

from webapp.accounts.header_auth.request_headers import RequestHeaders
from webapp.accounts.password_check import Verdict, user_from_answer
from webapp.accounts.seeded_accounts import DisabledAccountError, find_account
from webapp.authoring.context import Running
from webapp.database.engines import release_connection
from webapp.engine.call import call
from webapp.site import chat_app, settings


def ask_about_headers(headers: RequestHeaders) -> Verdict:
    """Return the app's verdict on the headers of a request that came through a trusted proxy.

    A user whose account an administrator has disabled is refused, whatever the app says.

    Raises
    ------
    CallbackError
        The callback raised, was too slow, or returned something else. That is never a refusal.
    """
    callback = chat_app().callbacks["header_auth_callback"]
    release_connection()
    answer = call(callback, (headers,), Running(), settings().callback_seconds)
    if answer is None:
        return Verdict(None, [])
    user = user_from_answer(callback, answer)
    try:
        account = find_account(user)
    except DisabledAccountError:
        return Verdict(None, [])
    return Verdict(user, [account] if account else [])
