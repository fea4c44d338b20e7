"""Values that belong to one chat and are stored with it."""

from __future__ import annotations

from typing import Any

from webapp.authoring.context import running_chat
from webapp.authoring.errors import MisuseError
from webapp.authoring.json_values import stored_copy
from webapp.authoring.text import clean_text

RESERVED = ("id", "user", "chat_profile")


class UserSession:
    """The running chat's values: one set per chat, stored with it as JSON.

    Reserved keys, which can be read but not set: ``id`` (of the chat), ``user`` (a `User`, or
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
            Outside a callback that runs in a chat.
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
            Text, and none of the reserved keys.
        value:
            JSON: None, bool, int, float, text, and lists and dicts (with text keys) of these; at
            most 1,000,000 characters of it.

        Raises
        ------
        MisuseError
            For a reserved key, a value that is not JSON, or outside a chat.
        """
        chat = running_chat("user_session.set()")
        if not isinstance(key, str):
            raise MisuseError(f"user_session keys are text, not {type(key).__name__}.")
        if key in RESERVED:
            raise MisuseError(
                f"user_session key {key!r} is reserved: it is set for you. Choose another name."
            )
        stored_copy(key, value)
        # As it will be stored, or it would be found in this call and not in the next.
        chat.values.set(clean_text(key), value)


user_session = UserSession()
