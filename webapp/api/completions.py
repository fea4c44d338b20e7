"""Answers as OpenAI's chat completions, whole or in chunks."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from typing import Any

from webapp.api.answer_text import SentText, answer_text, find_failure
from webapp.api.errors import error_body
from webapp.pages.live import TurnState


@dataclass(frozen=True, kw_only=True)
class Completion:
    """What all parts of an answer have in common."""

    turn_id: uuid.UUID
    chat_id: uuid.UUID
    model: str

    def whole(self, state: TurnState) -> dict[str, Any]:
        """Return the answer as one object."""
        message = {"role": "assistant", "content": answer_text(state.messages), "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        return {**self._part("chat.completion"), "choices": [choice]}

    def chunk(self, delta: dict[str, str], finish_reason: str | None = None) -> dict[str, Any]:
        """Return a piece of the answer."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
        return {**self._part("chat.completion.chunk"), "choices": [choice]}

    def _part(self, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{self.turn_id.hex}",
            "object": kind,
            "created": int(time.time()),
            "model": self.model,
            "chat_id": str(self.chat_id),
        }


class CompletionEvents:
    """An answer as a stream of chunks."""

    def __init__(self, completion: Completion) -> None:
        self._completion = completion
        self._sent = SentText()

    def begin(self) -> bytes:
        """Return what comes first."""
        return data_event(self._completion.chunk({"role": "assistant", "content": ""}))

    def update(self, state: TurnState) -> bytes:
        """Return what is new."""
        text = self._sent.grow(answer_text(state.messages), is_whole=not state.goes_on)
        return data_event(self._completion.chunk({"content": text})) if text else b""

    def end(self, state: TurnState) -> bytes:
        """Return what comes last."""
        failure = find_failure(state)
        if failure is not None:
            return self.fail(failure, "app_failed")
        return data_event(self._completion.chunk({}, "stop")) + b"data: [DONE]\n\n"

    def fail(self, message: str, code: str) -> bytes:
        """Return what comes last if the stream breaks off."""
        return data_event(error_body(500, message, code=code))


def data_event(value: dict[str, Any]) -> bytes:
    """Return an event with a JSON object as its data, in one line."""
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode(errors="replace")
