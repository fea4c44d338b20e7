"""The running callback: which chat it belongs to, and where its messages go."""

from __future__ import annotations

import asyncio
import uuid
import weakref
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from concurrent.futures import Future
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from webapp.authoring.chat_message import (
    ASSISTANT,
    USER,
    ChatMessage,
    ElementData,
    NewFile,
    StoredFile,
)
from webapp.authoring.errors import MisuseError
from webapp.authoring.inputs.inputs import Inputs
from webapp.authoring.live.values import Values
from webapp.authoring.overrides.config_overrides import Cot
from webapp.authoring.profiles.profile import ChatProfile
from webapp.authoring.questions.open_questions import OpenQuestions
from webapp.authoring.transcript import Transcript, no_such_message
from webapp.authoring.users.user import User

OWN_THREADS = (
    "A thread that you start yourself knows its chat when it runs "
    "`contextvars.copy_context().run(function)`, or comes from `asyncio.to_thread` or `make_async`."
)


# The id, role and text of a message.
PastMessage = tuple[uuid.UUID, str, str]
Earlier = Callable[[], list[PastMessage]]
# Stores the files of a message before it is shown, and returns them in the same order.
SaveFiles = Callable[[uuid.UUID, Sequence[NewFile]], list[StoredFile]]
# Copies files from the store to this machine, and returns where they are, by the ids of elements.
FetchFiles = Callable[[Sequence[ElementData]], Mapping[uuid.UUID, Path]]
# Removes files of a message, by the ids of its elements.
RemoveFiles = Callable[[uuid.UUID, Sequence[uuid.UUID]], None]
# Reads what the user set last under a profile.
FindSettingDefaults = Callable[[str | None], Mapping[str, Any]]
# Returns the servers of tools, each with a session and nothing, by their names.
FindToolSessions = Callable[[], Mapping[str, tuple[Any, None]]]
# Reads a message of the chat as it is stored.
FindMessage = Callable[[uuid.UUID], ChatMessage | None]


def _refuse_files(*_: object) -> list[StoredFile]:
    raise MisuseError(
        "This callback cannot send files. Send them in @on_chat_start or @on_message."
    )


def _remove_nothing(*_: object) -> None:
    """Remove no files: a callback that cannot send any has none."""


@dataclass(kw_only=True)
class ChatContext:
    """The chat that a callback runs in."""

    chat_id: str
    user: User | None
    chat_profile: str | None
    values: Values = field(default_factory=Values)
    # The keys that the user has entered, by name. Never stored, nor logged.
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    # What the user can set beside the composer.
    inputs: Inputs = field(default_factory=Inputs)
    transcript: Transcript = field(default_factory=Transcript)
    # Reads the messages before this call, oldest first. The default, `list`, returns none.
    earlier: Earlier = list
    # The profiles that the user is offered, by name; `None` where the profile cannot be switched.
    offered: Mapping[str, ChatProfile] | None = None
    # The message that is being answered, and the messages of this turn that were sent before it.
    answers: uuid.UUID | None = None
    save_files: SaveFiles = _refuse_files
    # Of the app file, which has templates beside it.
    app_folder: Path | None = None
    remove_files: RemoveFiles = _remove_nothing
    fetch_files: FetchFiles = field(default=lambda _elements: {})
    # Deletes what was fetched. Called when the callback has really ended.
    delete_fetched: Callable[[], None] = _remove_nothing
    find_message: FindMessage = field(default=lambda _message_id: None)
    find_setting_defaults: FindSettingDefaults = field(default=lambda _profile: {})
    # The decorator of the function that runs now, without `@`.
    callback: str = ""
    # The file that lists servers of tools.
    mcp_servers: str = ""
    tool_sessions: FindToolSessions = dict
    # Files that are being stored in other threads. The callback ends when they are stored.
    saving: set[Future[None]] = field(default_factory=set)
    # The last element that joins a message while its file is stored, by the id of the message.
    joining: dict[uuid.UUID, Future[None]] = field(default_factory=dict)
    # Which steps are shown now, and where a profile does not say which.
    cot: Cot = "hidden"
    app_cot: Cot = "hidden"
    # The message that shows a step or what is within it, by the id of the step. And which steps
    # are not shown.
    steps: dict[str, uuid.UUID | None] = field(default_factory=dict)
    hidden_steps: set[str] = field(default_factory=set)
    said_first: frozenset[uuid.UUID] = frozenset()
    # The tasks that the callback has begun on the loop of the process.
    tasks: weakref.WeakSet[asyncio.Task[Any]] = field(default_factory=weakref.WeakSet)
    # Returns where a task goes on that has outlived its callback; `None` while the callback runs,
    # and if it was ended from outside.
    go_on: Callable[[], ChatContext] | None = None
    # Sets `go_on`. Called with the turn and what it has said, when the callback ends by itself.
    after_end: Callable[[ChatContext, uuid.UUID, list[ChatMessage]], None] | None = None
    # Those that the callback asks its user; `None` where nobody could answer.
    questions: OpenQuestions | None = None

    def __post_init__(self) -> None:
        self.transcript.profile = self.chat_profile

    def shows_steps(self, kind: str) -> bool:
        """Return whether steps of a type are shown."""
        return self.cot == "full" or (self.cot == "tool_call" and kind == "tool")

    def has_sent(self, message_id: uuid.UUID) -> bool:
        """Return whether the chat has a message, which can then be changed by this call."""
        if not self.transcript.has(message_id):
            stored = self.find_message(message_id)
            if stored is None:
                return False
            self.transcript.adopt(stored)
        return True

    def refuse_unless_sent(self, used: str, message_id: uuid.UUID) -> None:
        """Refuse a message that is to show something, and is not in the chat."""
        if not self.has_sent(message_id):
            raise no_such_message(used, message_id)

    @property
    def has_tasks(self) -> bool:
        """Return whether a task that the callback has begun is not done."""
        return any(not task.done() for task in list(self.tasks))

    @cached_property
    def run_id(self) -> str:
        """Return what `context.current_run` has as its id."""
        return str(uuid.uuid4())

    def so_far(self) -> list[PastMessage]:
        """Return the messages before this call and in it, as they stand at this moment."""
        states = self.transcript.said()
        # What this call changes of earlier messages is not stored before it ends.
        contents = {state.id: state.content for state in states}
        earlier = [(key, role, contents.get(key, text)) for key, role, text in self.earlier()]
        new = [
            (state.id, state.kind, state.content)
            for state in states
            if not state.earlier and state.kind in (ASSISTANT, USER)
        ]

        before = [message for message in earlier if message[0] != self.answers]
        # What @on_chat_resume sent in this turn comes before the message that is answered now.
        resumed = [message for message in new if message[0] in self.said_first]
        question = [message for message in earlier if message[0] == self.answers]
        answer = [message for message in new if message[0] not in self.said_first]
        return [*before, *resumed, *question, *answer]


