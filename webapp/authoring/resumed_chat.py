"""`on_chat_resume`: a chat that its user resumes after it has ended."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar

from webapp.authoring.elements.element import Element
from webapp.authoring.errors import MisuseError
from webapp.authoring.loading.registration import register
from webapp.authoring.loading.signatures import Arguments, refuse_brackets
from webapp.authoring.users.user import User

# What Chainlit's dictionary of a thread has.
THREAD_KEYS = (
    *("id", "createdAt", "name", "userId", "userIdentifier"),
    *("tags", "metadata", "steps", "elements"),
)


class NoSuchKeyError(MisuseError, KeyError):
    """A chat or a message does not have the item."""

    def __str__(self) -> str:
        # KeyError would quote the sentence.
        return str(self.args[0])


@dataclass(frozen=True, kw_only=True)
class ResumedMessage:
    """A message of a chat that is resumed.

    Parameters
    ----------
    id:
        The id of the message, a UUID.
    role:
        ``"user"`` or ``"assistant"``.
    author:
        The author, if the app gave one.
    content:
        Its text.
    profile:
        The name of the chat profile at that time, or ``None``.
    created_at:
        When it was sent, in UTC.
    elements:
        What it shows, and what the user has attached to it. Each has ``id``, ``name``, ``kind``,
        ``display``, ``mime`` and ``size``, and no ``path``.
    command, modes:
        What the user chose beside the composer for it.

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
    elements: Sequence[Element] = ()
    command: str | None = None
    modes: Mapping[str, str] | None = None

    def __getitem__(self, key: str) -> Any:
        """Return the attribute of that name."""
        return _item(self, "message", key)


@dataclass(frozen=True)
class ResumedChat(Mapping[str, Any]):
    """A chat that is resumed, as its user left it.

    You can read its values as attributes, ``chat.id``, and as items, ``chat["id"]``. It is also
    what Chainlit calls a ``ThreadDict``: a mapping with ``id``, ``name``, ``createdAt``,
    ``userId``, ``userIdentifier``, ``tags``, ``metadata``, ``steps`` and ``elements``.

    Parameters
    ----------
    id:
        The id of the chat, a UUID.
    title:
        Its title, or ``None``.
    profile:
        The name of its chat profile, or ``None``.
    messages:
        The newest 1,000 messages, oldest first. It leaves out errors, answers that were tried again
        or replaced, and empty messages.
    user_session:
        A copy of the chat's stored values. Use `user_session.set` to change them.
    user:
        Who is signed in, or ``None``.
    had_ended:
        Whether the user comes back to a chat that had ended. ``False`` if the chat goes on, and
        this process only has to make the objects of its `user_session`.

    Raises
    ------
    MisuseError
        The chat does not have the item. The error is also a `KeyError`, and names what to use
        instead.

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
    had_ended: bool = True
    user: User | None = None

    def __getitem__(self, key: str) -> Any:
        """Return the attribute of that name, or what Chainlit's dictionary of a thread has."""
        return self._thread(key) if key in THREAD_KEYS else _item(self, "chat", key)

    def __iter__(self) -> Iterator[str]:
        """Return the keys that Chainlit's dictionary of a thread has."""
        return iter(THREAD_KEYS)

    def __len__(self) -> int:
        return len(THREAD_KEYS)

    def _thread(self, key: str) -> Any:
        if key == "steps":
            return [_step(self.id, message) for message in self.messages]
        if key == "elements":
            return [
                {
                    "id": element.id,
                    "threadId": self.id,
                    "forId": message.id,
                    "type": element.kind,
                    "name": element.name,
                    "display": element.display,
                    "mime": element.mime,
                    "url": element.url,
                }
                for message in self.messages
                for element in message.elements
            ]
        first, user = self.messages[:1], self.user
        return {
            "id": self.id,
            "name": self.title,
            "createdAt": _text_of(first[0].created_at) if first else None,
            "userId": getattr(user, "id", None),
            "userIdentifier": user.identifier if user is not None else None,
            "tags": [self.profile] if self.profile is not None else [],
            "metadata": {**self.user_session, "id": self.id, "chat_profile": self.profile},
        }[key]

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            """Explain what to use instead of a name that does not exist."""
            raise AttributeError(_no_such(self, "chat", f"chat.{name}"))


# The name that Chainlit has.
ThreadDict = ResumedChat


ResumeCallback = TypeVar(
    "ResumeCallback",
    bound=Callable[[], Any]
    | Callable[[ResumedChat], Any]
    | Callable[[], Awaitable[Any]]
    | Callable[[ResumedChat], Awaitable[Any]],
)


@refuse_brackets
def on_chat_resume(callback: ResumeCallback) -> ResumeCallback:
    """Register the function that runs when a user comes back to a chat that has ended.

    A chat ends when its user starts another one in the same browser or signs out, or when it had
    no message for ``WEBAPP_CHAT_IDLE_MINUTES``. Opening the chat again resumes it, once. Without
    JavaScript the next message resumes it, before ``@on_message`` runs for that message.

    Parameters
    ----------
    callback:
        A function without parameters, or of the `ResumedChat`, ``def`` or ``async def``. It runs
        with the chat's `user_session`, and the messages that it sends are added to the chat.

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
    if key in (each.name for each in fields(thing)):
        return getattr(thing, key)
    raise NoSuchKeyError(_no_such(thing, called, f"{called}[{key!r}]"))


def _no_such(thing: ResumedChat | ResumedMessage, called: str, written: str) -> str:
    known = ", ".join(f"{called}.{each.name}" for each in fields(thing))
    return f"{written} does not exist; there is {known}: see docs/authoring.md."


def _step(chat_id: str, message: ResumedMessage) -> dict[str, Any]:
    time = _text_of(message.created_at)
    return {
        "id": message.id,
        "threadId": chat_id,
        "parentId": None,
        "name": message.author or message.profile or message.role,
        "type": "user_message" if message.role == "user" else "assistant_message",
        "input": "",
        "output": message.content,
        "createdAt": time,
        "start": time,
        "end": time,
        "streaming": False,
        "isError": False,
        "waitForAnswer": False,
        "metadata": {},
        "tags": None,
        "language": None,
        "command": message.command,
        "modes": message.modes,
    }


def _text_of(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
