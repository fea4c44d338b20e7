"""A step for each thing that a framework does, in the chat that it does it for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextvars import Context, copy_context
from functools import wraps
from typing import Any, ParamSpec

from webapp.authoring.context import ChatContext, running_chat
from webapp.authoring.elements.texts import Text
from webapp.authoring.errors import MisuseError, StoppedError
from webapp.authoring.steps.step import Step, StepType, now
from webapp.authoring.steps.texts import CUT
from webapp.integrations.values import Simplify, hide_secrets, read_value

# A callback may send 1,000 messages and 4,000,000 characters. The answer of the app must fit in.
MOST_STEPS = 500
LONG_STEPS = 50
LONG_TEXT = 20_000
SHORT_TEXT = 1_000
# Each of them is a file.
MOST_SOURCES = 20

NOT_SHOWN = "A step of a framework could not be shown."

P = ParamSpec("P")
logger = logging.getLogger("webapp")


def chat_here() -> ChatContext | None:
    """Return the chat that runs here, if any does."""
    try:
        return running_chat("A step")
    except MisuseError:
        return None


class ContextFinder:
    """Finds the context of the chat that a framework works for.

    That is the context of the caller. A thread that the framework starts without it gets the last
    one of the chat in which this was made, unless several chats use it.
    """

    def __init__(self) -> None:
        chat = chat_here()
        self._chat_id = chat.chat_id if chat is not None else None
        self._last = copy_context() if chat is not None else None

    def find(self) -> Context | None:
        """Return the context of the chat, or ``None`` outside all chats."""
        chat = chat_here()
        if chat is None:
            return self._last
        context = copy_context()
        if chat.chat_id != self._chat_id:
            self._chat_id = self._last = None
        elif self._chat_id is not None:
            self._last = context
        return context


class FrameworkStep:
    """A step of a framework. What cannot be shown breaks nothing.

    Only `begin` and `stream` raise an error, the ``StoppedError``, so that the framework does no
    further work once the user has pressed Stop.

    Parameters
    ----------
    context:
        Of the chat. All that the framework tells later is told there, whatever thread tells it.
    simplify:
        As for `read_value`.
    """

    def __init__(
        self,
        context: Context,
        name: str,
        kind: StepType,
        *,
        simplify: Simplify = lambda value: value,
        step_id: str | None = None,
        parent_id: str | None = None,
    ) -> None:
        self._context = context
        self._simplify = simplify
        self._text_limit = LONG_TEXT
        self._streamed = 0
        self._is_shown = False
        self.step = Step(name=hide_secrets(name), type=kind, id=step_id, parent_id=parent_id)

    def begin(self, value: object) -> None:
        """Show that it runs, and what goes in."""
        self._tell(lambda: self._begin(value), may_stop=True)

    def stream(self, token: str) -> None:
        """Show a token of what comes out."""
        self._tell(lambda: self._stream(token), may_stop=True)

    def note_input(self, value: object) -> None:
        """Note what went in, where the framework tells it only at the end."""
        self._tell(lambda: self._set_input(value))

    def finish(self, value: object) -> None:
        """Show what came out. ``None`` leaves what was streamed."""
        self._tell(lambda: self._finish(value))

    def finish_with(self, make: Callable[[], object]) -> None:
        """Show what came out, which ``make`` reads from an object of the framework."""
        if self.step.end is None:
            self.finish(self.read(make))

    def add_sources(self, make: Callable[[], Sequence[str]]) -> None:
        """Let the user open each text that was found beside the chat: ``Source 0`` and so on."""
        # Of very many searches, the text of the step has to do.
        may_be_long = self._is_shown and self._text_limit == LONG_TEXT
        found = self.read(make) if may_be_long else None
        self.step.elements += [
            Text(
                name=f"Source {number}",
                content=read_value(text, self._text_limit, self._simplify),
                display="side",
            )
            for number, text in enumerate((found or ())[:MOST_SOURCES])
            if text
        ]

    def read(self, make: Callable[[], object]) -> Any:
        """Return what ``make`` reads from an object of the framework, or ``None`` if it fails."""
        return tell(self._context, make)

    def fail(self) -> None:
        """Mark the step as failed. Its error goes to the app, and from there to the log."""

        def mark() -> None:
            self.step.is_error = True
            self._end()

        self._tell(mark)

    def _begin(self, value: object) -> None:
        chat = running_chat("A step")
        if len(chat.steps) >= MOST_STEPS:
            return
        if len(chat.steps) >= LONG_STEPS:
            self._text_limit = SHORT_TEXT
        self._is_shown = chat.shows_steps(self.step.type)
        self._set_input(value)
        self.step.start = now()
        self.step.send()

    def _stream(self, token: str) -> None:
        if self.step.start is None:
            return
        left = self._text_limit - self._streamed
        self._streamed += len(token)
        if left > 0:
            self.step.stream_token(token if len(token) <= left else token[:left] + CUT)
        else:
            # It says nothing more, and is at work all the same.
            running_chat("A step").transcript.note_activity("A step")

    def _set_input(self, value: object) -> None:
        if self._is_shown and value is not None:
            self.step.input = read_value(value, self._text_limit, self._simplify)

    def _finish(self, value: object) -> None:
        if self._is_shown and value is not None:
            self.step.output = read_value(value, self._text_limit, self._simplify)
        self._end()

    def _end(self) -> None:
        if self.step.start is not None and self.step.end is None:
            self.step.end = now()
            self.step.update()

    def _tell(self, act: Callable[[], Any], *, may_stop: bool = False) -> None:
        tell(self._context, act, may_stop=may_stop)


def quietly(function: Callable[P, None]) -> Callable[P, None]:
    """Let a function that a framework calls raise nothing, but what ends the work after Stop."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except StoppedError:
            raise
        except Exception:  # it may come from any object that is read
            logger.warning(NOT_SHOWN, exc_info=True)

    return call


def tell(context: Context, act: Callable[[], Any], *, may_stop: bool = False) -> Any:
    """Show something in a chat, if that is possible, and return what ``act`` returns.

    Raises
    ------
    StoppedError
        The user has pressed Stop, and ``may_stop`` says that this is the place to end the work.
    """
    try:
        # In a copy: a context cannot be entered by two threads at once.
        return context.copy().run(act)
    except StoppedError:
        if may_stop:
            raise
        return None
    except MisuseError:  # the callback has ended, or has sent all that it may
        return None
    except Exception:  # objects of others are read, and the app must go on
        logger.warning(NOT_SHOWN, exc_info=True)
        return None
