"""`user_session`: values that belong to one chat."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from webapp.authoring.context import running_chat
from webapp.authoring.errors import MisuseError
from webapp.authoring.inputs.chat_settings import values_now
from webapp.authoring.json_values import stored_copy
from webapp.authoring.text import clean_text

T = TypeVar("T")
# What Chainlit calls a browser.
CLIENT_TYPE = "webapp"
RESERVED = ("id", "user", "chat_profile", "chat_settings", "env", "client_type")

_UNSET: Any = object()

logger = logging.getLogger("webapp")


class UserSession:
    """The values of the running chat.

    What JSON can hold is stored with the chat. Anything else, such as an agent or a client, lives
    in the memory of the process that made it. Where that process is another one, or is over, the
    function of `on_chat_resume` runs first to make it again.

    You can read the reserved keys but not set them: ``id`` (of the chat), ``user`` (a `User`, or
    ``None``), ``chat_profile`` (the name of the chosen profile, or ``None``), ``chat_settings``
    (a dict of what is set in `ChatSettings`, or ``{}``), ``env`` (the keys that the user has
    entered, by name) and ``client_type`` (``"webapp"``).

    Example
    -------
    ::

        @cl.on_chat_start
        async def start():
            profile = cl.user_session.get("chat_profile")
            cl.user_session.set("agent", Agent(profile))
    """

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of ``key``, or ``default``.

        Raises
        ------
        MisuseError
            The call is not in a callback that runs in a chat, or the value is an object that this
            process has not got.
        """
        chat = running_chat("user_session.get()")
        if key in RESERVED:
            return {
                "id": chat.chat_id,
                "user": chat.user,
                "chat_profile": chat.chat_profile,
                "chat_settings": values_now(chat),
                "env": dict(chat.keys),
                "client_type": CLIENT_TYPE,
            }[key]
        return chat.values.get(clean_text(str(key)), default)

    def set(self, key: str, value: Any) -> None:
        """Keep ``value`` under ``key`` for the rest of this chat. A reserved key stays as it is.

        Parameters
        ----------
        key:
            Text.
        value:
            Anything. JSON, with tuples as lists and keys as text, is stored; it has at most
            1,000,000 characters. An object lives in this process.

        Raises
        ------
        MisuseError
            The value has too many characters, or the call is not in a callback that runs in a chat.
        """
        chat = running_chat("user_session.set()")
        if not isinstance(key, str):
            raise MisuseError(f"user_session keys are text, not {type(key).__name__}.")
        if key in RESERVED:
            fields = {"key": key, "advice": "This key is set for you. Choose another name."}
            logger.warning("session.reserved_key", extra={"fields": fields})
            return
        stored_copy(key, value)
        # Cleaned as the database will store it, or only this call would find it.
        chat.values.set(clean_text(key), value)

    if not TYPE_CHECKING:  # or a type checker would accept them

        def __getitem__(self, key: object) -> NoReturn:
            """Explain how to read a value."""
            raise MisuseError(f"user_session has no items: write user_session.get({key!r:.80}).")

        __contains__ = __getitem__

        def __setitem__(self, key: object, value: object) -> None:
            """Explain how to set a value."""
            raise MisuseError(
                f"user_session has no items: write user_session.set({key!r:.80}, ...)."
            )

    def create_accessor(
        self, key: str, default: T, *, apply_fn: Callable[[T], T] | None = None
    ) -> SessionAccessor[T]:
        """Return an object that reads and sets one key, and that a type checker understands.

        Parameters
        ----------
        default:
            What `SessionAccessor.get` returns as long as nothing was set.
        apply_fn:
            Makes the next value from the present one, for `SessionAccessor.apply`.

        Example
        -------
        ::

            counter = cl.user_session.create_accessor("counter", 0, apply_fn=lambda n: n + 1)

            @cl.on_message
            async def answer():
                await cl.Message(f"This is message {counter.apply()}.").send()
        """
        return SessionAccessor(key, default, apply_fn=apply_fn)


class SessionAccessor(Generic[T]):
    """One key of `user_session`, made by `UserSession.create_accessor`."""

    def __init__(self, key: str, default: T, *, apply_fn: Callable[[T], T] | None = None) -> None:
        self._key = key
        self._default = default
        self._apply_fn = apply_fn

    def get(self) -> T:
        """Return the value, or the default."""
        found: T = user_session.get(self._key, _UNSET)
        return self._fresh_default() if found is _UNSET else found

    def set(self, value: T) -> None:
        """Set the value."""
        user_session.set(self._key, value)

    def reset(self) -> None:
        """Set the value to the default."""
        self.set(self._fresh_default())

    def apply(self) -> T:
        """Set the value to what ``apply_fn`` makes of it, and return it."""
        value = self.get()
        if self._apply_fn is not None:
            value = self._apply_fn(value)
        self.set(value)
        return value

    def _fresh_default(self) -> T:
        # All chats have this default. What one of them changes in place must not be in the others.
        is_container = isinstance(self._default, list | dict | set)
        return copy.deepcopy(self._default) if is_container else self._default


user_session = UserSession()
