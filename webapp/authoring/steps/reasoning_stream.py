"""`ReasoningStream`: the reasoning of a model as a step, and its answer as a message."""

from __future__ import annotations

import time
from contextlib import suppress
from types import TracebackType
from typing import Self

from webapp.authoring.awaitable_object import AwaitableObject
from webapp.authoring.errors import MisuseError
from webapp.authoring.messages.message import Message
from webapp.authoring.reasoning import ReasoningParser, ReasoningPart
from webapp.authoring.steps.details import shown_time
from webapp.authoring.steps.step import Step, now


class ReasoningStream(AwaitableObject):
    """Streams what a model writes: its reasoning into a step, and its answer into a message.

    Reasoning is what stands in ``<think>...</think>``, or what you give to `stream_reasoning`. The
    step is called "Thinking", and "Thought for 12 s" afterwards. A model that does not reason gets
    no step. The methods act at once. You may await them or not.

    Parameters
    ----------
    message:
        Gets the answer. Send it at the end.
    name, name_after:
        Of the step while the model reasons and afterwards. ``{time}`` is how long it took.
    tag:
        The name of the tag.
    starts_with_reasoning:
        ``True`` for a model that never writes the first tag, ``False`` for one that always does.
        Without it, both are understood.
    default_open:
        Whether people see the reasoning without opening the step.

    Example
    -------
    ::

        @cl.on_message
        async def on_message():
            stream = await client.chat.completions.create(
                model="...", messages=cl.chat_history(), stream=True
            )
            answer = cl.Message()
            async with cl.ReasoningStream(answer) as reply:
                async for chunk in stream:
                    reply.stream_token(chunk.choices[0].delta.content)
            await answer.send()
    """

    def __init__(
        self,
        message: Message,
        name: str = "Thinking",
        name_after: str = "Thought for {time}",
        *,
        tag: str = "think",
        starts_with_reasoning: bool | None = None,
        default_open: bool = False,
    ) -> None:
        self.message = message
        self.step: Step | None = None
        self._parser = ReasoningParser(tag, starts_with_reasoning=starts_with_reasoning)
        self._name, self._name_after = name, name_after
        self._default_open = default_open
        self._seconds = 0.0
        self._began_at: float | None = None

    @property
    def reasoning(self) -> str:
        """The reasoning that stood in tags so far."""
        return self._parser.reasoning

    @property
    def answer(self) -> str:
        """The answer so far."""
        return self._parser.answer

    def stream_token(self, token: str | None) -> ReasoningStream:
        """Show a token of the model where it belongs. ``None`` is ignored.

        Raises
        ------
        MisuseError
            As for `Message.stream_token`.
        """
        for part in self._parser.feed(token):
            self._show(part)
        return self

    def stream_reasoning(self, token: str | None) -> ReasoningStream:
        """Show a token of reasoning that the model gives apart, as in ``reasoning_content``.

        Raises
        ------
        MisuseError
            As for `Step.stream_token`.
        """
        if token:
            self._think(token)
        return self

    def finish(self) -> ReasoningStream:
        """Show the rest. The ``with`` block does so at its end.

        Raises
        ------
        MisuseError
            As for `Message.stream_token`.
        """
        for part in self._parser.finish():
            self._show(part)
        self._end_thinking()
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        del kind, traceback
        if error is None:
            self.finish()
            return
        # The error matters more than that the user has pressed Stop meanwhile.
        with suppress(MisuseError):
            self.finish()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.__exit__(kind, error, traceback)

    def _show(self, part: ReasoningPart) -> None:
        message, step = self.message, self.step
        if part.is_reasoning:
            left = message.content[: -part.taken_back] if part.taken_back else ""
            if left:
                message.stream_token(left, is_sequence=True)
            elif part.taken_back:
                # The step comes before the answer, so the answer begins anew.
                message.remove()
                message.content = ""
            self._think(part.text)
            return
        if part.taken_back and step is not None:
            left = step.output[: -part.taken_back]
            if left:
                step.stream_token(left, is_sequence=True)
            else:
                step.remove()
                self.step = self._began_at = None
        self._end_thinking()
        message.stream_token(part.text)

    def _think(self, token: str) -> None:
        if self._began_at is None:
            self._began_at = time.monotonic()
            self.step = self.step or Step(type="llm", default_open=self._default_open)
            self.step.name = self._name
            self.step.start, self.step.end = self.step.start or now(), None
        if self.step is not None:
            self.step.stream_token(token)

    def _end_thinking(self) -> None:
        if self._began_at is None or self.step is None:
            return
        self._seconds += time.monotonic() - self._began_at
        self._began_at = None
        self.step.name = self._name_after.replace("{time}", shown_time(self._seconds))
        self.step.end = now()
        self.step.update()
