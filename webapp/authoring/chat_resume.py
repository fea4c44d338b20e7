"""What an app is told of a chat that goes on after it was over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar

from webapp.authoring.errors import MisuseError
from webapp.authoring.loading.registration import register
from webapp.authoring.loading.signatures import Arguments, refuse_brackets

# What dictionaries of threads hold elsewhere, and where it is here.
_ELSEWHERE = {
    "steps": "its messages are in chat.messages",
    "elements": "a message carries no files; its messages are in chat.messages",
    "metadata": "the values of its user_session are in chat.user_session",
    "name": "its title is chat.title",
    "createdAt": "each of chat.messages has created_at",
    "userId": 'who is logged in is user_session.get("user")',
    "userIdentifier": 'who is logged in is user_session.get("user").identifier',
    "tags": "a chat has no tags; the chosen profile is chat.profile",
}


class NoSuchKeyError(MisuseError, KeyError):
    """A chat or a message was asked for something that it does not have."""

    def __str__(self) -> str:
        # KeyError would put the sentence into quotes.
        return str(self.args[0])


@dataclass(frozen=True, kw_only=True)
class ResumedMessage:
    """A message of a chat that is resumed.

    Parameters
    ----------
    id:
        The id under which the chat knows it, a UUID.
    role:
        ``"user"`` or ``"assistant"``.
    author:
        Who said it, if the app gave a name.
    content:
        Its text.
    profile:
        The name of the chat profile it was said under, or ``None``.
    created_at:
        When it was said, in UTC.

    Example
    -------
    >>> from datetime import UTC, datetime
    >>> hello = ResumedMessage(
    ...     id="1",
    ...     role="user",
    ...     author=None,
    ...     content="Hello",
    ...     profile=None,
    ...     created_at=datetime(2026, 1, 1, tzinfo=UTC),
    ... )
    >>> hello.content, hello["content"]
    ('Hello', 'Hello')
    """

    id: str
    role: Literal["user", "assistant"]
    author: str | None
    content: str
    profile: str | None
    created_at: datetime

    def __getitem__(self, key: str) -> Any:
        """Return what the attribute of that name holds."""
        return _item(self, "message", key)


@dataclass(frozen=True)
class ResumedChat:
    """A chat that is resumed, as it was when it was left.

    Its values can be read as attributes, ``chat.id``, and as items, ``chat["id"]``.

    Parameters
    ----------
    id:
        The id of the chat, a UUID.
    title:
        What it is called, if it has a title.
    profile:
        The name of its chat profile, or ``None``.
    messages:
        What was said, oldest first: the newest 1,000 messages, without errors, answers that were
        tried again or replaced, and empty ones.
    user_session:
        The chat's own values as they were stored: a copy; `user_session.set` changes them.

    Raises
    ------
    MisuseError
        Which is also a `KeyError`: for an item that it does not have, with what to use instead.

    Example
    -------
    >>> chat = ResumedChat("1", "A trip", None, [], {"city": "Rome"})
    >>> chat["user_session"]["city"]
    'Rome'
    """

    id: str
    title: str | None
    profile: str | None
    messages: list[ResumedMessage]
    user_session: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Any:
        """Return what the attribute of that name holds."""
        return _item(self, "chat", key)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            """Say what there is instead of a name that is known from elsewhere."""
            raise AttributeError(_no_such(self, "chat", name, f"chat.{name}"))


ResumeCallback = TypeVar(
    "ResumeCallback",
    bound=Callable[[], Any]
    | Callable[[ResumedChat], Any]
    | Callable[[], Awaitable[Any]]
    | Callable[[ResumedChat], Awaitable[Any]],
)


@refuse_brackets
def on_chat_resume(callback: ResumeCallback) -> ResumeCallback:
    """Register the function that runs when a user comes back to a chat that was over.

    A chat is over when its user has started another one in the same browser or logged out, or when
    nothing was said in it for ``WEBAPP_CHAT_IDLE_MINUTES``. Opening it again resumes it, once;
    where there is no JavaScript the next message does, before ``@on_message`` is called for it.

    Parameters
    ----------
    callback:
        A function of no parameter or of the `ResumedChat`, ``def`` or ``async def``. It runs with
        the chat's `user_session`, and what it sends stands at the end of the chat.

    Returns
    -------
    The same function.

    Raises
    ------
    MisuseError
        When it is used twice, outside an app file, or on something that cannot be called so.

    Example
    -------
    ::

        @cl.on_chat_resume
        async def resume(chat: cl.ResumedChat):
            cl.user_session.set("notes", [message.content for message in chat.messages])

    The documentation page this follows is "on_chat_resume" of the Chainlit guide.
    """
    return register("on_chat_resume", callback, Arguments(("chat",)))


def _item(thing: ResumedChat | ResumedMessage, called: str, key: str) -> Any:
    if key in (one.name for one in fields(thing)):
        return getattr(thing, key)
    raise NoSuchKeyError(_no_such(thing, called, key, f"{called}[{key!r}]"))


def _no_such(thing: ResumedChat | ResumedMessage, called: str, key: str, written: str) -> str:
    known = ", ".join(f"{called}.{one.name}" for one in fields(thing))
    hint = _ELSEWHERE.get(key, "see docs/authoring.md")
    return f"{written} does not exist; there is {known}: {hint}."
