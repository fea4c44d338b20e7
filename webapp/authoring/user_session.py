"""`user_session`: values that belong to one chat and are stored with it."""

from __future__ import annotations

from typing import Any

from webapp.authoring.context import running_chat
from webapp.authoring.errors import MisuseError
from webapp.authoring.json_values import stored_copy
from webapp.authoring.text import clean_text

RESERVED = ("id", "user", "chat_profile")


class UserSession:
    """The values of the running chat, stored with it as JSON.

    You can read the reserved keys but not set them: ``id`` (of the chat), ``user`` (a `User`, or
    ``None``) and ``chat_profile`` (the name of the chosen profile, or ``None``).

    Example
    -------
    ::

        @cl.on_chat_start
        async def start():
            profile = cl.user_session.get("chat_profile")
            cl.user_session.set("greeted", True)
    """

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of ``key``, or ``default``.

        Raises
        ------
        MisuseError
            The call is not in a callback that runs in a chat.
        """
        chat = running_chat("user_session.get()")
        if key in RESERVED:
            return {"id": chat.chat_id, "user": chat.user, "chat_profile": chat.chat_profile}[key]
        return chat.values.get(clean_text(str(key)), default)

    def set(self, key: str, value: Any) -> None:
        """Keep ``value`` under ``key`` for the rest of this chat.

        Parameters
        ----------
        key:
            Text, but not one of the reserved keys.
        value:
            JSON: None, bool, int, float, text, and lists and dicts (with text keys) of these; at
            most 1,000,000 characters of it.

        Raises
        ------
        MisuseError
            The key is reserved, the value is not JSON, or the call is not in a callback that runs
            in a chat.
        """
        chat = running_chat("user_session.set()")
        if not isinstance(key, str):
            raise MisuseError(f"user_session keys are text, not {type(key).__name__}.")
        if key in RESERVED:
            raise MisuseError(
                f"user_session key {key!r} is reserved: it is set for you. Choose another name."
            )
        stored_copy(key, value)
        # Cleaned as the database will store it, or only this call would find it.
        chat.values.set(clean_text(key), value)


user_session = UserSession()