CheckPassword = Callable[[str, str], User | None]
Submit = Callable[[Coroutine[Any, Any, Any]], Future[Any]]


@dataclass(frozen=True)
class Running:
    """What the functions of `chat_profiles` can reach while a callback runs."""

    chat: ChatContext | None = None
    check_password: CheckPassword | None = None
    # Starts a coroutine on the loop of the process, in a copy of the current context.
    submit: Submit | None = None


_running: ContextVar[Running | None] = ContextVar("webapp_running", default=None)


def enter(running: Running) -> None:
    """Set what the callback can reach; called in the context in which it will run."""
    _running.set(running)


def running_chat(used: str) -> ChatContext:
    """Return the chat of the running callback, or explain where ``used`` works."""
    running = _running.get()
    if running is None or running.chat is None:
        raise MisuseError(
            f"{used} was used outside a chat. It works inside @on_chat_start, @on_message and "
            "the other callbacks that run for one chat: not at the top level of the app file, nor "
            "in those that do not, such as @set_chat_profiles. "
            f"{OWN_THREADS}"
        )
    return running.chat if running.chat.go_on is None else running.chat.go_on()


def running_chat_of(used: str, kind: str, chat_id: str | None) -> ChatContext:
    """Return the running chat, for an object that belongs to a chat once it was sent there.

    Raises
    ------
    MisuseError
        It was sent in another chat, or no chat is running.
    """
    chat = running_chat(used)
    if chat_id not in (None, chat.chat_id):
        raise MisuseError(
            f"{used} was used on a {kind} of another chat. Make a new {kind} in each call; do not "
            "keep one at the top of the app file."
        )
    return chat


def make_task(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
    /,
    **options: Any,
) -> asyncio.Task[Any]:
    """Make a task of a loop, as its factory, and note it in the chat in which it was begun."""
    task = asyncio.Task(coroutine, loop=loop, **options)
    context = options.get("context")
    running = _running.get() if context is None else context.get(_running)
    if running is not None and running.chat is not None:
        running.chat.tasks.add(task)
    return task


def leave_tasks() -> None:
    """Take the task of the callback itself out of the tasks of its chat."""
    running, task = _running.get(), asyncio.current_task()
    if running is not None and running.chat is not None and task is not None:
        running.chat.tasks.discard(task)


def has_asked() -> bool:
    """Return whether the running callback has asked its user something."""
    running = _running.get()
    questions = running.chat.questions if running is not None and running.chat else None
    return questions is not None and questions.has_asked


async def finish_saving() -> None:
    """Wait for the files that the running callback sends and has not awaited.

    Raises
    ------
    MisuseError
        A file could not be stored, and nobody has been told.
    """
    running = _running.get()
    saving = running.chat.saving if running is not None and running.chat is not None else None
    while saving:
        await asyncio.wrap_future(saving.pop())


def running_password_check() -> CheckPassword:
    """Return the check of seeded accounts, or explain where it works."""
    running = _running.get()
    if running is None or running.check_password is None:
        raise MisuseError(
            "seeded_user was called outside @password_auth_callback. Write "
            "`chat_profiles.password_auth_callback(chat_profiles.seeded_user)`, or call it in that "
            "callback."
        )
    return running.check_password


def running_submit(used: str) -> Submit:
    """Return what starts a coroutine on the loop, or explain where ``used`` works."""
    running = _running.get()
    if running is None or running.submit is None:
        raise MisuseError(
            f"{used} was used outside a callback. It works in a `def` callback and in what that "
            "calls. At the top level of the app file write `asyncio.run(...)`, and keep no client "
            "that was made in it: its loop ends at once. "
            f"{OWN_THREADS}"
        )
    return running.submit
