"""What an app has said, as tests look at it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote

from webapp.authoring.awaitable_object import AwaitableObject
from webapp.authoring.chat_message import (
    ASSISTANT,
    DIVIDER,
    ERROR,
    STEP,
    TASKS,
    USER,
    ActionData,
    ChatMessage,
)
from webapp.authoring.questions.question import OPEN, question_of
from webapp.authoring.steps.details import read_step, read_task_list, shown_status
from webapp.files.names import clean_file_name

# pytest shows no line of this module in a traceback.
__tracebackhide__ = True

# Returns what a browser gets from an address.
Fetch = Callable[[str], bytes]


@dataclass(frozen=True, kw_only=True)
class ShownAction:
    """A button of a message, for `ChatTester.click`."""

    id: str
    name: str
    label: str
    payload: Mapping[str, Any]
    tooltip: str = ""
    icon: str | None = None


@dataclass(frozen=True, kw_only=True)
class ShownElement:
    """What a message shows beside its text.

    Parameters
    ----------
    type:
        Its kind, such as ``image`` or ``dataframe``.
    display:
        ``inline``, ``side`` or ``page``.
    mime, size:
        Of its file, if it has one.
    actions:
        The forms and buttons of a custom element.
    details:
        What only its kind has.
    """

    id: str
    type: str
    name: str
    display: str
    mime: str | None
    size: int | None
    url: str | None
    actions: tuple[ShownAction, ...]
    details: Mapping[str, Any]
    fetch: Fetch = field(repr=False, compare=False)

    @cached_property
    def content(self) -> bytes:
        """The bytes of its file, which are asked for as a browser would."""
        if self.size is None:
            return str(self.details.get("text", "")).encode()
        return self.fetch(f"/files/{self.id}/{quote(clean_file_name(self.name or self.type))}")

    @property
    def props(self) -> Mapping[str, Any]:
        """What a custom element was made of."""
        props: Mapping[str, Any] = self.details.get("props", {})
        return props

    @property
    def text(self) -> str:
        """The content as text."""
        return self.content.decode(errors="replace")


@dataclass(frozen=True, kw_only=True)
class ShownQuestion:
    """What the app asks with a message, for `ChatTester.answer`.

    Parameters
    ----------
    kind:
        ``user``, ``action``, ``file`` or ``element``.
    status:
        ``open``, ``answered``, ``timed-out``, ``stopped`` or ``interrupted``.
    text:
        The text of its message.
    actions:
        What can be chosen.
    details:
        All that is known of it, such as ``timeout`` and ``accept``.
    """

    id: str
    kind: str
    status: str
    text: str
    actions: tuple[ShownAction, ...]
    details: Mapping[str, Any]

    @property
    def is_open(self) -> bool:
        """Whether it can be answered."""
        return self.status == OPEN


@dataclass(frozen=True, kw_only=True)
class ShownMessage:
    """A message of a chat.

    Parameters
    ----------
    kind:
        ``user``, ``assistant`` or ``error``.
    author:
        The name beside it, after ``@author_rename``.
    content:
        Its text, as it was written.
    status:
        ``complete``, ``streaming``, ``stopped``, ``failed`` or ``interrupted``.
    command, modes:
        What its user chose in the composer.
    details:
        What else is stored with it, such as ``metadata``.
    """

    id: str
    kind: str
    author: str
    content: str
    status: str
    profile: str | None
    elements: tuple[ShownElement, ...]
    actions: tuple[ShownAction, ...]
    question: ShownQuestion | None
    command: str | None
    modes: Mapping[str, str]
    details: Mapping[str, Any]

    def __str__(self) -> str:
        return self.content


@dataclass(frozen=True, kw_only=True)
class ShownStep:
    """A step of the work on an answer.

    Parameters
    ----------
    within:
        The names of the steps around it, outermost first.
    """

    id: str
    name: str
    type: str
    status: str
    input: str
    output: str
    within: tuple[str, ...]
    elements: tuple[ShownElement, ...]


@dataclass(frozen=True)
class ShownTask:
    """A task of a list of tasks."""

    title: str
    status: str


@dataclass(frozen=True, kw_only=True)
class Answer(AwaitableObject):
    """What the app has said to one thing that its user did. You may await it, or not.

    Parameters
    ----------
    status:
        How it ended: ``complete``, ``stopped``, ``failed`` or ``interrupted``. ``running`` while
        the app still works, or waits for the answer to a question.
    messages:
        The messages of the app, in their order. Failures are among them, with the kind ``error``.
    failure:
        What the callback has raised, if the test has asked not to raise it.

    Example
    -------
    ::

        answer = chat.say("What is the capital of Peru?")
        assert answer.text == "Lima"
        assert [step.name for step in answer.steps] == ["Look it up"]
    """

    status: str
    messages: tuple[ShownMessage, ...] = ()
    steps: tuple[ShownStep, ...] = ()
    tasks: tuple[ShownTask, ...] = ()
    failure: BaseException | None = None

    @property
    def text(self) -> str:
        """The texts of all messages, with an empty line between two."""
        return "\n\n".join(message.content for message in self.messages if message.content)

    @property
    def elements(self) -> tuple[ShownElement, ...]:
        """What the messages and the steps show beside their texts."""
        of_messages = [shown for message in self.messages for shown in message.elements]
        return (*of_messages, *(shown for step in self.steps for shown in step.elements))

    @property
    def actions(self) -> tuple[ShownAction, ...]:
        """The buttons of all messages and custom elements. Those of an open question come last."""
        question = self.question
        buttons = [action for message in self.messages for action in message.actions]
        buttons += [action for element in self.elements for action in element.actions]
        return (*buttons, *(question.actions if question else ()))

    @property
    def question(self) -> ShownQuestion | None:
        """The question that waits for `ChatTester.answer`, if there is one."""
        asked = [message.question for message in self.messages if message.question is not None]
        return next((question for question in reversed(asked) if question.is_open), None)

    def __str__(self) -> str:
        return self.text

    def __contains__(self, text: str) -> bool:
        """Return whether the app has said ``text``."""
        return text in self.text


@dataclass(frozen=True)
class MessageReader:
    """Makes what tests look at of the messages of one chat.

    Parameters
    ----------
    fetch:
        Returns what a browser gets from an address.
    authors:
        The names that the page shows, by the ids of messages.
    """

    fetch: Fetch
    authors: Mapping[str, str] = field(default_factory=dict)

    def answer(
        self, said: Sequence[ChatMessage], status: str, failure: BaseException | None = None
    ) -> Answer:
        """Return the answer that these messages are."""
        of_app = [m for m in said if m.kind in (ASSISTANT, ERROR) and m.says_something]
        tasks = [task for m in said if m.kind == TASKS for task in read_task_list(m).tasks]
        return Answer(
            status=status,
            messages=tuple(map(self.message, of_app)),
            steps=self.steps(said),
            tasks=tuple(ShownTask(task.title, task.status) for task in tasks),
            failure=failure,
        )

    def message(self, message: ChatMessage) -> ShownMessage:
        """Return a message of the user or of the app."""
        details = message.details or {}
        asked = question_of(message)
        return ShownMessage(
            id=str(message.id),
            kind=message.kind,
            author=self.authors.get(str(message.id)) or message.author or message.profile or "",
            content=message.content,
            status=message.status,
            profile=message.profile,
            elements=self._elements(message),
            actions=_actions(message.actions),
            question=None
            if asked is None
            else ShownQuestion(
                id=str(asked["id"]),
                kind=asked["kind"],
                status=asked["status"],
                text=message.content,
                actions=_actions(map(ActionData.from_json, asked.get("actions", ()))),
                details=asked,
            ),
            command=details.get("command"),
            modes=details.get("modes") or {},
            details=details,
        )

    def steps(self, said: Sequence[ChatMessage]) -> tuple[ShownStep, ...]:
        """Return the steps among messages."""
        names: dict[str, tuple[str, ...]] = {}
        found = []
        for message in said:
            if message.kind != STEP:
                continue
            step = read_step(message)
            within = names.get(step.parent or "", ())
            names[str(message.id)] = (*within, step.name)
            found.append(
                ShownStep(
                    id=str(message.id),
                    name=step.name,
                    type=step.type,
                    status=shown_status(message, step),
                    input=step.input,
                    output=message.content,
                    within=within,
                    elements=self._elements(message),
                )
            )
        return tuple(found)

    def messages(self, said: Sequence[ChatMessage]) -> list[ShownMessage]:
        """Return the messages of both sides."""
        return [self.message(m) for m in said if m.kind in (USER, ASSISTANT, ERROR, DIVIDER)]

    def _elements(self, message: ChatMessage) -> tuple[ShownElement, ...]:
        return tuple(
            ShownElement(
                id=str(element.id),
                type=element.kind,
                name=element.name,
                display=element.display,
                mime=element.file.mime if element.file else None,
                size=element.file.size if element.file else None,
                url=element.url,
                actions=_actions(map(ActionData.from_json, element.details.get("actions", ()))),
                details=element.details,
                fetch=self.fetch,
            )
            for element in message.elements
        )


def _actions(buttons: Iterable[ActionData]) -> tuple[ShownAction, ...]:
    return tuple(
        ShownAction(
            id=str(button.id),
            name=button.name,
            label=button.text,
            payload=button.payload,
            tooltip=button.tooltip,
            icon=button.icon,
        )
        for button in buttons
    )
