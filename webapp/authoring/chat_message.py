"""A message of a chat: the one type it has from the transcript to the page."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, Final, Literal

from webapp.authoring.text import is_visible

MessageKind = Literal["user", "assistant", "error", "divider", "step", "tasks"]
USER: Final = "user"
ASSISTANT: Final = "assistant"
ERROR: Final = "error"
DIVIDER: Final = "divider"
STEP: Final = "step"
TASKS: Final = "tasks"

MessageStatus = Literal["streaming", "complete", "stopped", "failed", "interrupted"]
STREAMING: Final = "streaming"
COMPLETE: Final = "complete"
STOPPED: Final = "stopped"
FAILED: Final = "failed"
INTERRUPTED: Final = "interrupted"

# Keys of the details of a message: of one that asks, and of one that answers.
QUESTION_KEY: Final = "question"
ANSWER_KEY: Final = "answers"
# And of one that the app has sent in the name of its user.
BY_APP_KEY: Final = "by_app"

ElementKind = Literal[
    "image",
    "file",
    "pdf",
    "audio",
    "video",
    "text",
    "dataframe",
    "plotly",
    "pyplot",
    "custom",
]
ElementDisplay = Literal["inline", "side", "page"]


@dataclass(frozen=True, kw_only=True)
class NewFile:
    """A file that is to be stored, before anybody sees it.

    Parameters
    ----------
    id:
        The id with which it is asked for.
    mime:
        Its content type, if it is known.
    source:
        The bytes, a local file that has them, or what is in the store already.
    """

    id: uuid.UUID
    name: str
    mime: str | None
    source: bytes | Path | StoredFile


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """A file that is in the store.

    Parameters
    ----------
    sha256:
        The hash of its content, in hexadecimal digits.
    size:
        In bytes.
    mime:
        Its content type, by its content and its name.
    """

    sha256: str
    size: int
    mime: str


@dataclass(frozen=True, kw_only=True)
class ElementData:
    """What a message shows beside its text, ready to be stored and shown.

    Parameters
    ----------
    id:
        Also the id of its file, if it has one.
    name:
        As the author wrote it.
    file:
        What it shows, if that is in the store.
    url:
        Where what it shows is, if it is elsewhere.
    details:
        What only its kind has, such as the width and height of a picture, as JSON.
    """

    id: uuid.UUID
    kind: ElementKind
    name: str
    display: ElementDisplay = "inline"
    file: StoredFile | None = None
    url: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the element as it is stored with its message."""
        data: dict[str, Any] = {
            "id": str(self.id),
            "kind": self.kind,
            "name": self.name,
            "display": self.display,
        }
        if self.file is not None:
            data["file"] = vars(self.file)
        if self.url is not None:
            data["url"] = self.url
        if self.details:
            data["details"] = dict(self.details)
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ElementData:
        """Return a stored element."""
        stored = data.get("file")
        return cls(
            id=uuid.UUID(data["id"]),
            kind=data["kind"],
            name=data["name"],
            display=data["display"],
            file=StoredFile(**stored) if stored else None,
            url=data.get("url"),
            details=data.get("details", {}),
        )


@dataclass(frozen=True, kw_only=True)
class ActionData:
    """A button of a message, ready to be stored and shown.

    Parameters
    ----------
    id:
        What a browser sends when it is pressed. No other button of any message has it.
    own_id:
        The id that the author gave it, which is unique in its message.
    payload:
        What its callback is given, as JSON. No browser gets it.
    """

    id: uuid.UUID
    own_id: str
    name: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""
    tooltip: str = ""
    icon: str | None = None

    @property
    def text(self) -> str:
        """Return what stands on the button."""
        return self.label if is_visible(self.label) else self.name

    def to_json(self) -> dict[str, Any]:
        """Return the button as it is stored with its message."""
        values = {name: value for name, value in vars(self).items() if value or name == "payload"}
        return {**values, "id": str(self.id)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ActionData:
        """Return a stored button."""
        # A newer version may have stored more.
        known = {each.name: data[each.name] for each in fields(cls) if each.name in data}
        return cls(**{**known, "id": uuid.UUID(data["id"])})


@dataclass(frozen=True, kw_only=True)
class ChatMessage:
    """A message at one moment, ready to be stored and shown.

    Parameters
    ----------
    kind:
        Who speaks: the user, the app, or the app about a failure. A divider marks the place where
        another profile begins, and its content is the label of that profile.
    author:
        The name that the app's author gave the speaker, if any.
    content:
        Clean text.
    profile:
        The name of the profile that was active.
    turn_id:
        The turn it was said in, once it belongs to one.
    sequence:
        Its place in the chat; 0 until it has one.
    removed:
        Whether the app has taken it back.
    earlier:
        Whether it was said in an earlier call, and this call changes it. It keeps its place.
    elements:
        What it shows beside its text.
    details:
        What else is known of it, as JSON, such as the name, input and times of a step.
    version:
        The number of the change in its transcript that made it what it is.
    """

    id: uuid.UUID
    kind: MessageKind
    author: str | None = None
    content: str
    status: MessageStatus
    created_at: datetime
    profile: str | None = None
    turn_id: uuid.UUID | None = None
    sequence: int = 0
    removed: bool = False
    earlier: bool = False
    elements: tuple[ElementData, ...] = ()
    details: Mapping[str, Any] | None = None
    # Two versions that look the same are the same to a page.
    version: int = field(default=0, compare=False)

    @property
    def says_something(self) -> bool:
        """Return whether there is something to see in it."""
        return (
            bool(self.elements)
            or self.kind in (STEP, TASKS)
            or is_visible(self.content)
            or bool(self.actions)
        )

    @property
    def actions(self) -> list[ActionData]:
        """Return the buttons under it."""
        stored = (self.details or {}).get("actions", ())
        return [ActionData.from_json(action) for action in stored]


def latest_said(calls: Iterable[list[ChatMessage]]) -> list[ChatMessage]:
    """Return the messages of a turn's calls, each as the last call left it."""
    found: dict[uuid.UUID, ChatMessage] = {}
    for message in chain.from_iterable(calls):
        first = found.get(message.id)
        found[message.id] = (
            message
            if first is None
            else replace(message, earlier=first.earlier, created_at=first.created_at)
        )
    return list(found.values())
