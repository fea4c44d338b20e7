"""Waiting for the answer to a question: on the loop with `await`, elsewhere in its own thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from webapp.authoring.awaitable_object import is_on_loop
from webapp.authoring.context import ChatContext
from webapp.authoring.errors import MisuseError, StoppedError
from webapp.authoring.questions.open_questions import OpenQuestions
from webapp.authoring.questions.question import (
    ANSWERED,
    STOPPED,
    TIMED_OUT,
    OpenQuestion,
    Outcome,
)
from webapp.authoring.tools import make_async

T = TypeVar("T")


class PendingAnswer(Coroutine[Any, Any, T | None], Generic[T]):
    """What ``send()`` returns in an ``async def``: await it, or make a task of it.

    In a ``def`` callback, ``send()`` waits by itself and returns the answer.
    """

    def __init__(self, wait: Callable[[], Coroutine[Any, Any, T | None]]) -> None:
        self._wait = wait
        self._waiting: Coroutine[Any, Any, T | None] | None = None

    def __await__(self) -> Generator[Any, Any, T | None]:
        """Wait for the answer, and return it."""
        return self._started().__await__()

    def send(self, value: Any) -> Any:
        """Go on waiting, as a task does."""
        return self._started().send(value)

    def throw(self, *error: Any) -> Any:
        """Raise the error with which a task ends the wait."""
        return self._started().throw(*error)

    def close(self) -> None:
        """Wait no longer."""
        if self._waiting is not None:
            self._waiting.close()

    def _started(self) -> Coroutine[Any, Any, T | None]:
        if self._waiting is None:
            self._waiting = self._wait()
        return self._waiting

    if TYPE_CHECKING:  # in a `def` callback it is the answer itself

        def __getattr__(self, name: str) -> Any: ...
        def __getitem__(self, key: Any) -> Any: ...
        def __len__(self) -> int: ...
        def __iter__(self) -> Any: ...

    else:

        def __getitem__(self, key):
            """Say what is missing."""
            raise MisuseError("This is no answer yet: write `await ...send()` in an `async def`.")


def wait_for_answer(
    questions: OpenQuestions,
    question: OpenQuestion,
    read: Callable[[Outcome], T | None],
    *,
    raise_on_timeout: bool,
    in_thread: bool = False,
) -> PendingAnswer[T]:
    """Wait until a question has ended, and return what ``read`` makes of that.

    Parameters
    ----------
    in_thread:
        Whether ``read`` may take its time, so that it must not hold up the loop.

    Raises
    ------
    TimeoutError
        The time for an answer is over, and the author wants to hear of that.
    StoppedError
        The user has pressed Stop, or the process ends.
    """

    def finish(outcome: Outcome) -> T | None:
        if questions.is_closed and outcome.status not in (ANSWERED, TIMED_OUT):
            raise StoppedError("The turn has ended while its question was open. Let this pass.")
        result = read(outcome)
        if outcome.status == TIMED_OUT and raise_on_timeout:
            raise TimeoutError(f"Nobody answered within {question.timeout:g} seconds.")
        return result

    async def wait() -> T | None:
        try:
            outcome = await asyncio.wrap_future(question.ended)
        except asyncio.CancelledError:
            questions.settle(question.id, STOPPED)  # nobody waits for the answer any more
            raise
        if questions.is_closed and outcome.status not in (ANSWERED, TIMED_OUT):
            raise asyncio.CancelledError
        return await make_async(finish)(outcome) if in_thread else finish(outcome)

    if is_on_loop():
        return PendingAnswer(wait)
    return cast("PendingAnswer[T]", finish(question.ended.result()))


def find_questions(chat: ChatContext, used: str) -> OpenQuestions:
    """Return the questions of the running turn.

    Raises
    ------
    MisuseError
        Its callback cannot ask.
    """
    if chat.questions is None:
        raise MisuseError(
            f"{used} cannot ask here, where nobody waits for an answer. Ask in @on_chat_start, "
            "@on_message, @on_chat_resume or @action_callback."
        )
    return chat.questions
