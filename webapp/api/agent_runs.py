"""Answers as runs of an agent, in the events of AG-UI 1.0 (https://docs.ag-ui.com)."""

from __future__ import annotations

import uuid
from typing import Any

from webapp.api.answer_text import SentText, find_failure
from webapp.api.completions import data_event
from webapp.authoring.chat_message import ASSISTANT, ERROR, FAILED, STEP, ChatMessage
from webapp.authoring.questions.question import is_open, question_of
from webapp.authoring.steps.details import read_step
from webapp.engine.phases import TurnStatus
from webapp.pages.live import TurnState

VERSION = "1.0"
TOOL = "tool"


class AgentRunEvents:
    """An answer as the events of a run: its messages, its tools as calls, its other steps as steps.

    A message stays open until the run ends, as the app may go on with it.
    """

    def __init__(self, thread_id: str, run_id: str) -> None:
        self._ids = {"threadId": thread_id, "runId": run_id}
        self._texts: dict[uuid.UUID, SentText] = {}
        self._open_tools: set[uuid.UUID] = set()
        # By the message of a step, the name under which it was begun.
        self._open_steps: dict[uuid.UUID, str] = {}
        self._ended: set[uuid.UUID] = set()

    def begin(self) -> bytes:
        """Return what comes first."""
        return _event("RUN_STARTED", **self._ids, protocolVersion=VERSION)

    def update(self, state: TurnState) -> bytes:
        """Return what is new."""
        is_whole = not state.goes_on
        parts = []
        for message in state.messages:
            if message.kind == STEP:
                parts.append(self._tell_step(message, is_whole=is_whole))
            elif message.content and (
                message.kind == ASSISTANT or (message.kind == ERROR and message.status != FAILED)
            ):
                parts.append(self._tell_text(message, is_whole=is_whole))
        return b"".join(parts)

    def end(self, state: TurnState) -> bytes:
        """Return what comes last."""
        failure = find_failure(state)
        if failure is not None:
            return self.fail(failure, "app_failed")
        if state.waits_for:
            asked = [
                (message, question, [button["text"] for button in question.get("actions", ())])
                for message in state.messages
                if is_open(message) and (question := question_of(message)) is not None
            ]
            outcome: dict[str, Any] = {
                "type": "interrupt",
                "interrupts": [
                    {
                        "id": question["id"],
                        "reason": "input_required",
                        "message": message.content,
                        "expiresAt": question["deadline"],
                        "responseSchema": {
                            "type": "string",
                            **({"enum": buttons} if buttons else {}),
                        },
                    }
                    for message, question, buttons in asked
                ],
            }
            return self._close() + _event("RUN_FINISHED", **self._ids, outcome=outcome)
        is_complete = state.status == TurnStatus.COMPLETE
        outcome = {"type": "success" if is_complete else "cancelled"}
        return self._close() + _event("RUN_FINISHED", **self._ids, outcome=outcome)

    def fail(self, message: str, code: str) -> bytes:
        """Return what comes last if the stream breaks off."""
        return self._close() + _event("RUN_ERROR", message=message, code=code)

    def _tell_text(self, message: ChatMessage, *, is_whole: bool) -> bytes:
        key, begun = str(message.id), b""
        if message.id not in self._texts:
            self._texts[message.id] = SentText()
            begun = _event("TEXT_MESSAGE_START", messageId=key, role="assistant")
        new = self._texts[message.id].grow(message.content, is_whole=is_whole)
        grown = _event("TEXT_MESSAGE_CONTENT", messageId=key, delta=new) if new else b""
        return begun + grown

    def _tell_step(self, message: ChatMessage, *, is_whole: bool) -> bytes:
        step, key = read_step(message), str(message.id)
        has_ended = step.end is not None or is_whole
        begun = b""
        if message.id in self._ended:
            return b""
        if step.type == TOOL:
            if message.id not in self._open_tools:
                self._open_tools.add(message.id)
                begun = _event("TOOL_CALL_START", toolCallId=key, toolCallName=step.name or TOOL)
            if not has_ended:
                return begun
            self._open_tools.discard(message.id)
            self._ended.add(message.id)
            arguments = step.input or "{}"
            return (
                begun
                + _event("TOOL_CALL_ARGS", toolCallId=key, delta=arguments)
                + _event("TOOL_CALL_END", toolCallId=key)
                + _event(
                    "TOOL_CALL_RESULT",
                    messageId=str(uuid.uuid5(message.id, "result")),
                    toolCallId=key,
                    content=message.content,
                    role="tool",
                )
            )
        if message.id not in self._open_steps:
            name = step.name or "step"
            taken, number = set(self._open_steps.values()), 2
            while name in taken:  # a step is known by its name alone
                name, number = f"{step.name or 'step'} {number}", number + 1
            self._open_steps[message.id] = name
            begun = _event("STEP_STARTED", stepName=name)
        if not has_ended:
            return begun
        self._ended.add(message.id)
        return begun + _event("STEP_FINISHED", stepName=self._open_steps.pop(message.id))

    def _close(self) -> bytes:
        """End what is open: messages, and steps of a run that breaks off."""
        parts = [_event("TEXT_MESSAGE_END", messageId=str(key)) for key in self._texts]
        parts += [_event("TOOL_CALL_END", toolCallId=str(key)) for key in self._open_tools]
        parts += [_event("STEP_FINISHED", stepName=name) for name in self._open_steps.values()]
        self._texts.clear()
        self._open_tools.clear()
        self._open_steps.clear()
        return b"".join(parts)


def _event(kind: str, **fields: Any) -> bytes:
    return data_event({"type": kind, **fields})
