"""`TaskList`: the tasks of a job, and how far each of them is."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from enum import Enum

from webapp.authoring.awaitable_object import AwaitableObject
from webapp.authoring.chat_message import TASKS
from webapp.authoring.context import running_chat_of
from webapp.authoring.draft import MessageTarget
from webapp.authoring.errors import MisuseError
from webapp.authoring.steps.details import TaskDetails, TaskListDetails
from webapp.authoring.text import clean_text

MOST_TASKS = 200
TITLE_LIMIT = 500


class TaskStatus(Enum):
    """How far a task is.

    Example
    -------
    >>> TaskStatus.DONE.value
    'done'
    """

    READY = "ready"
    RUNNING = "running"
    FAILED = "failed"
    DONE = "done"


class Task:
    """A task of a `TaskList`.

    Parameters
    ----------
    title:
        What people read, at most 500 characters.
    status:
        How far it is.
    forId:
        The ``id`` of a message or a step that the title links to.

    Example
    -------
    >>> Task("Read the files").status
    <TaskStatus.READY: 'ready'>
    """

    def __init__(
        self, title: str, status: TaskStatus = TaskStatus.READY, forId: str | None = None
    ) -> None:
        self.title = title
        self.status = status
        self.forId = forId

    def __repr__(self) -> str:
        return f"Task(title={self.title[:40]!r}, status={self.status})"


class TaskList(AwaitableObject):
    """A list of tasks in the chat, each with its status. Change it, and `update` shows it.

    Its methods act at once. You may await them or not.

    Parameters
    ----------
    tasks:
        At most 200.
    status:
        What people read above the list, such as ``"Running..."``. At most 500 characters.

    Example
    -------
    ::

        task_list = cl.TaskList()
        task_list.status = "Running..."
        task = cl.Task(title="Read the files", status=cl.TaskStatus.RUNNING)
        await task_list.add_task(task)
        await task_list.send()

        task.status = cl.TaskStatus.DONE
        await task_list.update()
    """

    def __init__(self, tasks: Iterable[Task] | None = None, status: str = "Ready") -> None:
        self.tasks = list(tasks or ())
        self.status = status
        self._message_id: uuid.UUID | None = None
        self._chat_id: str | None = None
        self._profile: str | None = None

    def add_task(self, task: Task) -> TaskList:
        """Add a task at the end, and return the list. `send` or `update` shows it."""
        self.tasks.append(task)
        return self

    def send(self) -> TaskList:
        """Show the list as it is now, and return it.

        Raises
        ------
        MisuseError
            The call is outside a chat, the callback has ended, or a limit is exceeded.
        """
        used = "TaskList.send()"
        chat = running_chat_of(used, "TaskList", self._chat_id)
        if len(self.tasks) > MOST_TASKS:
            raise MisuseError(
                f"A TaskList may have {MOST_TASKS} tasks; this one has {len(self.tasks)}. Put "
                "several into one."
            )
        details = TaskListDetails(
            status=clean_text(str(self.status))[:TITLE_LIMIT],
            tasks=tuple(
                TaskDetails(
                    title=clean_text(str(task.title))[:TITLE_LIMIT],
                    status=TaskStatus(task.status).value,
                    message=_message_id(task.forId, chat.steps),
                )
                for task in self.tasks
            ),
        )
        target = self._target()
        if self._chat_id is None:
            self._profile = chat.transcript.profile
        self._message_id = chat.transcript.send(
            used,
            target,
            "",
            None,
            details=details.to_json(),
            # So that a list shows what became of it when its turn is stopped.
            grows=any(task.status == TaskStatus.RUNNING.value for task in details.tasks),
        )
        self._chat_id = chat.chat_id
        return self

    def update(self) -> TaskList:
        """Show the list as it is now, and return it.

        Raises
        ------
        MisuseError
            As for `send`.
        """
        return self.send()

    def remove(self) -> TaskList:
        """Remove the list from the chat, and return it. One that was not sent stays as it is.

        Raises
        ------
        MisuseError
            As for `send`.
        """
        used = "TaskList.remove()"
        chat = running_chat_of(used, "TaskList", self._chat_id)
        if self._chat_id is not None:
            chat.transcript.remove(used, self._target())
        self._message_id = self._chat_id = None
        return self

    def _target(self) -> MessageTarget:
        return MessageTarget(
            self._message_id, sent=self._chat_id is not None, profile=self._profile, kind=TASKS
        )


def _message_id(for_id: str | None, steps: dict[str, uuid.UUID | None]) -> str | None:
    if for_id is None:
        return None
    if for_id in steps:
        found = steps[for_id]
        return str(found) if found else None
    try:
        return str(uuid.UUID(str(for_id)))
    except ValueError:
        return None
