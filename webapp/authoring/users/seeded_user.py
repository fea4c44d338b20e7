"""`seeded_user`: a ready password callback for the accounts of ``chat-profiles users``."""

from __future__ import annotations

from webapp.authoring.awaitable_object import is_on_loop
from webapp.authoring.context import running_password_check
from webapp.authoring.errors import MisuseError
from webapp.authoring.users.user import User


def seeded_user(username: str, password: str) -> User | None:
    """Return the seeded account with this name and password, or ``None``.

    Parameters
    ----------
    username:
        As the user typed it. Case and width do not matter.
    password:
        As the user typed it, at most 1,024 bytes.

    Raises
    ------
    MisuseError
        It was called outside ``@password_auth_callback``, or directly in an ``async def``.

    Example
    -------
    ::

        cl.password_auth_callback(cl.seeded_user)

    You make accounts with ``chat-profiles users add NAME``.
    """
    if is_on_loop():
        raise MisuseError(
            "seeded_user takes a moment to hash, which would hold up every chat of this process. "
            "Make the callback a plain `def`, or write "
            "`await asyncio.to_thread(chat_profiles.seeded_user, username, password)`."
        )
    return running_password_check()(username, password)
