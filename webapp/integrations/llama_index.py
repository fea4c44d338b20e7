"""What LlamaIndex does, as steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from inspect import BoundArguments
from typing import Any
from weakref import WeakSet

from llama_index.core.callbacks.base_handler import BaseCallbackHandler
from llama_index.core.callbacks.schema import CBEventType, EventPayload
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.instrumentation.events import BaseEvent
from llama_index.core.instrumentation.events.llm import (
    LLMChatInProgressEvent,
    LLMCompletionInProgressEvent,
)
from llama_index.core.instrumentation.span import BaseSpan, active_span_id
from llama_index.core.instrumentation.span_handlers import BaseSpanHandler
from llama_index.core.llms import ChatMessage, ChatResponse, CompletionResponse
from llama_index.core.query_engine.sub_question_query_engine import SubQuestionAnswerPair
from llama_index.core.schema import BaseNode, NodeWithScore, QueryBundle
from llama_index.core.tools import BaseTool, ToolOutput
from llama_index_instrumentation import get_dispatcher
from pydantic import PrivateAttr

from webapp.authoring.errors import refuse_unknown_arguments
from webapp.authoring.steps.step import StepType
from webapp.integrations.framework_step import (
    LONG_TEXT,
    ContextFinder,
    FrameworkStep,
    chat_here,
    quietly,
)
from webapp.integrations.values import count_numbers, join_answer

TO_IGNORE = (
    CBEventType.CHUNKING,
    CBEventType.SYNTHESIZE,
    CBEventType.EMBEDDING,
    CBEventType.NODE_PARSING,
    CBEventType.TREE,
)
# What is not listed is no step: it says nothing that another does not say.
_STEP_TYPES: Mapping[CBEventType, StepType] = {
    CBEventType.QUERY: "run",
    CBEventType.RETRIEVE: "retrieval",
    CBEventType.RERANKING: "rerank",
    CBEventType.LLM: "llm",
    CBEventType.EMBEDDING: "embedding",
    CBEventType.FUNCTION_CALL: "tool",
    CBEventType.AGENT_STEP: "run",
    CBEventType.SUB_QUESTION: "undefined",
    CBEventType.SYNTHESIZE: "undefined",
    CBEventType.TREE: "undefined",
    CBEventType.CHUNKING: "undefined",
    CBEventType.NODE_PARSING: "undefined",
}
# Where an event has its input and its output. What else it has may hold keys.
_INPUTS = (
    EventPayload.MESSAGES,
    EventPayload.PROMPT,
    EventPayload.QUERY_STR,
    EventPayload.FUNCTION_CALL,
    EventPayload.SUB_QUESTION,
    EventPayload.CHUNKS,
    EventPayload.DOCUMENTS,
)
_OUTPUTS = (
    EventPayload.RESPONSE,
    EventPayload.COMPLETION,
    EventPayload.FUNCTION_OUTPUT,
    EventPayload.NODES,
    EventPayload.SUB_QUESTION,
    EventPayload.EMBEDDINGS,
    EventPayload.CHUNKS,
)


@dataclass(kw_only=True)
class _Event:
    """Something that has begun and not ended."""

    parent: str
    # The call of LlamaIndex that it was told in.
    span: str
    # The step that shows the event, or what is within it.
    step_id: str | None
    step: FrameworkStep | None
    has_failed_within: bool = False


@refuse_unknown_arguments
class LlamaIndexCallbackHandler(BaseCallbackHandler):
    """Shows what LlamaIndex does as steps: queries, searches, models, and the tools of agents.

    What a model writes is shown while it writes. Outside a chat the handler does nothing. One
    handler can serve all chats.

    Parameters
    ----------
    event_starts_to_ignore, event_ends_to_ignore:
        The events that are not shown, as ``CBEventType``. Without them, those within a query that
        say little: chunking, synthesis, embedding, parsing and trees. Any of the two will do.

    Example
    -------
    ::

        from llama_index.core import Settings
        from llama_index.core.callbacks import CallbackManager

        Settings.callback_manager = CallbackManager([cl.LlamaIndexCallbackHandler()])
    """

    def __init__(
        self,
        event_starts_to_ignore: Sequence[CBEventType] = TO_IGNORE,
        event_ends_to_ignore: Sequence[CBEventType] = TO_IGNORE,
    ) -> None:
        # All events are taken: what is within one that is ignored has to find its place.
        super().__init__([], [])
        self._ignored = frozenset((*event_starts_to_ignore, *event_ends_to_ignore))
        self._contexts = ContextFinder()
        self._events: dict[str, _Event] = {}
        # The step of each model that writes, by the call that it writes in.
        self._writers: dict[str, FrameworkStep] = {}
        _watcher().add(self)

    def on_event_start(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str = "",
        parent_id: str = "",
        **kwargs: Any,
    ) -> str:
        """Show an event that begins."""
        del kwargs
        self._begin(event_type, payload, event_id, parent_id)
        return event_id

    @quietly
    def _begin(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None,
        event_id: str,
        parent_id: str,
    ) -> None:
        context = self._contexts.find()
        if context is None:
            return
        around = self._events.get(parent_id)
        step_id = around.step_id if around is not None else _watcher().step_around()
        step_type = _STEP_TYPES.get(event_type)
        step = None
        span = active_span_id.get() or ""
        is_ignored = event_type in self._ignored or (
            # A model may do one thing by another: a chat by a completion.
            event_type == CBEventType.LLM
            and any(each in self._writers for each in _watcher().spans_around(span))
        )
        if step_type is not None and not is_ignored:
            name = _name_of(event_type, payload or {})
            step = FrameworkStep(
                context,
                name,
                step_type,
                simplify=_simplify,
                step_id=event_id,
                parent_id=step_id,
            )
            step_id = event_id
        self._events[event_id] = _Event(parent=parent_id, span=span, step_id=step_id, step=step)
        if step is not None:
            if event_type == CBEventType.LLM:
                self._writers[span] = step
            step.begin(_pick(payload, _INPUTS))

    @quietly
    def on_event_end(
        self,
        event_type: CBEventType,
        payload: dict[str, Any] | None = None,
        event_id: str = "",
        **kwargs: Any,
    ) -> None:
        """Show how an event has ended."""
        del kwargs
        event = self._events.pop(event_id, None)
        if event is None:
            return
        error = (payload or {}).get(EventPayload.EXCEPTION)
        # LlamaIndex tells an error to the innermost events. Those around them end with nothing.
        has_failed = event.has_failed_within and not payload
        if error is not None:
            has_failed = not isinstance(error, GeneratorExit)  # a reader that leaves early
        if has_failed and event.parent in self._events:
            self._events[event.parent].has_failed_within = True
        if event.step is None:
            return
        if event_type == CBEventType.LLM:
            self._writers.pop(event.span, None)
        if has_failed:
            event.step.fail()
        elif event_type == CBEventType.EMBEDDING:
            event.step.note_input(_pick(payload, (EventPayload.CHUNKS,)))
            vectors = _pick(payload, (EventPayload.EMBEDDINGS,))
            event.step.finish_with(lambda: count_numbers(vectors or ()))
        else:
            if event_type == CBEventType.RETRIEVE:
                nodes = _pick(payload, (EventPayload.NODES,)) or ()
                event.step.add_sources(lambda: [it.node.get_content() for it in nodes])
            event.step.finish_with(lambda: _read_output(_pick(payload, _OUTPUTS)))

    def start_trace(self, trace_id: str | None = None) -> None:
        """Do nothing: each event says what it is within."""

    def end_trace(
        self, trace_id: str | None = None, trace_map: dict[str, list[str]] | None = None
    ) -> None:
        """Do nothing, as for `start_trace`."""

    def note_token(self, span_id: str, token: str) -> None:
        """Show what a model writes."""
        step = self._writers.get(span_id)
        if step is not None:
            step.stream(token)


class _CallWatcher(BaseSpanHandler[BaseSpan]):
    """Shows the tools that are used. LlamaIndex tells no callback of them."""

    # Tools are shown as long as there is a handler, which says that an app wants to see them.
    _handlers: WeakSet[LlamaIndexCallbackHandler] = PrivateAttr(default_factory=WeakSet)
    _tools: dict[str, FrameworkStep] = PrivateAttr(default_factory=dict)

    def add(self, handler: LlamaIndexCallbackHandler) -> None:
        """Show tools, and tell the handler what models write."""
        self._handlers.add(handler)

    def note_token(self, span_id: str, token: str) -> None:
        """Tell all handlers what a model writes. One of them knows the call that it writes in."""
        for handler in list(self._handlers):
            handler.note_token(span_id, token)

    def step_around(self, span_id: str | None = None) -> str | None:
        """Return the id of the step of the tool that a call, or the running one, belongs to."""
        spans = self.spans_around(span_id or active_span_id.get())
        return next((self._tools[each].step.id for each in spans if each in self._tools), None)

    def spans_around(self, span_id: str | None) -> Iterator[str]:
        """Yield the id of a call, and of those around it."""
        while span_id:
            yield span_id
            span = self.open_spans.get(span_id)
            span_id = span.parent_id if span is not None else None

    def new_span(
        self,
        id_: str,
        bound_args: BoundArguments,
        instance: Any | None = None,
        parent_span_id: str | None = None,
        tags: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> BaseSpan | None:
        """Note a call, and show that of a tool."""
        del tags, kwargs
        if not self._handlers or chat_here() is None:
            return None
        around = self.open_spans.get(parent_span_id or "")
        # A tool calls itself: `__call__` is `call`.
        is_own = isinstance(around, _Call) and around.instance is instance
        if isinstance(instance, BaseTool) and not is_own:
            step = FrameworkStep(
                copy_context(),
                instance.metadata.get_name(),
                "tool",
                simplify=_simplify,
                step_id=id_,
                parent_id=self.step_around(parent_span_id) if parent_span_id else None,
            )
            self._tools[id_] = step
            step.begin(_read_arguments(bound_args))
        return _Call(id_=id_, parent_id=parent_span_id, instance=instance)

    def prepare_to_exit_span(
        self,
        id_: str,
        bound_args: BoundArguments,
        instance: Any | None = None,
        result: Any | None = None,
        **kwargs: Any,
    ) -> BaseSpan | None:
        """Show what a tool has returned."""
        del bound_args, instance, kwargs
        step = self._tools.pop(id_, None)
        if step is not None:
            if isinstance(result, ToolOutput) and result.is_error:
                step.fail()
            else:
                step.finish_with(lambda: _simplify(result))
        return self.open_spans.get(id_)

    def prepare_to_drop_span(
        self,
        id_: str,
        bound_args: BoundArguments,
        instance: Any | None = None,
        err: BaseException | None = None,
        **kwargs: Any,
    ) -> BaseSpan | None:
        """Mark the use of a tool as failed."""
        del bound_args, instance, err, kwargs
        step = self._tools.pop(id_, None)
        if step is not None:
            step.fail()
        return self.open_spans.get(id_)


class _Call(BaseSpan):
    """A call of a method."""

    instance: Any = None


class _TokenWatcher(BaseEventHandler):
    """Tells what models write. LlamaIndex tells no callback of it."""

    def handle(self, event: BaseEvent, **kwargs: Any) -> None:
        """Tell a token."""
        del kwargs
        if isinstance(event, LLMChatInProgressEvent | LLMCompletionInProgressEvent):
            token = event.response.delta
            if token and event.span_id:
                _watcher().note_token(event.span_id, token)


def _watcher() -> _CallWatcher:
    """Return what watches the calls of LlamaIndex in this process."""
    dispatcher = get_dispatcher()
    for found in dispatcher.span_handlers:
        if isinstance(found, _CallWatcher):
            return found
    watcher = _CallWatcher()
    dispatcher.add_span_handler(watcher)
    dispatcher.add_event_handler(_TokenWatcher())
    return watcher


def _name_of(event_type: CBEventType, payload: Mapping[str, Any]) -> str:
    described = payload.get(EventPayload.SERIALIZED) or {}
    model = payload.get(EventPayload.MODEL_NAME)
    names = [model, *(described.get(key) for key in ("model", "model_name", "class_name"))]
    tool = payload.get(EventPayload.TOOL)
    names.insert(0, getattr(tool, "name", None))
    found = next((name for name in names if name and name != "unknown"), None)
    return str(found or event_type.value.replace("_", " ").capitalize())


def _pick(payload: Mapping[str, Any] | None, keys: Sequence[EventPayload]) -> Any:
    found = ((payload or {}).get(key) for key in keys)
    return next((value for value in found if value is not None), None)


def _read_arguments(bound: BoundArguments) -> Any:
    named = dict(bound.arguments)
    positional = named.pop("args", ())
    named.update(named.pop("kwargs", {}))
    if len(positional) == 1 and not named:
        return positional[0]
    return {**{str(index): value for index, value in enumerate(positional, 1)}, **named}


def _read_output(value: Any) -> Any:
    if isinstance(value, ChatResponse):
        return join_answer(value.message.content or "", _tool_calls(value.message), LONG_TEXT)
    if isinstance(value, CompletionResponse):
        return value.text
    if isinstance(value, SubQuestionAnswerPair):
        return value.answer
    # Of a streamed response, only what was read already: reading it here would take it away.
    for name in ("response", "response_txt"):
        if hasattr(value, name):
            return getattr(value, name)
    return value if isinstance(value, str | list | dict) else None


def _tool_calls(message: ChatMessage) -> list[dict[str, Any]]:
    return [
        {"name": getattr(block, "tool_name", ""), "arguments": getattr(block, "tool_kwargs", "")}
        for block in message.blocks
        # Not its class: the first releases of 0.14 have none.
        if getattr(block, "block_type", "") == "tool_call"
    ]


def _simplify(value: Any) -> Any:
    """Return what to show of an object of LlamaIndex, and anything else as it is."""
    match value:
        case ChatMessage():
            calls = _tool_calls(value)
            shown = {"role": value.role.value, "content": value.content}
            return {**shown, "tool_calls": calls} if calls else shown
        case NodeWithScore():
            return {**_simplify(value.node), "score": value.score}
        case BaseNode():
            return {"text": value.get_content(), "metadata": value.metadata}
        case QueryBundle(query_str=text) | ToolOutput(content=text):
            return text
        case SubQuestionAnswerPair():
            return value.sub_q.sub_question
    return value
