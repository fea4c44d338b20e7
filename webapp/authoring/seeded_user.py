"""The ready password callback, for accounts that an admin seeded."""

from __future__ import annotations

import asyncio

from webapp.authoring.context import running_password_check
from webapp.authoring.errors import MisuseError
from webapp.authoring.types import User


def seeded_user(username: str, password: str) -> User | None:
    """Return the seeded account with this name and password, or ``None``.

    Parameters
    ----------
    username:
        As it was typed; case and width do not matter.
    password:
        As it was typed, at most 1,024 bytes.

    Raises
    ------
    MisuseError
        Outside ``@password_auth_callback``, or called directly in an ``async def``.

    Example
    -------
    ::

        cl.password_auth_callback(cl.seeded_user)

    Accounts are made with ``chat-profiles users add NAME``.
    """
    if _in_a_coroutine():
        raise MisuseError(
            "seeded_user takes a moment to hash, which would hold up every chat of this process. "
            "Make the callback a plain `def`, or write "
            "`await asyncio.to_thread(webapp.seeded_user, username, password)`."
        )
    return running_password_check()(username, password)


def _in_a_coroutine() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
