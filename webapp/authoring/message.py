"""`Message`: a message of a chat, from the app or from its user."""

from __future__ import annotations

import json
import uuid
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, ClassVar, NoReturn

from webapp.authoring.chat_message import ASSISTANT, ERROR, ElementData, MessageKind
from webapp.authoring.context import ChatContext, running_chat
from webapp.authoring.elements.element import Element, store_elements
from webapp.authoring.errors import MisuseError, refuse_unknown_arguments
from webapp.authoring.loading.missing_names import MESSAGE_NOT_YET, missing_name
from webapp.authoring.text import clean_text, is_visible
from webapp.authoring.transcript import MessageTarget

AUTHOR_LIMIT = 200
_SET = frozenset(
    ("content", "author", "elements", "_parts", "_id", "_chat_id", "_profile", "_from_user")
)
NAMES = ("content", "author", "elements", "id", "send", "stream_token", "update", "remove")


@refuse_unknown_arguments
class Message:
    """A message of the running chat.

    Its methods act at once. You may await them or not, so ``def`` and ``async def`` callbacks read
    the same.

    Parameters
    ----------
    content:
        Markdown, at most 1,000,000 characters. A dict or list is shown as JSON in a code block, and
        anything else as its ``str()``.
    author:
        Who says it, at most 200 characters. If you leave it out, the chat profile or the app.
    elements:
        What it shows beside its text, such as an ``Image``. At most 100.

    Example
    -------
    ::

        await Message(content="Hello!").send()   # in an `async def` callback
        Message(content="Hello!").send()         # in a `def` callback

        answer = Message()
        for word in "word by word".split():
            answer.stream_token(word + " ")
        answer.send()
    """

    _kind: ClassVar[MessageKind] = ASSISTANT

    def __init__(
        self,
        content: object = "",
        author: str | None = None,
        elements: Sequence[Element] | None = None,
    ) -> None:
        self._parts = [_as_text(content)]
        self.author = _author(author)
        self.elements = list(elements or ())
        self._id: uuid.UUID | None = None
        # The chat in which it was sent. A message that the user wrote cannot be sent again.
        self._chat_id: str | None = None
        self._profile: str | None = None
        self._from_user = False

    @property
    def content(self) -> str:
        """The text as it was given or last set, with the tokens streamed since."""
        self._parts = ["".join(self._parts)]
        return self._parts[0]

    @content.setter
    def content(self, content: object) -> None:
        self._parts = [_as_text(content)]

    @property
    def id(self) -> str:
        """The id of the message in the chat, a UUID."""
        if self._id is None:
            self._id = uuid.uuid4()
        return str(self._id)

    def send(self) -> Message:
        """Send the message as it is now, and return it. A message can be sent again.

        Raises
        ------
        MisuseError
            The call is outside a chat, the callback has ended, or a limit is exceeded.
        """
        return self._send("Message.send()")

    def update(self) -> Message:
        """Show the current ``content`` and ``author`` of a sent message, and return it.

        Raises
        ------
        MisuseError
            As for `send`, or the message has not been sent.
        """
        self._require_sent("Message.update()")
        return self._send("Message.update()")

    def stream_token(self, token: str | None, is_sequence: bool = False) -> Message:
        """Append ``token`` to the message, and return it. The first token makes it appear.

        Parameters
        ----------
        token:
            Text of any length. ``None``, which the clients of models send at the end, is ignored.
        is_sequence:
            ``True`` if ``token`` is the whole text so far, which replaces the earlier text.

        Raises
        ------
        MisuseError
            As for `send`. Once the user has pressed Stop it is a ``StoppedError``.
        """
        chat = self._chat("Message.stream_token()")
        if token is None:
            return self
        if not isinstance(token, str):
            raise MisuseError(f"stream_token takes text, not {type(token).__name__}.")
        if is_sequence:
            self._parts = []
        author = _author(self.author)
        if is_sequence and self._id:
            chat.transcript.send("Message.stream_token()", self._target(), "", author)
        self._id = chat.transcript.stream(
            "Message.stream_token()", self._target(), token, author, self._parts
        )
        self._parts.append(token)
        self._note_sent(chat)
        return self

    def remove(self) -> Message:
        """Remove the message from the chat, and return it. It can be sent again, as a new one.

        Raises
        ------
        MisuseError
            As for `update`.
        """
        self._require_sent("Message.remove()")
        chat = self._chat("Message.remove()")
        chat.transcript.remove("Message.remove()", self._target())
        self._id = self._chat_id = None
        return self

    def __await__(self) -> Generator[None, None, Message]:
        """Return the message at once: there is nothing to wait for."""
        yield from ()  # makes this a generator, which is what `await` asks for
        return self

    if not TYPE_CHECKING:  # or a type checker would accept every name

        def __getattr__(self, name: str) -> NoReturn:
            """Explain what to use instead of a name that does not exist."""
            raise missing_name("Message", name, NAMES, MESSAGE_NOT_YET)

        def __setattr__(self, name: str, value: object) -> None:
            """Refuse to set an attribute that would have no effect."""
            if name not in _SET:
                raise missing_name("Message", name, NAMES, MESSAGE_NOT_YET)
            super().__setattr__(name, value)

    def __repr__(self) -> str:
        return f"Message(content={self.content[:40]!r}, author={self.author!r})"

    def _send(self, used: str) -> Message:
        chat = self._chat(used)
        # Both may have been set since the message was made.
        author = _author(self.author)
        elements: tuple[ElementData, ...] = ()
        if self.elements:
            self._id = chat.transcript.reserve_id(self._target())
            elements = store_elements(chat, self._id, self.elements)
        self._id = chat.transcript.send(
            used, self._target(), self.content, author, elements=elements
        )
        self._note_sent(chat)
        return self

    def _note_sent(self, chat: ChatContext) -> None:
        if self._chat_id is None:
            self._chat_id, self._profile = chat.chat_id, chat.chat_profile

    def _target(self) -> MessageTarget:
        return MessageTarget(
            self._id, sent=self._chat_id is not None, profile=self._profile, kind=self._kind
        )

    def _chat(self, used: str) -> ChatContext:
        chat = running_chat(used)
        if self._from_user:
            raise MisuseError(
                f"{used} was used on the message that the user wrote. Make one of your own: "
                "`Message(content=...).send()`."
            )
        if self._chat_id not in (None, chat.chat_id):
            raise MisuseError(
                f"{used} was used on a message of another chat. Make a new Message in each call; "
                "do not keep one at the top of the app file."
            )
        return chat

    def _require_sent(self, used: str) -> None:
        if self._chat_id is None and not self._from_user:
            raise MisuseError(f"{used} was used on a message that was not sent. Use send() first.")


