"""The call that is running: which chat it belongs to, and where its messages go."""

from __future__ import annotations

import copy
import threading
import uuid
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from webapp.authoring.chat_message import ASSISTANT, DIVIDER
from webapp.authoring.errors import MisuseError
from webapp.authoring.transcript import Transcript
from webapp.authoring.types import ChatProfile, User

OWN_THREADS = (
    "A thread that you start yourself knows its chat when it runs "
    "`contextvars.copy_context().run(function)`, or comes from `asyncio.to_thread` or `make_async`."
)


class Values:
    """The chat's own values; closed when the call ends, like the `Transcript`."""

    def __init__(self, values: dict[str, Any] | None = None) -> None:
        self._lock = threading.Lock()
        self._values = dict(values or {})
        self._closed = False

    def get(self, key: str, default: Any) -> Any:
        """Return the value of ``key``, or ``default``."""
        return self._values.get(key, default)

    def set(self, key: str, value: Any) -> None:
        """Take a value, or say why it can no longer be taken."""
        with self._lock:
            if self._closed:
                raise MisuseError(
                    "user_session.set() came after the callback had ended (or had used up its "
                    "time), so it would be lost. Await or join what you start before you return."
                )
            self._values[key] = value

    def copy(self) -> dict[str, Any]:
        """Return the values as they are now, in a copy to the last list."""
        with self._lock:
            return copy.deepcopy(self._values)

    def now(self) -> dict[str, Any]:
        """Return the values as they are now: the objects themselves."""
        with self._lock:
            return dict(self._values)

    def close(self) -> dict[str, Any]:
        """Stop taking values and return those that were taken."""
        with self._lock:
            self._closed = True
            return self._values


# Id, role and text of what was said before this call, oldest first.
Earlier = Callable[[], list[tuple[uuid.UUID, str, str]]]


@dataclass
class ChatContext:
    """The chat that a callback runs in."""

    chat_id: str
    user: User | None
    chat_profile: str | None
    values: Values = field(default_factory=Values)
    transcript: Transcript = field(default_factory=Transcript)
    earlier: Earlier = list
    # What its user is offered, by name; none where another profile cannot begin.
    offered: Mapping[str, ChatProfile] | None = None
    # The message that is being answered, and what was said in this turn before that began.
    answers: uuid.UUID | None = None
    said_first: frozenset[uuid.UUID] = frozenset()

    def __post_init__(self) -> None:
        self.transcript.profile = self.chat_profile

    def so_far(self) -> list[tuple[uuid.UUID, str, str]]:
        """Return what was said before this call and in it: the conversation at this moment."""
        said = self.transcript.said()
        # What this call has changed or taken back is stored with it, and not before.
        here = {message.id: message.content for message in said}
        before = [(i, role, here.get(i, content)) for i, role, content in self.earlier()]
        new = [m for m in said if not (m.earlier or m.kind == DIVIDER)]
        own = [(m.id, ASSISTANT, m.content) for m in new]
        # What was said meanwhile, as when the chat was resumed, comes before what is answered now.
        asked = [one for one in before if one[0] == self.answers]
        others = [one for one in before if one[0] != self.answers]
        first = [one for one in own if one[0] in self.said_first]
        return [*others, *first, *asked, *(one for one in own if one[0] not in self.said_first)]


CheckPassword = Callable[[str, str], User | None]
Submit = Callable[[Coroutine[Any, Any, Any]], Future[Any]]


@dataclass(frozen=True)
class Running:
    """What the functions an author calls can reach while a callback runs."""

    chat: ChatContext | None = None
    check_password: CheckPassword | None = None
    # Starts a coroutine on the loop of the process, in a copy of the context that is current then.
    submit: Submit | None = None


_running: ContextVar[Running | None] = ContextVar("webapp_running", default=None)


def enter(running: Running) -> None:
    """Set what is running, in the context that the callback will run in."""
    _running.set(running)


def running_chat(used: str) -> ChatContext:
    """Return the chat of the running callback, or teach where ``used`` works."""
    running = _running.get()
    if running is None or running.chat is None:
        raise MisuseError(
            f"{used} was used outside a chat. It works inside @on_chat_start, @on_message and "
            "the other callbacks that run for one chat: not at the top level of the app file, nor "
            "in those that do not, such as @set_chat_profiles. "
            f"{OWN_THREADS}"
        )
    return running.chat


def running_password_check() -> CheckPassword:
    """Return the check of seeded accounts, or teach where it works."""
    running = _running.get()
    if running is None or running.check_password is None:
        raise MisuseError(
            "seeded_user was called outside @password_auth_callback. Write "
            "`webapp.password_auth_callback(webapp.seeded_user)`, or call it in that callback."
        )
    return running.check_password


def running_submit(used: str) -> Submit:
    """Return the way to the loop of the process, or teach where ``used`` works."""
    running = _running.get()
    if running is None or running.submit is None:
        raise MisuseError(
            f"{used} was used outside a callback. It works in a `def` callback and in what that "
            "calls. At the top level of the app file write `asyncio.run(...)`, and keep no client "
            "that was made in it: its loop ends at once. "
            f"{OWN_THREADS}"
        )
    return running.submit
