"""What is stored and shown of a step or a task list, beside the text of its message."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, Final

from webapp.authoring.chat_message import (
    COMPLETE,
    FAILED,
    STEP,
    STREAMING,
    ChatMessage,
    MessageStatus,
)

RUNNING: Final = "running"
FENCE = "`" * 40
_LONG_LINE = re.compile(FENCE + "+")


@dataclass(frozen=True, kw_only=True)
class StepDetails:
    """What is known of a step. Its output is the text of its message.

    Parameters
    ----------
    parent:
        The id of the message of the step around it.
    language, input_language:
        Of code. Without one, the output or the input is Markdown.
    start, end:
        As ISO 8601.
    """

    name: str
    type: str = "undefined"
    parent: str | None = None
    input: str = ""
    input_language: str | None = None
    language: str | None = None
    is_error: bool = False
    start: str | None = None
    end: str | None = None
    default_open: bool = False
    auto_collapse: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the details as they are stored: those that say something."""
        values = vars(self)
        return {name: values[name] for name, default in _DEFAULTS if values[name] != default}

    @property
    def seconds(self) -> float | None:
        """How long the step took, if it has ended and both times can be read."""
        if self.start is None or self.end is None:
            return None
        with suppress(ValueError):
            start, end = map(datetime.fromisoformat, (self.start, self.end))
            times = [it if it.tzinfo else it.replace(tzinfo=UTC) for it in (start, end)]
            return max(0.0, (times[1] - times[0]).total_seconds())
        return None


def shown_time(seconds: float) -> str:
    """Return how long something took, such as ``0.4 s`` or ``2 min 5 s``."""
    if seconds < 0.05:
        return "< 0.1 s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


_DEFAULTS = [(each.name, each.default) for each in fields(StepDetails)]
_KNOWN = frozenset(name for name, _ in _DEFAULTS)


def read_step(message: ChatMessage) -> StepDetails:
    """Return the details of the message of a step."""
    # A newer version may have stored more.
    known = {key: value for key, value in (message.details or {}).items() if key in _KNOWN}
    return StepDetails(**{"name": "", **known})


def shown_status(message: ChatMessage, step: StepDetails) -> MessageStatus:
    """Return the status of a step as people see it."""
    return FAILED if step.is_error and message.status == COMPLETE else message.status


def shown_output(message: ChatMessage) -> str:
    """Return the text of a message as Markdown: the output of a step may be code."""
    if message.kind != STEP or message.details is None or not message.content:
        return message.content
    language = message.details.get("language")
    return message.content if language is None else _as_code(message.content, language)


def shown_input(step: StepDetails) -> str:
    """Return the input of a step as Markdown."""
    language = step.input_language
    return step.input if language is None else _as_code(step.input, language)


def _as_code(text: str, language: str) -> str:
    # No text ends the block, as it may have no line of so many.
    return f"{FENCE}{language}\n{_LONG_LINE.sub(FENCE[:-1], text)}"


@dataclass(frozen=True, kw_only=True)
class TaskDetails:
    """A task of a list, and the id of the message it links to."""

    title: str
    status: str
    message: str | None = None


@dataclass(frozen=True, kw_only=True)
class TaskListDetails:
    """A list of tasks, and what the app says of all of them."""

    status: str = ""
    tasks: tuple[TaskDetails, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Return the list as it is stored."""
        tasks = [
            {name: value for name, value in vars(task).items() if value is not None}
            for task in self.tasks
        ]
        return {"status": self.status, "tasks": tasks}


def read_task_list(message: ChatMessage) -> TaskListDetails:
    """Return the tasks of a message, those that no longer run with how their turn ended."""
    details = message.details or {}
    tasks = [TaskDetails(**task) for task in details.get("tasks", ())]
    return TaskListDetails(
        status=details.get("status", ""),
        tasks=tuple(
            TaskDetails(title=task.title, status=message.status, message=task.message)
            if task.status == RUNNING and message.status not in (STREAMING, COMPLETE)
            else task
            for task in tasks
        ),
    )


def with_new_ids(
    details: Mapping[str, Any] | None, new_id: Callable[[str], uuid.UUID | None]
) -> Mapping[str, Any] | None:
    """Return the details of a copied message, with the ids of the copies they refer to."""
    if details is None:
        return None

    def rename(old: str | None) -> str | None:
        new = new_id(old) if old is not None else None
        return str(new) if new is not None else None

    copied = dict(details)
    if "parent" in copied:
        copied["parent"] = rename(copied["parent"])
    if "tasks" in copied:
        copied["tasks"] = [
            {**task, "message": rename(task.get("message"))} for task in copied["tasks"]
        ]
    return copied
