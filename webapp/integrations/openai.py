"""What the client of OpenAI is asked for, as steps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from functools import wraps
from typing import Any, Protocol

from openai import AsyncStream, Stream
from openai.resources.chat.completions import AsyncCompletions as AsyncChatCompletions
from openai.resources.chat.completions import Completions as ChatCompletions
from openai.resources.completions import AsyncCompletions, Completions
from openai.resources.embeddings import AsyncEmbeddings, Embeddings
from openai.resources.responses import AsyncResponses, Responses
from pydantic import BaseModel

from webapp.authoring.steps.step import StepType
from webapp.integrations.framework_step import LONG_TEXT, ContextFinder, FrameworkStep
from webapp.integrations.values import count_numbers, join_answer

# Marks what was instrumented already.
_ORIGINAL = "__webapp_original__"


class AnswerReader(Protocol):
    """Reads what a server answers."""

    def feed(self, chunk: Any) -> str:
        """Return the text of a piece of a streamed answer."""

    @property
    def ended(self) -> bool:
        """Whether the answer is whole, although the stream may go on."""

    @property
    def failed(self) -> bool:
        """Whether the server has told an error within the stream."""

    def written(self) -> Any:
        """Return what all pieces say together."""

    def read(self, answer: Any) -> Any:
        """Return what a whole answer says."""


def instrument_openai() -> None:
    """Show what the `openai` client is asked for as steps, from now on and wherever it is called.

    It serves chat completions, responses, completions and embeddings, of `OpenAI` and
    `AsyncOpenAI`, streamed or not. What a model writes is shown while it writes. Outside a chat
    nothing changes. You may call it more than once.

    Example
    -------
    ::

        cl.instrument_openai()
        client = AsyncOpenAI()

        @cl.on_message
        async def on_message(message: cl.Message):
            answer = await client.chat.completions.create(
                model="...", messages=cl.chat_history()
            )
            await cl.Message(content=answer.choices[0].message.content).send()
    """
    for owner, name, is_async, kind, asked, reader in _CALLS:
        original = getattr(owner, name, None)
        if original is None or hasattr(original, _ORIGINAL):
            continue
        recorder = _Recorder(kind, asked, reader)
        record = recorder.record_async if is_async else recorder.record
        recorded = wraps(original)(record(original))
        setattr(recorded, _ORIGINAL, original)
        setattr(owner, name, recorded)


class _ChatReader:
    """Reads chat completions."""

    def __init__(self) -> None:
        self.ended = self.failed = False
        self._texts: list[str] = []
        self._calls: dict[int, dict[str, str]] = {}

    def feed(self, chunk: Any) -> str:
        choice = _first_choice(chunk)
        if choice is None or choice.delta is None:
            return ""
        for part in choice.delta.tool_calls or ():
            call = self._calls.setdefault(part.index, {"name": "", "arguments": ""})
            if part.function is not None:
                call["name"] += part.function.name or ""
                call["arguments"] += part.function.arguments or ""
        self.ended = self.ended or choice.finish_reason is not None
        text = choice.delta.content or choice.delta.refusal or ""
        self._texts.append(text)
        return text

    def written(self) -> Any:
        calls = [self._calls[index] for index in sorted(self._calls)]
        return join_answer("".join(self._texts), calls, LONG_TEXT)

    def read(self, answer: Any) -> Any:
        message = answer.choices[0].message
        calls = [_read_call(call) for call in message.tool_calls or ()]
        return join_answer(message.content or message.refusal or "", calls, LONG_TEXT)


class _CompletionReader:
    """Reads completions of a prompt."""

    def __init__(self) -> None:
        self.ended = self.failed = False
        self._texts: list[str] = []

    def feed(self, chunk: Any) -> str:
        choice = _first_choice(chunk)
        text = "" if choice is None else choice.text or ""
        self.ended = self.ended or (choice is not None and choice.finish_reason is not None)
        self._texts.append(text)
        return text

    def written(self) -> Any:
        return "".join(self._texts)

    def read(self, answer: Any) -> Any:
        return answer.choices[0].text


class _ResponseReader:
    """Reads responses."""

    def __init__(self) -> None:
        self.ended = self.failed = False
        self._texts: list[str] = []
        self._whole: Any = None

    def feed(self, chunk: Any) -> str:
        if chunk.type in ("response.completed", "response.incomplete"):
            self._whole, self.ended = self.read(chunk.response), True
        self.failed = self.failed or chunk.type in ("response.failed", "error")
        if chunk.type != "response.output_text.delta":
            return ""
        self._texts.append(chunk.delta)
        return str(chunk.delta)

    def written(self) -> Any:
        return self._whole or "".join(self._texts)

    def read(self, answer: Any) -> Any:
        calls = [
            {"name": item.name, "arguments": item.arguments}
            for item in answer.output
            if item.type == "function_call"
        ]
        return join_answer(answer.output_text, calls, LONG_TEXT)


class _EmbeddingReader(_CompletionReader):
    """Reads embeddings."""

    def read(self, answer: Any) -> Any:
        return count_numbers([each.embedding for each in answer.data])


class _Recorder:
    """Makes a step of each call of a method."""

    def __init__(self, kind: StepType, asked: str, reader: Callable[[], AnswerReader]) -> None:
        self._kind = kind
        self._asked = asked
        self._reader = reader

    def record(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return a method that does the same, and shows what it does."""

        def call(client: Any, *args: Any, **kwargs: Any) -> Any:
            step = self._begin(kwargs)
            if step is None:
                return original(client, *args, **kwargs)
            try:
                answer = original(client, *args, **kwargs)
            except BaseException:
                step.fail()
                raise
            return self._note_answer(step, answer, self._watch)

        return call

    def record_async(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return an async method that does the same, and shows what it does."""

        async def call(client: Any, *args: Any, **kwargs: Any) -> Any:
            step = self._begin(kwargs)
            if step is None:
                return await original(client, *args, **kwargs)
            try:
                answer = await original(client, *args, **kwargs)
            except BaseException:
                step.fail()
                raise
            return self._note_answer(step, answer, self._watch_async)

        return call

    def _begin(self, arguments: dict[str, Any]) -> FrameworkStep | None:
        context = ContextFinder().find()
        if context is None:
            return None
        name = str(arguments.get("model") or "OpenAI")
        step = FrameworkStep(context, name, self._kind)
        step.begin(arguments.get(self._asked))
        return step

    def _note_answer(
        self, step: FrameworkStep, answer: Any, watch: Callable[[FrameworkStep, Any], Any]
    ) -> Any:
        iterator = getattr(answer, "_iterator", None)
        if iterator is not None and isinstance(answer, Stream | AsyncStream):
            # The stream stays what it is. Only what it reads from is watched.
            answer._iterator = watch(step, iterator)
        elif isinstance(answer, BaseModel):
            step.finish_with(lambda: self._reader().read(answer))
        else:  # with_raw_response, which the caller reads
            step.finish(None)
        return answer

    def _watch(self, step: FrameworkStep, chunks: Iterator[Any]) -> Iterator[Any]:
        reader = self._reader()
        try:
            for chunk in chunks:
                _note_chunk(step, reader, chunk)
                yield chunk
        except GeneratorExit:  # nobody reads on
            raise
        except BaseException:
            step.fail()
            raise
        step.finish_with(reader.written)

    async def _watch_async(
        self, step: FrameworkStep, chunks: AsyncIterator[Any]
    ) -> AsyncIterator[Any]:
        reader = self._reader()
        try:
            async for chunk in chunks:
                _note_chunk(step, reader, chunk)
                yield chunk
        except GeneratorExit:  # nobody reads on
            raise
        except BaseException:
            step.fail()
            raise
        step.finish_with(reader.written)


def _note_chunk(step: FrameworkStep, reader: AnswerReader, chunk: Any) -> None:
    token = step.read(lambda: reader.feed(chunk))
    if token:
        step.stream(token)
    if reader.failed:
        step.fail()
    elif reader.ended:
        # Who has all of the answer need not read the stream to its end.
        step.finish_with(reader.written)


def _first_choice(chunk: Any) -> Any:
    """Return what is said by the first of the answers that a model writes at the same time."""
    return next((choice for choice in chunk.choices or () if choice.index == 0), None)


def _read_call(call: Any) -> dict[str, Any]:
    function = getattr(call, "function", None)
    if function is not None:
        return {"name": function.name, "arguments": function.arguments}
    custom = call.custom
    return {"name": custom.name, "arguments": custom.input}


# Whose method it is, whether it is async, and what a step shows of its arguments and its answer.
_CALLS: tuple[tuple[type, str, bool, StepType, str, Callable[[], AnswerReader]], ...] = (
    (ChatCompletions, "create", False, "llm", "messages", _ChatReader),
    (ChatCompletions, "parse", False, "llm", "messages", _ChatReader),
    (AsyncChatCompletions, "create", True, "llm", "messages", _ChatReader),
    (AsyncChatCompletions, "parse", True, "llm", "messages", _ChatReader),
    (Completions, "create", False, "llm", "prompt", _CompletionReader),
    (AsyncCompletions, "create", True, "llm", "prompt", _CompletionReader),
    (Responses, "create", False, "llm", "input", _ResponseReader),
    (Responses, "parse", False, "llm", "input", _ResponseReader),
    (AsyncResponses, "create", True, "llm", "input", _ResponseReader),
    (AsyncResponses, "parse", True, "llm", "input", _ResponseReader),
    (Embeddings, "create", False, "embedding", "input", _EmbeddingReader),
    (AsyncEmbeddings, "create", True, "embedding", "input", _EmbeddingReader),
)
