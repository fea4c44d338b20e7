"""`context`: where the running code is. Chainlit's name for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from webapp.authoring.context import ChatContext, running_chat
from webapp.authoring.inputs.chat_settings import values_now
from webapp.authoring.inputs.emitter import Emitter
from webapp.authoring.loading.missing_names import CONTEXT_NOT_YET, SESSION_NOT_YET, missing_name
from webapp.authoring.steps.step import Step, current_step
from webapp.authoring.user_session import CLIENT_TYPE
from webapp.authoring.users.user import User

CONTEXT_NAMES = ("session", "current_step", "current_run", "emitter")
SESSION_NAMES = (
    "id",
    "thread_id",
    "user",
    "chat_profile",
    "client_type",
    "chat_settings",
    "user_env",
    "mcp_sessions",
)


class Run(Step):
    """The call of the callback itself, which has an id and is not shown."""

    def _show(self, used: str) -> None:
        running_chat(used).transcript.note_activity(used)


class SessionContext:
    """The running chat, as `context.session`."""

    client_type = CLIENT_TYPE

    def __init__(self, chat: ChatContext) -> None:
        self._chat = chat

    @property
    def id(self) -> str:
        """The id of the chat."""
        return self._chat.chat_id

    @property
    def thread_id(self) -> str:
        """The id of the chat."""
        return self._chat.chat_id

    @property
    def user(self) -> User | None:
        """Who is signed in."""
        return self._chat.user

    @property
    def chat_profile(self) -> str | None:
        """The name of the profile."""
        return self._chat.chat_profile

    @property
    def chat_settings(self) -> dict[str, Any]:
        """What is set in `ChatSettings`."""
        return values_now(self._chat)

    @property
    def user_env(self) -> dict[str, str]:
        """The keys that the user has entered, by name. See ``env`` of `user_session`."""
        return dict(self._chat.keys)

    @property
    def mcp_sessions(self) -> Mapping[str, tuple[Any, None]]:
        """The servers of tools that the administrator lists, each with a session, by name."""
        return self._chat.tool_sessions()

    if not TYPE_CHECKING:  # or a type checker would accept every name

        def __getattr__(self, name: str) -> NoReturn:
            """Explain what to use instead of a name that does not exist."""
            raise missing_name("context.session", name, SESSION_NAMES, SESSION_NOT_YET)


class RunContext:
    """Where the running code is: in which chat, and in which step.

    Example
    -------
    ::

        @cl.step(type="llm")
        async def think(question):
            cl.context.current_step.language = "json"
    """

    @property
    def session(self) -> SessionContext:
        """The running chat."""
        return SessionContext(running_chat("context.session"))

    @property
    def current_step(self) -> Step:
        """The step around the running code. Outside all steps it is `current_run`."""
        running_chat("context.current_step")
        return current_step() or self.current_run

    @property
    def current_run(self) -> Step:
        """The call of the callback. Its ``id`` can be a ``parent_id``. It is not shown itself."""
        chat = running_chat("context.current_run")
        name = "on_chat_start" if chat.answers is None else "on_message"
        return Run(name=name, type="run", id=chat.run_id)

    @property
    def emitter(self) -> Emitter:
        """What sets the commands and the modes of the chat."""
        return Emitter(running_chat("context.emitter"))

    if not TYPE_CHECKING:  # or a type checker would accept every name

        def __getattr__(self, name: str) -> NoReturn:
            """Explain what to use instead of a name that does not exist."""
            raise missing_name("context", name, CONTEXT_NAMES, CONTEXT_NOT_YET)


context = RunContext()
