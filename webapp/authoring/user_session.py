"""Values that belong to one chat and are stored with it."""

from __future__ import annotations

import json
import math
from typing import Any

from webapp.authoring.context import ChatContext, running_chat
from webapp.authoring.errors import MisuseError
from webapp.authoring.text import clean_text

VALUE_LIMIT = 1_000_000
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
            return _reserved(chat, key)
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


def stored_copy(key: str, value: object) -> Any:
    """Return ``value`` as it will come back from the database.

    Raises
    ------
    MisuseError
        When it would not come back as it went in.
    """
    text = ""
    try:
        problem = json_problem(value, "the value")
        if problem is None:
            text = json.dumps(value)
    except (RecursionError, RuntimeError):
        problem = "the value holds itself, is nested too deeply, or changes at this moment"
    except ValueError:
        problem = "the value holds a number that is too long"
    if len(text) > VALUE_LIMIT:
        problem = f"the value has {len(text):,} characters, and may have {VALUE_LIMIT:,}"
    if problem:
        raise MisuseError(
            f"user_session key {key!r} cannot be stored as JSON: {problem}. Keep text, numbers, "
            "lists and dicts here; make objects such as clients at the top of the app file, and "
            "keep only their name or id in the session."
        )
    return json.loads(text)


def json_problem(value: object, where: str) -> str | None:
    """Say what of ``value`` is not JSON and where it stands; ``None`` when all of it is."""
    match value:
        case None | bool() | int() | str():
            return None
        case float():
            return None if math.isfinite(value) else f"{where} is {value}"
        case list():
            return _first_problem((item, f"item {i} of {where}") for i, item in enumerate(value))
        case dict():
            bad_keys = [k for k in value if not isinstance(k, str)]
            if bad_keys:
                return f"{where} has the key {bad_keys[0]!r}, which is not text"
            return _first_problem((item, f"{k!r} of {where}") for k, item in value.items())
    return f"{where} is a {type(value).__name__}"


def _first_problem(places: Any) -> str | None:
    return next((p for p in (json_problem(item, where) for item, where in places) if p), None)


def _reserved(chat: ChatContext, key: str) -> Any:
    return {"id": chat.chat_id, "user": chat.user, "chat_profile": chat.chat_profile}[key]


user_session = UserSession()
