"""What LangChain and LangGraph do, as steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.prompt_values import PromptValue

from webapp.authoring.errors import refuse_unknown_arguments
from webapp.authoring.messages.message import Message
from webapp.authoring.steps.step import StepType
from webapp.integrations.final_answer import PREFIX, FinalAnswer
from webapp.integrations.framework_step import (
    LONG_TEXT,
    ContextFinder,
    FrameworkStep,
    quietly,
    tell,
)
from webapp.integrations.values import join_answer

TO_IGNORE = (
    "RunnableSequence",
    "RunnableParallel",
    "RunnableAssign",
    "RunnableLambda",
    "<lambda>",
)
TO_KEEP = ("retriever", "llm", "agent", "chain", "tool")
# LangGraph marks with it what it does for itself.
HIDDEN_TAG = "langsmith:hidden"
# With these, LangGraph leaves a node: to ask a person, or for another node. Nothing has failed.
_NO_FAILURES = ("GraphBubbleUp",)
_STEP_TYPES: dict[str, StepType] = {"llm": "llm", "tool": "tool", "retriever": "retrieval"}


@dataclass(frozen=True, kw_only=True)
class _Run:
    """Something that runs."""

    context: Context
    # The step that shows the run, or what is within it.
    step_id: str | None
    # Nothing, if the run is ignored.
    step: FrameworkStep | None


@refuse_unknown_arguments
class LangchainCallbackHandler(BaseCallbackHandler):
    """Shows what LangChain and LangGraph do as steps: chains, models, tools and retrievers.

    It serves `invoke`, `ainvoke`, `stream` and all the others. What a model writes is shown while
    it writes. Outside a chat it does nothing.

    Parameters
    ----------
    answer_prefix_tokens:
        What the model writes before its final answer. Without it ``["Final", "Answer", ":"]``.
    stream_final_answer:
        Whether the final answer is sent as a message too, while the model writes it. Afterwards it
        is `final_stream`.
    force_stream_final_answer:
        Whether all that a model writes is the final answer, without a prefix.
    to_ignore:
        Runs whose name contains one of these texts are not shown. Without it, what only connects
        others, such as ``"RunnableSequence"``.
    to_keep:
        The types of runs that are shown although they are within one that is ignored. Without it
        ``["retriever", "llm", "agent", "chain", "tool"]``.

    Example
    -------
    ::

        @cl.on_message
        async def on_message(message: cl.Message):
            handler = cl.LangchainCallbackHandler()
            answer = await chain.ainvoke(message.content, config={"callbacks": [handler]})
            await cl.Message(content=answer).send()
    """

    # It waits for nothing, so it needs no thread. In one, its calls could change their order.
    run_inline = True
    # Only an error that ends the work after Stop is ever raised.
    raise_error = True

    def __init__(
        self,
        answer_prefix_tokens: Sequence[str] | None = None,
        stream_final_answer: bool = False,
        force_stream_final_answer: bool = False,
        to_ignore: Sequence[str] | None = None,
        to_keep: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        self.stream_final_answer = stream_final_answer
        self.to_ignore = TO_IGNORE if to_ignore is None else tuple(to_ignore)
        self.to_keep = TO_KEEP if to_keep is None else tuple(to_keep)
        self._contexts = ContextFinder()
        self._runs: dict[UUID, _Run] = {}
        self._answer = FinalAnswer(
            PREFIX if answer_prefix_tokens is None else answer_prefix_tokens,
            begun=force_stream_final_answer,
        )

    @property
    def answer_reached(self) -> bool:
        """Whether the final answer has begun. Set it to ``True`` if no prefix comes before it."""
        return self._answer.reached

    @answer_reached.setter
    def answer_reached(self, reached: bool) -> None:
        self._answer.reached = reached

    @property
    def final_stream(self) -> Message | None:
        """The message with the final answer, once there is some of it."""
        return self._answer.message

    @property
    def has_streamed_final_answer(self) -> bool:
        """Whether there is such a message."""
        return self._answer.message is not None

    @quietly
    def on_chain_start(
        self,
        serialized: dict[str, Any] | None,
        inputs: Any,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        """Show a chain that begins."""
        kind = kwargs.get("run_type") or "chain"
        # While a chain is given its input bit by bit, LangChain tells an empty one.
        value = inputs.get("input") if isinstance(inputs, dict) and len(inputs) == 1 else inputs
        is_unknown = isinstance(value, str) and not value
        self._begin(kind, serialized, None if is_unknown else inputs, run_id, parent_run_id, kwargs)

    @quietly
    def on_chain_end(self, outputs: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Show what came out of a chain."""
        run = self._runs.get(run_id)
        if run is not None and run.step is not None and "inputs" in kwargs:
            run.step.note_input(kwargs["inputs"])
        self._finish(run_id, outputs)

    @quietly
    def on_chat_model_start(
        self,
        serialized: dict[str, Any] | None,
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        """Show a chat model that is asked."""
        asked = [message for batch in messages for message in batch]
        self._begin("llm", serialized, asked, run_id, parent_run_id, kwargs)

    @quietly
    def on_llm_start(
        self,
        serialized: dict[str, Any] | None,
        prompts: list[str],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        """Show a model that is asked."""
        self._begin("llm", serialized, "\n\n".join(prompts), run_id, parent_run_id, kwargs)

    @quietly
    def on_llm_new_token(self, token: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Show what a model writes."""
        del kwargs
        run, text = self._runs.get(run_id), _text_of(token)
        if run is None or not text:
            return
        if run.step is not None:
            run.step.stream(text)
        if self.stream_final_answer:
            self._tell_answer(run, lambda: self._answer.feed(str(run_id), text), may_stop=True)

    @quietly
    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Show what a model has written."""
        del kwargs
        self._end_answer(run_id)
        generations = response.generations[0] if response.generations else []
        written = generations[0] if generations else None
        if isinstance(written, ChatGeneration):
            text, calls = _text_of(written.message.content), _tool_calls(written.message)
        else:
            text, calls = _text_of(written), []
        self._finish(run_id, join_answer(text, calls, LONG_TEXT))

    @quietly
    def on_tool_start(
        self,
        serialized: dict[str, Any] | None,
        input_str: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        inputs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Show a tool that is used."""
        given = input_str if inputs is None else inputs
        self._begin("tool", serialized, given, run_id, parent_run_id, kwargs)

    @quietly
    def on_tool_end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Show what a tool has found."""
        del kwargs
        self._finish(run_id, output.content if isinstance(output, BaseMessage) else output)

    @quietly
    def on_retriever_start(
        self,
        serialized: dict[str, Any] | None,
        query: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        **kwargs: Any,
    ) -> None:
        """Show a search for documents."""
        self._begin("retriever", serialized, query, run_id, parent_run_id, kwargs)

    @quietly
    def on_retriever_end(self, documents: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Show the documents that were found."""
        del kwargs
        self._finish(run_id, list(documents))

    @quietly
    def on_chain_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Mark a chain as failed."""
        del kwargs
        self._fail(run_id, error)

    @quietly
    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Mark the work of a model as failed."""
        del kwargs
        self._end_answer(run_id)
        self._fail(run_id, error)

    @quietly
    def on_tool_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Mark the use of a tool as failed."""
        del kwargs
        self._fail(run_id, error)

    @quietly
    def on_retriever_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Mark a search as failed."""
        del kwargs
        self._fail(run_id, error)

    def _begin(
        self,
        kind: str,
        serialized: dict[str, Any] | None,
        value: object,
        run_id: UUID,
        parent_run_id: UUID | None,
        kwargs: dict[str, Any],
    ) -> None:
        context = self._contexts.find()
        if context is None:
            return
        described = serialized or {}
        last = (described.get("id") or [kind])[-1]
        name = str(kwargs.get("name") or described.get("name") or last)
        around = self._runs.get(parent_run_id) if parent_run_id is not None else None
        step_id = around.step_id if around is not None else None
        is_within_ignored = around is not None and around.step is None
        is_ignored = (
            any(text in name for text in self.to_ignore)
            or HIDDEN_TAG in (kwargs.get("tags") or ())
            or (is_within_ignored and kind not in self.to_keep)
        )
        if is_ignored:
            self._runs[run_id] = _Run(context=context, step_id=step_id, step=None)
            return
        is_root = parent_run_id is None and kind == "chain"
        step_type = _STEP_TYPES.get(kind, "run" if is_root else "undefined")
        step = FrameworkStep(
            context,
            name,
            step_type,
            simplify=_simplify,
            step_id=str(run_id),
            parent_id=step_id,
        )
        self._runs[run_id] = _Run(context=context, step_id=str(run_id), step=step)
        step.begin(value)

    def _finish(self, run_id: UUID, value: object) -> None:
        run = self._runs.pop(run_id, None)
        if run is not None and run.step is not None:
            run.step.finish(value)

    def _fail(self, run_id: UUID, error: BaseException) -> None:
        run = self._runs.pop(run_id, None)
        if run is None or run.step is None:
            return
        names = {each.__name__ for each in type(error).__mro__}
        if isinstance(error, GeneratorExit) or names.intersection(_NO_FAILURES):
            run.step.finish(None)
        else:
            run.step.fail()

    def _end_answer(self, run_id: UUID) -> None:
        run = self._runs.get(run_id)
        if self.stream_final_answer and run is not None:
            self._tell_answer(run, lambda: self._answer.end(str(run_id)))

    def _tell_answer(self, run: _Run, act: Callable[[], Any], *, may_stop: bool = False) -> None:
        tell(run.context, act, may_stop=may_stop)


# LangChain calls either of them in the right way, so there is no need for two.
AsyncLangchainCallbackHandler = LangchainCallbackHandler


def _text_of(token: object) -> str:
    """Return the text of a token, a content or a generation."""
    if isinstance(token, str):
        return str(token)
    if isinstance(token, list):
        return "".join(map(_text_of, token))
    text = token.get("text") if isinstance(token, dict) else getattr(token, "text", None)
    return str(text) if isinstance(text, str) else ""


def _tool_calls(message: BaseMessage) -> list[dict[str, Any]]:
    calls = getattr(message, "tool_calls", None) or ()
    return [{"name": call["name"], "arguments": call["args"]} for call in calls]


def _simplify(value: Any) -> Any:
    """Return what to show of an object of LangChain, and anything else as it is."""
    if isinstance(value, BaseMessage):
        calls = _tool_calls(value)
        shown = {"role": value.type, "content": value.content}
        return {**shown, "tool_calls": calls} if calls else shown
    if isinstance(value, Document):
        return {"text": value.page_content, "metadata": value.metadata}
    if isinstance(value, PromptValue):
        return value.to_messages()
    return value