class ErrorMessage(Message):
    """A message that says what went wrong. It is shown as an error, and the turn goes on.

    It is no part of the conversation that `chat_history` returns.

    Parameters
    ----------
    content, author:
        As of a `Message`.

    Example
    -------
    ::

        await cl.ErrorMessage(content="The weather service does not answer.").send()
    """

    _kind = ERROR

    def __init__(self, content: object = "", author: str | None = None) -> None:
        super().__init__(content=content, author=author)


def make_user_message(chat_id: str, message_id: uuid.UUID, content: str, author: str) -> Message:
    """Return the message that the user wrote, as ``@on_message`` gets it."""
    message = Message(content=content)
    message.author = author
    message._id, message._chat_id, message._from_user = message_id, chat_id, True
    return message


def _as_text(content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, dict | list):
        try:
            text = json.dumps(content, indent=2, ensure_ascii=False, default=str)
        except (TypeError, ValueError, RecursionError):  # not JSON, or it contains itself
            return str(content)
        return f"```json\n{text}\n```"
    return str(content)


def _author(author: str | None) -> str | None:
    if author is None:
        return None
    if not isinstance(author, str):
        raise MisuseError("Message author must be text or None.")
    if len(author) > AUTHOR_LIMIT:
        raise MisuseError(f"Message author is longer than {AUTHOR_LIMIT} characters.")
    author = clean_text(author)
    return author if is_visible(author) else None
