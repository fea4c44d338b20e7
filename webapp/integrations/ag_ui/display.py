"""What the events of a run show in a chat: messages, steps, and the state in `user_session`."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from ag_ui import core

from webapp.authoring.messages.message import Message
from webapp.authoring.steps.step import StepType
from webapp.integrations.ag_ui.events import AgentError
from webapp.integrations.ag_ui.state import PatchError, apply_patch
from webapp.integrations.framework_step import ContextFinder, FrameworkStep

MOST_STATE_CHARACTERS = 100_000
MOST_ARGUMENT_CHARACTERS = 1_000_000
REASONING = "Reasoning"


class RunDisplay:
    """Shows a run, and keeps what the next run has to know.

    Parameters
    ----------
    messages:
        What was said before, as the agent was told.
    state:
        The state as the agent was told.
    """

    def __init__(self, messages: Iterable[core.Message], state: Any) -> None:
        self.messages = list(messages)
        self.state = state
        self.interrupts: list[core.Interrupt] = []
        self.has_ended = False
        self.error: str | None = None
        # The ids of messages of the chat, by those that the agent gave them.
        self.sent: dict[str, str] = {}
        self._finder = ContextFinder()
        self._texts: dict[str, Message] = {}
        self._steps: dict[str, FrameworkStep] = {}
        self._arguments: dict[str, list[str]] = {}
        # What they are now. It is shown when the run ends.
        self._activities: dict[str, Any] = {}
        self._calls: dict[str, tuple[str, str | None]] = {}
        # The last of a kind, which a chunk without an id goes on with.
        self._last: dict[str, str] = {}
        kind = core.EventType
        self._handlers: dict[core.EventType, Callable[[Any], None]] = {
            kind.TEXT_MESSAGE_START: self._start_text,
            kind.TEXT_MESSAGE_CONTENT: self._show_text,
            kind.TEXT_MESSAGE_END: self._show_text,
            kind.TEXT_MESSAGE_CHUNK: self._show_text,
            kind.TOOL_CALL_START: self._start_call,
            kind.TOOL_CALL_ARGS: self._grow_call,
            kind.TOOL_CALL_END: self._end_arguments,
            kind.TOOL_CALL_CHUNK: self._show_call,
            kind.TOOL_CALL_RESULT: self._show_call,
            kind.REASONING_MESSAGE_START: self._show_reasoning,
            kind.REASONING_MESSAGE_CONTENT: self._show_reasoning,
            kind.REASONING_MESSAGE_CHUNK: self._show_reasoning,
            kind.REASONING_MESSAGE_END: self._show_reasoning,
            kind.STEP_STARTED: self._show_step,
            kind.STEP_FINISHED: self._show_step,
            kind.SUBAGENT_STARTED: self._show_subagent,
            kind.SUBAGENT_FINISHED: self._show_subagent,
            kind.SUBAGENT_ERROR: self._show_subagent,
            kind.ACTIVITY_SNAPSHOT: self._show_activity,
            kind.ACTIVITY_DELTA: self._show_activity,
            kind.STATE_SNAPSHOT: self._take_state,
            kind.STATE_DELTA: self._take_state,
            kind.MESSAGES_SNAPSHOT: self._take_messages,
            kind.RUN_FINISHED: self._end_run,
            kind.RUN_ERROR: self._end_run,
        }

    def show(self, event: core.Event) -> None:
        """Show an event.

        Raises
        ------
        AgentError
            It does not fit those before it.
        """
        handler = self._handlers.get(event.type)
        if handler is not None:
            handler(event)

    def close(self) -> None:
        """End what the agent has left open: its run is over, whichever way."""
        for key in list(self._texts):
            self._send(key)
        for key, step in self._steps.items():
            if key.startswith("call "):
                step.note_input(_read_arguments(self._arguments.get(key.removeprefix("call "), [])))
            step.finish(self._activities.get(key))
        self._steps.clear()

    def _start_text(self, event: core.TextMessageStartEvent) -> None:
        if event.message_id in self._texts:
            raise AgentError("The agent began a message twice, so its answer was stopped.")
        if event.role in (None, "assistant"):
            self._texts[event.message_id] = Message(author=event.name or None)
            self._last["text"] = event.message_id

    def _show_text(
        self,
        event: core.TextMessageContentEvent | core.TextMessageEndEvent | core.TextMessageChunkEvent,
    ) -> None:
        if isinstance(event, core.TextMessageEndEvent):
            self._send(event.message_id)
            return
        key = event.message_id or self._last.get("text")
        if isinstance(event, core.TextMessageChunkEvent) and key not in self._texts:
            if key is None:
                raise AgentError("The agent sent a text of no message, so its answer was stopped.")
            for each in list(self._texts):
                self._send(each)
            self._start_text(
                core.TextMessageStartEvent(message_id=key, role=event.role, name=event.name)
            )
        if event.delta and key in self._texts:
            self._texts[key].stream_token(event.delta)

    def _send(self, key: str) -> None:
        message = self._texts.pop(key, None)
        if message is not None and message.content:
            self.sent[key] = message.send().id
            self.messages.append(core.AssistantMessage(id=key, content=message.content))

    def _start_call(self, event: core.ToolCallStartEvent) -> None:
        key = event.tool_call_id
        self._arguments[key] = []
        self._calls[key] = event.tool_call_name, event.parent_message_id
        self._last["call"] = key
        self._begin(f"call {key}", event.tool_call_name, "tool", event.subagent_run_id)

    def _grow_call(self, event: core.ToolCallArgsEvent) -> None:
        parts = self._arguments.get(event.tool_call_id)
        if parts is not None and sum(map(len, parts)) <= MOST_ARGUMENT_CHARACTERS:
            parts.append(event.delta)

    def _end_arguments(self, event: core.ToolCallEndEvent) -> None:
        key = event.tool_call_id
        step, parts = self._steps.get(f"call {key}"), self._arguments.get(key)
        if parts is None or key not in self._calls:
            return
        if step is not None:
            step.note_input(_read_arguments(parts))
        name, parent = self._calls.pop(key)
        call = core.ToolCall(
            id=key,
            type="function",
            function=core.FunctionCall(name=name, arguments="".join(parts) or "{}"),
        )
        last = self.messages[-1] if self.messages else None
        if isinstance(last, core.AssistantMessage) and (last.id == parent or last.tool_calls):
            last.tool_calls = [*(last.tool_calls or ()), call]
        else:
            key = parent or str(uuid.uuid4())
            self.messages.append(core.AssistantMessage(id=key, tool_calls=[call]))

    def _show_call(self, event: core.ToolCallChunkEvent | core.ToolCallResultEvent) -> None:
        key = event.tool_call_id or self._last.get("call")
        if key is None:
            raise AgentError("The agent sent a part of no call, so its answer was stopped.")
        if isinstance(event, core.ToolCallChunkEvent):
            if key not in self._arguments:
                self._start_call(
                    core.ToolCallStartEvent(
                        tool_call_id=key,
                        tool_call_name=event.tool_call_name or "tool",
                        parent_message_id=event.parent_message_id,
                        subagent_run_id=event.subagent_run_id,
                    )
                )
            if event.delta:
                self._grow_call(core.ToolCallArgsEvent(tool_call_id=key, delta=event.delta))
            return
        if key in self._calls:  # it came in chunks, whose end is not told
            self._end_arguments(core.ToolCallEndEvent(tool_call_id=key))
        content = event.content
        text = content if isinstance(content, str) else json.dumps(_plain(content))
        self.messages.append(
            core.ToolMessage(id=event.message_id, tool_call_id=key, content=content)
        )
        self._finish_step(f"call {key}", text)

    def _show_reasoning(
        self,
        event: core.ReasoningMessageStartEvent
        | core.ReasoningMessageContentEvent
        | core.ReasoningMessageChunkEvent
        | core.ReasoningMessageEndEvent,
    ) -> None:
        key = event.message_id or self._last.get("thought", "")
        if isinstance(event, core.ReasoningMessageEndEvent):
            self._finish_step(f"thought {key}", None)
            return
        if f"thought {key}" not in self._steps:
            self._begin(f"thought {key}", REASONING, "llm", event.subagent_run_id)
            self._last["thought"] = key
        if isinstance(event, core.ReasoningMessageStartEvent):
            self._last["thought"] = key
        elif event.delta and f"thought {key}" in self._steps:
            self._steps[f"thought {key}"].stream(event.delta)

    def _show_step(self, event: core.StepStartedEvent | core.StepFinishedEvent) -> None:
        key = f"step {event.step_name}"
        if isinstance(event, core.StepStartedEvent):
            self._begin(key, event.step_name, "run", event.subagent_run_id)
        else:
            self._finish_step(key, None)

    def _show_subagent(
        self,
        event: core.SubagentStartedEvent | core.SubagentFinishedEvent | core.SubagentErrorEvent,
    ) -> None:
        key = f"agent {event.subagent_run_id}"
        if isinstance(event, core.SubagentStartedEvent):
            self._begin(key, event.name, "run", event.parent_subagent_run_id)
        elif isinstance(event, core.SubagentFinishedEvent):
            self._finish_step(key, event.result)
        elif (step := self._steps.pop(key, None)) is not None:
            step.stream(event.message)
            step.fail()

    def _show_activity(self, event: core.ActivitySnapshotEvent | core.ActivityDeltaEvent) -> None:
        key = f"activity {event.message_id}"
        if isinstance(event, core.ActivitySnapshotEvent):
            if key not in self._activities or event.replace is not False:
                self._activities[key] = _plain(event.content)
                self._begin(key, event.activity_type, "run", event.subagent_run_id)
            return
        try:
            self._activities[key] = apply_patch(self._activities[key], _plain(event.patch))
        except (KeyError, PatchError) as error:
            raise AgentError(
                "A change of an activity does not fit it, so the agent's answer was stopped."
            ) from error

    def _take_state(self, event: core.StateSnapshotEvent | core.StateDeltaEvent) -> None:
        try:
            if isinstance(event, core.StateDeltaEvent):
                state = _plain(apply_patch(self.state, _plain(event.delta)))
            else:
                state = _plain(event.snapshot)
        except PatchError as error:
            raise AgentError(
                "A change of the agent's state does not fit it, so its answer was stopped."
            ) from error
        if len(json.dumps(state)) > MOST_STATE_CHARACTERS:
            raise AgentError("The state of the agent is too large, so its answer was stopped.")
        self.state = state

    def _take_messages(self, event: core.MessagesSnapshotEvent) -> None:
        known = {message.id for message in self.messages} | self._texts.keys()
        texts = {message.content for message in self.messages if isinstance(message.content, str)}
        for message in event.messages:
            text = message.content if message.role == "assistant" else None
            if message.id not in known and isinstance(text, str) and text and text not in texts:
                self.sent[message.id] = Message(text).send().id
        self.messages = list(event.messages)

    def _end_run(self, event: core.RunFinishedEvent | core.RunErrorEvent) -> None:
        self.has_ended = True
        if isinstance(event, core.RunErrorEvent):
            self.error = event.message
        elif isinstance(event.outcome, core.RunFinishedInterruptOutcome):
            self.interrupts = event.outcome.interrupts

    def _begin(self, key: str, name: str, kind: StepType, subagent: str | None) -> None:
        context = self._finder.find()
        if context is None or key in self._steps:
            return
        around = self._steps.get(f"agent {subagent}") if subagent else None
        if around is None and kind != "run":
            around = next(
                (s for k, s in reversed(self._steps.items()) if k.startswith("step ")), None
            )
        parent = around.step.id if around is not None else None
        step = self._steps[key] = FrameworkStep(context, name[:200], kind, parent_id=parent)
        step.begin(None)

    def _finish_step(self, key: str, result: object) -> None:
        step = self._steps.pop(key, None)
        if step is not None:
            step.finish(result)


def _read_arguments(parts: list[str]) -> Any:
    text = "".join(parts)
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        return text


def _plain(value: Any) -> Any:
    """Return models of pydantic within a value as JSON."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    dump = getattr(value, "model_dump", None)
    return dump(mode="json", by_alias=True) if dump is not None else value
