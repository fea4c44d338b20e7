"""`Message`: a message of a chat, from the app or from its user."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from inspect import isasyncgen, iscoroutine, isgenerator
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

from webapp.authoring.actions.action import Action, check_actions, remove_actions
from webapp.authoring.awaitable_object import AwaitableObject, Done
from webapp.authoring.chat_message import (
    ASSISTANT,
    BY_APP_KEY,
    ERROR,
    USER,
    ActionData,
    ElementData,
    MessageKind,
)
from webapp.authoring.context import ChatContext, running_chat, running_chat_of
from webapp.authoring.draft import MessageTarget
from webapp.authoring.elements.element import Element, check_elements, store_elements
from webapp.authoring.errors import MisuseError, refuse_unknown_arguments
from webapp.authoring.inputs.message_choices import Choices
from webapp.authoring.loading.missing_names import MESSAGE_NOT_YET, missing_name
from webapp.authoring.messages.values import (
    read_author,
    read_details,
    read_id,
    read_json_content,
    read_time,
)
from webapp.authoring.text import as_code_block, fence_word

UPDATE = "Message.update()"
ASSISTANT_MESSAGE = "assistant_message"
USER_MESSAGE = "user_message"
_SETTABLE = (
    "content author language actions elements type metadata tags parent_id command modes created_at"
)
_PRIVATE = (
    "_parts _id _chat_id _profile _from_user _by_app _may_be_sent _is_removed _sent_at _is_json "
    "_saving _all_saving"
)
_SET = frozenset(f"{_SETTABLE} {_PRIVATE}".split())
NAMES = (
    *_SETTABLE.split(),
    *("id", "thread_id", "send", "stream_token", "update", "remove", "remove_actions"),
    *("to_dict", "from_dict"),
)


@refuse_unknown_arguments
class Message(AwaitableObject):
    """A message of the running chat.

    Its methods act at once. You may await them or not, so ``def`` and ``async def`` callbacks read
    the same. In an ``async def``, await a method that sends elements: their files are stored in a
    thread, and what you send meanwhile may be shown first.

    Parameters
    ----------
    content:
        Markdown, at most 1,000,000 characters. A dict or list is shown as JSON in a code block, and
        anything else as its ``str()``.
    author:
        Who says it, at most 200 characters. If you leave it out, the chat profile or the app.
    language:
        The name of a programming language, if all of the content is code.
    actions:
        The buttons under it, a list of `Action`. At most 100.
    elements:
        What it shows beside its text, such as an ``Image``. At most 100.
    type:
        ``"user_message"`` to send it in the name of the user: it is shown as theirs, and a model
        is told that they said it. They cannot edit it. All other kinds are messages of the app.
    metadata, tags:
        A dict and a list of texts that are stored with the message, as JSON, and not shown.
    id:
        The id of the message, a UUID. With the id of a message of this chat, ``send()`` and
        ``update()`` change that message, and ``remove()`` removes it.
    parent_id, command, modes:
        Kept on the object. The message of a user shows its command.
    created_at:
        The time beside the message, in ISO 8601, if that is not the present. It changes nothing in
        the order of messages.

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
    author: str | None
    actions: list[Action]
    elements: list[Element]
    type: str
    metadata: dict[str, Any] | None
    tags: list[str] | None
    parent_id: str | None
    command: str | None
    modes: dict[str, str] | None
    _parts: list[str]
    # What most messages do not have is not set on each of them.
    language: str | None = None
    _id: uuid.UUID | None = None
    # The chat in which it was sent.
    _chat_id: str | None = None
    _profile: str | None = None
    _sent_at: float | None = None
    # Whether it is shown as the user's: they have written it, or the app sends it in their name.
    _from_user = False
    _by_app = False
    _is_removed = False
    # Whether its id may be that of a message which was sent before.
    _may_be_sent = False
    # Whether it was given as a dict or list, and so has the language of JSON.
    _is_json = False

    # All that Chainlit's has, in its order.
    def __init__(  # noqa: PLR0913, PLR0917
        self,
        content: object = "",
        author: str | None = None,
        language: str | None = None,
        actions: Sequence[Action] | None = None,
        elements: Sequence[Element] | None = None,
        type: str | None = None,  # noqa: A002 - the name that Chainlit has
        metadata: dict[str, Any] | None = None,
        tags: Sequence[str] | None = None,
        id: str | None = None,  # noqa: A002
        parent_id: str | None = None,
        command: str | None = None,
        modes: dict[str, str] | None = None,
        created_at: str | datetime | None = None,
    ) -> None:
        if language:
            self.language = language
        # All at once: each of them would be checked by itself otherwise.
        vars(self).update(
            # As in Chainlit. Set later, `None` is no text, there and here.
            _parts=[self._read("None" if content is None else content)],
            author=read_author(author),
            actions=check_actions("Message", actions) if actions else [],
            elements=check_elements("Message", elements) if elements else [],
            type=type or ASSISTANT_MESSAGE,
            metadata=metadata,
            tags=list(tags) if tags else None,
            parent_id=parent_id or None,
            command=command or None,
            modes=modes or None,
        )
        if id:
            self._id, self._may_be_sent = read_id(id), True
        if created_at:
            self.created_at = created_at

    @property
    def content(self) -> str:
        """The text as it was given or last set, with the tokens streamed since."""
        self._parts = ["".join(self._parts)]
        return self._parts[0]

    @content.setter
    def content(self, content: object) -> None:
        self._parts = [self._read(content)]

    @property
    def created_at(self) -> str | None:
        """When it was first sent, or the time that was given, in ISO 8601."""
        if self._sent_at is None:
            return None
        return datetime.fromtimestamp(self._sent_at, UTC).isoformat().replace("+00:00", "Z")

    @created_at.setter
    def created_at(self, time: str | datetime | None) -> None:
        self._sent_at = None if time is None else read_time(time).timestamp()

    @property
    def thread_id(self) -> str:
        """The id of the chat: its own, or the running one as long as it was not sent."""
        return self._chat_id or running_chat("Message.thread_id").chat_id

    @property
    def id(self) -> str:
        """The id of the message in the chat, a UUID."""
        if self._id is None:
            self._id = uuid.uuid4()
        return str(self._id)

    def send(self) -> Self:
        """Send the message as it is now, and return it. A message can be sent again.

        Raises
        ------
        MisuseError
            The call is outside a chat, the callback has ended, or a limit is exceeded.
        """
        return self._send("Message.send()")

    def update(self) -> Done:
        """Show the current ``content``, ``author``, new elements and new actions of a message.

        To await it gives ``True``. A message that was not sent is sent. One that the user wrote
        keeps its author.

        Raises
        ------
        MisuseError
            As for `send`, or the message was removed.
        """
        if self._is_removed:
            raise MisuseError(
                "Message.update() was used on a message that was not sent: it was removed. Use "
                "send() to send it again."
            )
        self._send(UPDATE)
        return Done(self)

    def stream_token(self, token: str | None, is_sequence: bool = False) -> Self:
        """Append ``token`` to the message, and return it. The first token makes it appear.

        Parameters
        ----------
        token:
            Text of any length. No text, and ``None``, which the clients of models send at the end,
            are ignored.
        is_sequence:
            ``True`` if ``token`` is the whole text so far, which replaces the earlier text.

        Raises
        ------
        MisuseError
            As for `send`. Once the user has pressed Stop it is a ``StoppedError``.
        """
        used = "Message.stream_token()"
        chat = running_chat_of(used, "Message", self._chat_id)
        if not token:
            return self
        if not isinstance(token, str):
            raise MisuseError(f"stream_token takes text, not {type(token).__name__}.")
        self._find_sent(chat)
        if is_sequence:
            self._parts = []
        author = None if self._from_user else read_author(self.author)
        # The end of the code is not known before the last token.
        before = (
            [f"```{fence_word(self.language)}\n", *self._parts] if self.language else self._parts
        )
        if is_sequence and self._id:
            chat.transcript.send(used, self._target(), before[0] if before else "", author)
        self._id = chat.transcript.stream(used, self._target(), token, author, before)
        self._parts.append(token)
        self._note_sent(chat)
        return self

    def remove(self) -> Done:
        """Remove the message from the chat. It can be sent again, as a new one.

        To await it gives ``True``. Its files are removed as well. A message that was not sent stays
        as it is.

        Raises
        ------
        MisuseError
            As for `send`.
        """
        used = "Message.remove()"
        chat = running_chat_of(used, "Message", self._chat_id)
        self._find_sent(chat)
        if self._chat_id is not None:
            chat.transcript.remove(used, self._target())
            self._id, self._chat_id, self._is_removed = None, None, True
        return Done(self)

    def remove_actions(self) -> Self:
        """Take away the buttons of its ``actions``, and return the message.

        Raises
        ------
        MisuseError
            As for `send`.
        """
        used = "Message.remove_actions()"
        remove_actions(running_chat_of(used, "Message", self._chat_id), used, self.actions)
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return the message as Chainlit's dictionary of a step."""
        return {
            "id": self.id,
            "threadId": self.thread_id,
            "parentId": self.parent_id,
            "createdAt": self.created_at,
            "command": self.command,
            "modes": self.modes,
            "start": self.created_at,
            "end": self.created_at,
            "output": self.content,
            "name": self.author,
            "type": self.type,
            "language": self.language,
            "streaming": False,
            "isError": self._kind == ERROR,
            "waitForAnswer": False,
            "metadata": self.metadata or {},
            "tags": self.tags,
        }

    @classmethod
    def from_dict(cls, step: Mapping[str, Any]) -> Message:
        """Return the message of a dictionary that `to_dict` made."""
        return Message(
            content=step["output"],
            author=step.get("name"),
            language=step.get("language"),
            type=step.get("type"),
            metadata=step.get("metadata"),
            tags=step.get("tags"),
            id=step["id"],
            parent_id=step.get("parentId"),
            command=step.get("command"),
            modes=step.get("modes"),
            created_at=step.get("createdAt"),
        )

    if not TYPE_CHECKING:  # or a type checker would accept every name

        def __getattr__(self, name: str) -> NoReturn:
            """Explain what to use instead of a name that does not exist."""
            raise missing_name("Message", name, NAMES, MESSAGE_NOT_YET)

        def __setattr__(self, name: str, value: object) -> None:
            """Refuse to set an attribute that would have no effect."""
            if name not in _SET:
                raise missing_name("Message", name, NAMES, MESSAGE_NOT_YET)
            super().__setattr__(name, value)

    def __str__(self) -> str:
        return self.content

    def __repr__(self) -> str:
        return f"Message(content={self.content[:40]!r}, author={self.author!r})"

    def _send(self, used: str) -> Self:
        chat = running_chat_of(used, "Message", self._chat_id)
        self._find_sent(chat)
        if self.actions:
            # Its buttons have ids that begin with that of the message.
            self._id = chat.transcript.reserve_id(self._target())
        if self.elements:
            # The id is known at once, the elements are there when their files are.
            self._id = chat.transcript.reserve_id(self._target())
            self._save_then(chat.saving, lambda: self._show(chat, used))
        else:
            self._show(chat, used)
        return self

    def _show(self, chat: ChatContext, used: str) -> None:
        # All of it may have been set since the message was made.
        author = None if self._from_user else read_author(self.author)
        elements: tuple[ElementData, ...] = ()
        if self.elements and self._id is not None:
            elements = store_elements(chat, self._id, self.elements)
        if self._id is None and self._sent_at is not None:
            # The place that waits for the answer has a time already.
            self._id = uuid.uuid4()
        actions: list[ActionData] = []
        if self.actions and self._id is not None:
            actions = [
                action.place_under(self._id)
                for action in check_actions("Message", self.actions)
                # As in Chainlit: an update shows no button again that was taken away.
                if used != UPDATE or action.forId != str(self._id)
            ]
        content = self.content
        if self.language:
            content = as_code_block(content, self.language)
        details = None
        if self.metadata or self.tags or actions or self._by_app:
            details = read_details(self.metadata, self.tags)
            if self._from_user:
                details |= Choices(command=self.command, modes=self.modes or {}).details or {}
            if self._by_app:
                details[BY_APP_KEY] = True
            if actions:
                details["actions"] = [action.to_json() for action in actions]
        self._id = chat.transcript.send(
            used,
            self._target(),
            content,
            author,
            elements=elements,
            details=details,
        )
        self._note_sent(chat)

    def _find_sent(self, chat: ChatContext) -> None:
        """Take in the message as it is stored, if an earlier call has sent it."""
        if self.type == USER_MESSAGE and self._chat_id is None and self._kind == ASSISTANT:
            self._from_user = self._by_app = True
        if self._id is None or not (self._chat_id or self._may_be_sent):
            return
        if chat.transcript.has(self._id):
            self._chat_id = chat.chat_id
        elif (stored := chat.find_message(self._id)) is not None:
            chat.transcript.adopt(stored)
            self._chat_id, self._profile = chat.chat_id, stored.profile
            self._from_user, self._by_app = stored.kind == USER, False
        self._may_be_sent = False

    def _note_sent(self, chat: ChatContext) -> None:
        if self._chat_id is None:
            self._is_removed = False
            self._chat_id, self._profile = chat.chat_id, chat.chat_profile
            if self._sent_at is None:
                self._sent_at = time.time()

    def _target(self) -> MessageTarget:
        return MessageTarget(
            self._id,
            sent=self._chat_id is not None,
            profile=self._profile,
            kind=USER if self._from_user else self._kind,
            created_at=None
            if self._sent_at is None
            else datetime.fromtimestamp(self._sent_at, UTC),
        )

    def _read(self, content: object) -> str:
        """Return content as text. What is shown as JSON gets that language."""
        if isinstance(content, str):
            if self._is_json:
                self.language, self._is_json = None, False
            return content
        if isinstance(content, dict | list):
            text = read_json_content(content)
            if text is not None:
                self.language, self._is_json = "json", True
                return text
        if iscoroutine(content) or isgenerator(content) or isasyncgen(content):
            kind, remedy = "a generator", "send each part that it yields with stream_token()"
            if iscoroutine(content):
                kind, remedy = "a coroutine", "write `await` before its call"
                content.close()  # or Python warns later, and elsewhere, that nobody awaits it
            raise MisuseError(f"Message content is {kind} of {content.__name__}(): {remedy}.")
        return "" if content is None else str(content)
