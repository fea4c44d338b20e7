"""`Step`: a part of the work on an answer, and what went in and came out of it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, ParamSpec, Self, TypeVar

from webapp.authoring.awaitable_object import AwaitableObject, Done
from webapp.authoring.chat_message import STEP, ElementData
from webapp.authoring.context import ChatContext, running_chat_of
from webapp.authoring.draft import MessageTarget
from webapp.authoring.elements.element import Element, check_elements, store_elements
from webapp.authoring.errors import MisuseError, refuse_unknown_arguments
from webapp.authoring.loading.missing_names import STEP_NOT_YET, missing_name
from webapp.authoring.steps.details import StepDetails
from webapp.authoring.steps.recording import record_calls
from webapp.authoring.steps.texts import LANGUAGE_LIMIT, cut, describe_value, language_of
from webapp.authoring.text import clean_text

P = ParamSpec("P")
R = TypeVar("R")
StepType = Literal["run", "tool", "llm", "embedding", "retrieval", "rerank", "undefined"]

NAME_LIMIT = 200
TYPE_LIMIT = 40
_LANGUAGE = re.compile(r"[^\w+#.-]")
_ATTRIBUTES = (
    "name type id parent_id elements metadata tags language icon default_open auto_collapse "
    "show_input input output is_error start end created_at generation thread_id streaming"
)
NAMES = (*_ATTRIBUTES.split(), "send", "stream_token", "update", "remove")

_current: ContextVar[Step | None] = ContextVar("webapp_step", default=None)


def current_step() -> Step | None:
    """Return the step in whose ``with`` block or decorated function the caller is."""
    return _current.get()


class LocalSteps:
    """The steps around the running code, as Chainlit's `local_steps` has them.

    Example
    -------
    ::

        from chat_profiles.context import local_steps

        outer = (local_steps.get() or [None])[-1]
    """

    def get(self, default: list[Step] | None = None) -> list[Step] | None:
        """Return the steps, the outermost first; ``default`` outside of all steps."""
        steps, step = [], _current.get()
        while step is not None:
            steps.append(step)
            step = step._around
        return steps[::-1] or default


@refuse_unknown_arguments
class Step(AwaitableObject):
    """A step on the way to an answer. People can open it, and see what went in and came out.

    Use it in a ``with`` or ``async with`` block. It is shown when the block begins, and a step that
    begins within the block is shown inside. An error that leaves the block marks it as failed. Its
    methods act at once. You may await them or not.

    Parameters
    ----------
    name:
        What people read, at most 200 characters. If you leave it out, the chat profile or the app.
    type:
        ``"run"``, ``"tool"``, ``"llm"``, ``"embedding"``, ``"retrieval"``, ``"rerank"`` or
        ``"undefined"``. With ``set_cot("tool_call")`` only tools are shown.
    id:
        A name for it in this call, to be given as ``parent_id``. Without it, the step has the id of
        what shows it, which later calls can give as ``for_id`` of an element, too.
    parent_id:
        The ``id`` of the step that it is shown in. If you leave it out, the step around it.
    elements:
        What it shows below its output, such as an ``Image``. At most 100.
    metadata, tags:
        Yours to read again. They are not stored.
    language:
        Of the output, if it is code. Without it the output is Markdown.
    icon:
        Has no effect.
    default_open:
        Whether people see its content without opening it.
    auto_collapse:
        Whether it closes when it has ended.
    show_input:
        ``False`` keeps the input to yourself. ``True`` shows it as Markdown, and the name of a
        language as code.
    thread_id:
        Has no effect: a step belongs to the chat that runs.

    Example
    -------
    ::

        async with cl.Step(name="Search", type="tool") as step:
            step.input = question
            step.output = await search(question)
    """

    def __init__(
        self,
        name: str | None = "",
        type: StepType | str = "undefined",
        id: str | None = None,
        parent_id: str | None = None,
        elements: Sequence[Element] | None = None,
        metadata: dict[str, Any] | None = None,
        tags: list[str] | None = None,
        language: str | None = None,
        icon: str | None = None,
        default_open: bool | None = False,
        auto_collapse: bool | None = False,
        show_input: bool | str = "json",
        thread_id: str | None = None,
    ) -> None:
        self.name = name or ""
        self.type = type or "undefined"
        self._id, self._is_named = id or None, bool(id)
        self.parent_id = parent_id
        self.elements = check_elements("Step", elements) if elements else []
        self.metadata = dict(metadata or {})
        self.tags = tags
        self.language = language
        self.icon = icon
        self.default_open = default_open
        self.auto_collapse = auto_collapse
        self.show_input = show_input
        self.thread_id = thread_id
        self.is_error: bool | None = False
        self.start: str | None = None
        self.end: str | None = None
        self.created_at = now()
        self.generation: Any = None
        self.streaming = False
        self._input = ""
        self._output: list[str] = []
        self._output_length = 0
        # The language of the input, where only its content tells.
        self._found_language = "text"
        # The step around it, and whether it is open itself.
        self._around: Step | None = None
        self._is_open = False
        # The messages that show this step and the one around it, and what is stored for it.
        self._message_id: uuid.UUID | None = None
        self._parent: uuid.UUID | None = None
        self._stored: tuple[list[Element], tuple[ElementData, ...]] = [], ()
        # The chat in which it was sent, and its profile then.
        self._chat_id: str | None = None
        self._profile: str | None = None
        self._is_shown = False

    @property
    def id(self) -> str:
        """The id of the step in its chat, or the name that you gave it for this call."""
        if self._id is None:
            self._id = str(uuid.uuid4())
        return self._id

    @id.setter
    def id(self, name: str) -> None:
        self._id, self._is_named = name, True

    @property
    def input(self) -> str:
        """What went in, as text. You may set any value: dicts and lists become JSON."""
        return self._input

    @input.setter
    def input(self, value: object) -> None:
        text, language = describe_value(value)
        self._input, self._found_language = text, language or language_of(text)

    @property
    def output(self) -> str:
        """What came out, as text. You may set any value: dicts and lists become JSON."""
        self._output = ["".join(self._output)]
        return self._output[0]

    @output.setter
    def output(self, value: object) -> None:
        text, language = describe_value(value)
        self._output, self._output_length = [text], len(text)
        if language is not None:
            self.language = language

    def send(self) -> Step:
        """Show the step as it is now, and return it.

        Raises
        ------
        MisuseError
            The call is outside a chat, the callback has ended, or a limit is exceeded.
        """
        self.streaming = False
        self._show("Step.send()")
        return self

    def update(self) -> Done:
        """Show the step as it is now. To await it gives ``True``.

        Raises
        ------
        MisuseError
            As for `send`.
        """
        self.streaming = False
        self._show("Step.update()")
        return Done(self)

    def stream_token(
        self, token: str | None, is_sequence: bool = False, is_input: bool = False
    ) -> Step:
        """Append ``token`` to the output, and return the step. The first token makes it appear.

        Parameters
        ----------
        token:
            Text. ``None`` and ``""``, which the clients of models send, are ignored.
        is_sequence:
            ``True`` if ``token`` is the whole text so far, which replaces the earlier text.
        is_input:
            ``True`` if it belongs to the input.

        Raises
        ------
        MisuseError
            As for `send`. Once the user has pressed Stop it is a ``StoppedError``.
        """
        used = "Step.stream_token()"
        chat = running_chat_of(used, "Step", self._chat_id)
        if not token:
            return self
        if not isinstance(token, str):
            raise MisuseError(f"stream_token takes text, not {type(token).__name__}.")
        was_streaming, self.streaming = self.streaming, True
        if is_input:
            self._input = cut(token if is_sequence else self._input + token)
            self._found_language = language_of(self._input)
            self._show(used)
            return self
        if is_sequence:
            self._output, self._output_length = [], 0
        token = cut(token, self._output_length)
        self._output.append(token)
        self._output_length += len(token)
        if is_sequence or not was_streaming or not self._is_shown:
            self._show(used)
        elif token:
            chat.transcript.stream(used, self._target(), token, None, ())
        return self

    def remove(self) -> Done:
        """Remove the step from the chat. One that was not sent stays as it is.

        To await it gives ``True``.

        Raises
        ------
        MisuseError
            As for `send`.
        """
        chat = running_chat_of("Step.remove()", "Step", self._chat_id)
        if self._is_shown:
            chat.transcript.remove("Step.remove()", self._target())
        self._message_id, self._chat_id, self._is_shown = None, None, False
        self._is_named = True  # what is sent again is another message
        self._stored = [], ()
        return Done(self)

    def __enter__(self) -> Self:
        self.start, self.end = now(), None
        self._stand_in(_current.get())
        self._is_open = True
        self._show("Step")
        _current.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        del kind, traceback
        self.end, self.streaming, self._is_open = now(), False, False
        self.leave()
        if error is None:
            self._show("Step")
            return
        # Who reads a generator may stop early. That is no failure.
        self.is_error = not isinstance(error, GeneratorExit)
        # The error matters more than that the user has pressed Stop meanwhile.
        with suppress(MisuseError):
            self._show("Step")

    async def __aenter__(self) -> Self:
        self.__enter__()
        await self
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)
        if error is None:
            await self

    def pause(self) -> Step | None:
        """Let whoever reads a generator go on outside of it. Return the step where it paused."""
        paused = _current.get()
        _current.set(self._open_around())
        return paused

    def resume(self, paused: Step | None) -> None:
        """Go on where a generator paused. It may be read from another step than before."""
        self._stand_in(_current.get())
        _current.set(paused)

    def leave(self) -> None:
        """Be the current step no more. It may have been left in another order, or elsewhere."""
        if _current.get() is self:
            _current.set(self._open_around())

    def _stand_in(self, around: Step | None) -> None:
        """Note the step around it, unless that is itself in this one: nothing stands in itself."""
        step = around
        while step is not None:
            if step is self:
                return
            step = step._around
        self._around = around

    def _open_around(self) -> Step | None:
        around = self._around
        while around is not None and not around._is_open:
            around = around._around
        return around

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Make a step like this one of each call of a function."""
        return record_calls(
            function,
            lambda: Step(
                name=self.name or getattr(function, "__name__", ""),
                type=self.type,
                parent_id=self.parent_id,
                metadata=self.metadata,
                tags=self.tags,
                language=self.language,
                icon=self.icon,
                default_open=self.default_open,
                auto_collapse=self.auto_collapse,
                show_input=self.show_input,
            ),
        )

    if not TYPE_CHECKING:  # or a type checker would accept every name

        def __getattr__(self, name: str) -> NoReturn:
            """Explain what to use instead of a name that does not exist."""
            raise missing_name("Step", name, NAMES, STEP_NOT_YET)

        def __setattr__(self, name: str, value: object) -> None:
            """Refuse to set an attribute that would have no effect."""
            if name not in NAMES and not name.startswith("_"):
                raise missing_name("Step", name, NAMES, STEP_NOT_YET)
            super().__setattr__(name, value)

    def __repr__(self) -> str:
        return f"Step(name={self.name[:40]!r}, type={self.type!r})"

    def _show(self, used: str) -> None:
        chat = running_chat_of(used, "Step", self._chat_id)
        is_new = self._chat_id is None
        if is_new:
            # Find the step that shows this one, and let steps within this one find theirs.
            self._chat_id, self._profile = chat.chat_id, chat.transcript.profile
            if not self._is_open:
                self._stand_in(_current.get())
            around = self._around.id if self._around is not None else None
            self._parent = chat.steps.get(self.parent_id or around or "")
            self._is_shown = chat.shows_steps(self.type)
            if self._is_shown:
                if self._id is not None and not self._is_named:
                    self._message_id = uuid.UUID(self._id)
                self._message_id = chat.transcript.reserve_id(self._target(is_new=True))
                if self._id is None:
                    self._id = str(self._message_id)
                chat.steps[self._id] = self._message_id
            else:
                chat.steps[self.id] = self._parent
                chat.hidden_steps.add(self.id)
        if not self._is_shown:
            chat.transcript.note_activity(used)
            return
        # At once, also if there are files to be stored: what is within it comes next.
        self._send_now(chat, used, is_new=is_new)
        if self.elements != self._stored[0]:
            self._save_then(chat.saving, lambda: self._store_elements(chat, used))

    def _store_elements(self, chat: ChatContext, used: str) -> None:
        if self._message_id is not None:
            elements = list(self.elements)
            self._stored = elements, store_elements(chat, self._message_id, elements)
            self._send_now(chat, used)

    def _send_now(self, chat: ChatContext, used: str, *, is_new: bool = False) -> None:
        is_under_way = self.start is not None and self.end is None and not self.is_error
        is_code = isinstance(self.show_input, str)
        shows_input = bool(self.show_input) and bool(self._input)
        language = self._found_language if self.show_input == "json" else str(self.show_input)
        chat.transcript.send(
            used,
            self._target(is_new=is_new),
            self.output,
            None,
            elements=self._stored[1],
            details=StepDetails(
                name=clean_text(str(self.name))[:NAME_LIMIT],
                type=clean_text(str(self.type))[:TYPE_LIMIT],
                parent=str(self._parent) if self._parent else None,
                input=clean_text(self._input) if shows_input else "",
                input_language=language_name(language) if shows_input and is_code else None,
                language=language_name(self.language) if self.language else None,
                is_error=bool(self.is_error),
                start=_time(self.start),
                end=_time(self.end),
                default_open=bool(self.default_open),
                auto_collapse=bool(self.auto_collapse),
            ).to_json(),
            grows=self.streaming or self._is_open or is_under_way,
        )

    def _target(self, *, is_new: bool = False) -> MessageTarget:
        return MessageTarget(self._message_id, sent=not is_new, profile=self._profile, kind=STEP)


def now() -> str:
    """Return the time as a step has it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _time(time: object) -> str | None:
    if isinstance(time, datetime):
        return time.isoformat()
    return None if time is None else clean_text(str(time))[:TYPE_LIMIT]


def language_name(language: str) -> str:
    """Return the name of a language, with nothing in it that Markdown could take for more."""
    return _LANGUAGE.sub("", clean_text(language))[:LANGUAGE_LIMIT]
