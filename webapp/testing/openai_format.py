"""What OpenAI's servers answer, as JSON and as server-sent events.

The formats are those of https://platform.openai.com/docs/api-reference: chat completions,
responses and embeddings.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

# Words with the spaces around them: what a streamed answer is cut into.
_WORDS = re.compile(r"\s*\S+\s*|\s+")
DIMENSIONS = 8
# The name of a tool, and its arguments as JSON.
Call = tuple[str, str]


class ChatCompletion:
    """An answer of ``chat/completions``."""

    def __init__(self, body: Mapping[str, Any], text: str, calls: Sequence[Call]) -> None:
        self._text = text
        self._functions = [{"name": name, "arguments": arguments} for name, arguments in calls]
        self._head = {"id": "chatcmpl-1", "created": 1, "model": str(body.get("model", "fake"))}
        self._finish = "tool_calls" if calls else "stop"
        self._usage = {
            "prompt_tokens": len(_WORDS.findall(json.dumps(body.get("messages", [])))),
            "completion_tokens": len(_WORDS.findall(text)),
        }
        self._usage["total_tokens"] = sum(self._usage.values())
        self._tells_usage = bool((body.get("stream_options") or {}).get("include_usage"))

    def whole(self) -> dict[str, Any]:
        """Return the answer at once."""
        message: dict[str, Any] = {"role": "assistant", "content": self._text or None}
        if self._functions:
            message["tool_calls"] = [
                {**_call(index), "function": function}
                for index, function in enumerate(self._functions)
            ]
        choice = {"index": 0, "message": message, "finish_reason": self._finish, "logprobs": None}
        return {
            **self._head,
            "object": "chat.completion",
            "choices": [choice],
            "usage": self._usage,
        }

    def pieces(self) -> Iterator[str]:
        """Yield the answer as events, word by word."""
        yield self._event({"role": "assistant", "content": "" if self._text else None})
        for word in _WORDS.findall(self._text):
            yield self._event({"content": word})
        for index, function in enumerate(self._functions):
            # The name comes first, and then the arguments in two parts, as from a real model.
            arguments = function["arguments"]
            half = len(arguments) // 2
            begun = {**_call(index), "index": index, "function": {**function, "arguments": ""}}
            yield self._event({"tool_calls": [begun]})
            for part in (arguments[:half], arguments[half:]):
                more = {"index": index, "function": {"arguments": part}}
                yield self._event({"tool_calls": [more]})
        yield self._event({}, self._finish)
        if self._tells_usage:
            yield _data({**self._head, **_CHUNK, "choices": [], "usage": self._usage})
        yield "data: [DONE]\n\n"

    def _event(self, delta: Mapping[str, Any], finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return _data({**self._head, **_CHUNK, "choices": [choice]})


class Response:
    """An answer of ``responses``."""

    def __init__(self, body: Mapping[str, Any], text: str, calls: Sequence[Call]) -> None:
        self._text = text
        part = {"type": "output_text", "text": text, "annotations": []}
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [part],
        }
        self._output: list[dict[str, Any]] = [message] if text or not calls else []
        self._output += [
            {
                "id": f"fc_{number}",
                "type": "function_call",
                "call_id": f"call_{number}",
                "name": name,
                "arguments": arguments,
                "status": "completed",
            }
            for number, (name, arguments) in enumerate(calls, start=1)
        ]
        asked = len(_WORDS.findall(json.dumps(body.get("input", ""))))
        written = len(_WORDS.findall(text))
        self._body = {
            "id": "resp_1",
            "object": "response",
            "created_at": 1,
            "model": str(body.get("model", "fake")),
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": list(body.get("tools") or []),
            "error": None,
            "incomplete_details": None,
            "instructions": body.get("instructions"),
            "metadata": {},
            "temperature": 1.0,
            "top_p": 1.0,
            "usage": {
                "input_tokens": asked,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": written,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": asked + written,
            },
        }

    def whole(self) -> dict[str, Any]:
        """Return the answer at once."""
        return {**self._body, "status": "completed", "output": self._output}

    def pieces(self) -> Iterator[str]:
        """Yield the answer as events, word by word."""
        for number, event in enumerate(self._events()):
            told = {**event, "sequence_number": number}
            yield f"event: {event['type']}\n{_data(told)}"

    def _events(self) -> Iterator[dict[str, Any]]:
        begun = {**self._body, "status": "in_progress", "output": [], "usage": None}
        yield {"type": "response.created", "response": begun}
        yield {"type": "response.in_progress", "response": begun}
        for index, item in enumerate(self._output):
            place = {"output_index": index}
            if item["type"] == "message":
                yield from self._text_events(item, place)
            else:
                yield from self._call_events(item, place)
            yield {"type": "response.output_item.done", **place, "item": item}
        yield {"type": "response.completed", "response": self.whole()}

    def _text_events(
        self, item: Mapping[str, Any], place: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        begun = {**item, "status": "in_progress", "content": []}
        yield {"type": "response.output_item.added", **place, "item": begun}
        where = {**place, "item_id": item["id"], "content_index": 0}
        part = item["content"][0]
        yield {"type": "response.content_part.added", **where, "part": {**part, "text": ""}}
        for word in _WORDS.findall(self._text):
            yield {"type": "response.output_text.delta", **where, "delta": word, "logprobs": []}
        done = {**where, "text": self._text, "logprobs": []}
        yield {"type": "response.output_text.done", **done}
        yield {"type": "response.content_part.done", **where, "part": part}

    def _call_events(
        self, item: Mapping[str, Any], place: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        begun = {**item, "status": "in_progress", "arguments": ""}
        yield {"type": "response.output_item.added", **place, "item": begun}
        where = {**place, "item_id": item["id"]}
        kind = "response.function_call_arguments"
        yield {"type": f"{kind}.delta", **where, "delta": item["arguments"]}
        done = {"arguments": item["arguments"], "name": item["name"]}
        yield {"type": f"{kind}.done", **where, **done}


def _call(index: int) -> dict[str, Any]:
    return {"id": f"call_{index + 1}", "type": "function"}


def embeddings(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a vector for each text: the same for the same text, and another for another."""
    asked = body.get("input", [])
    texts = [asked] if isinstance(asked, str) else list(asked)
    data = [
        {"object": "embedding", "index": index, "embedding": _vector(text, body)}
        for index, text in enumerate(texts)
    ]
    usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
    return {"object": "list", "model": str(body.get("model", "fake")), "data": data, "usage": usage}


def _vector(text: object, body: Mapping[str, Any]) -> list[float] | str:
    count = int(body.get("dimensions") or DIMENSIONS)
    numbers = [
        hashlib.sha256(f"{place}:{text}".encode()).digest()[0] / 255 - 0.5 for place in range(count)
    ]
    length = sum(number * number for number in numbers) ** 0.5 or 1.0
    vector = [number / length for number in numbers]
    if body.get("encoding_format") == "base64":
        return base64.b64encode(struct.pack(f"<{count}f", *vector)).decode()
    return vector


def _data(piece: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(piece)}\n\n"


_CHUNK = {"object": "chat.completion.chunk"}
FORMATS: dict[str, type[ChatCompletion | Response]] = {
    "chat/completions": ChatCompletion,
    "responses": Response,
}
