"""The tool calls of earlier answers, kept with the chat so that an agent is told of them again."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from ag_ui import core

from webapp.authoring.chat_message import USER
from webapp.authoring.context import PastMessage
from webapp.authoring.user_session import user_session

CALLS_KEY = "ag_ui_calls"
# As JSON, of all answers of a chat. The oldest go first.
MOST_CALL_CHARACTERS = 100_000


def keep_calls(
    question: uuid.UUID | None, messages: Iterable[core.Message], sent: Mapping[str, str]
) -> None:
    """Keep the calls of an answer with the chat.

    Parameters
    ----------
    messages:
        What was said, as the agent knows it.
    sent:
        The ids of messages of the chat, by those that the agent gave them. Their texts are kept
        there.
    """
    said: list[core.Message] = []
    for message in messages:
        said = [] if message.role == "user" else [*said, message]
    results = {it.tool_call_id for it in said if isinstance(it, core.ToolMessage)}
    parts = [part for message in said if (part := _write(message, results, sent))]
    if question is None or not any("calls" in part for part in parts):
        return
    kept = [each for each in _kept() if each["question"] != str(question)]
    kept.append({"question": str(question), "parts": parts})
    while kept and len(json.dumps(kept)) > MOST_CALL_CHARACTERS:
        kept.pop(0)
    user_session.set(CALLS_KEY, kept)


def with_calls(past: Iterable[PastMessage]) -> list[core.Message]:
    """Return the messages of a chat as the protocol has them, with the calls between them."""
    past = list(past)
    texts = {str(key): text for key, role, text in past if role != USER}
    kept = {each["question"]: each["parts"] for each in _kept()}
    told: set[str] = set()
    messages: list[core.Message] = []
    for key, role, text in past:
        if role == USER:
            messages.append(core.UserMessage(id=str(key), content=text))
            for part in kept.get(str(key), ()):
                told.add(part.get("text", ""))
                messages.append(_read(part, texts))
        elif str(key) not in told:
            messages.append(core.AssistantMessage(id=str(key), content=text))
    return messages


def _kept() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = user_session.get(CALLS_KEY) or []
    return found


def _write(
    message: core.Message, results: set[str], sent: Mapping[str, str]
) -> dict[str, Any] | None:
    """Return what is kept of a message, or ``None`` for nothing."""
    if isinstance(message, core.ToolMessage):
        content: Any = message.content
        if not isinstance(content, str):
            content = [it.model_dump(mode="json", by_alias=True) for it in content]
        return {"id": message.id, "result_of": message.tool_call_id, "content": content}
    if not isinstance(message, core.AssistantMessage):
        return None
    # A model refuses a call that has no result.
    calls = [
        {"id": call.id, "name": call.function.name, "arguments": call.function.arguments}
        for call in message.tool_calls or ()
        if call.id in results
    ]
    part: dict[str, Any] = {"text": sent[message.id]} if message.id in sent else {}
    if calls:
        part |= {"calls": calls}
    return {"id": message.id, **part} if part else None


def _read(part: Mapping[str, Any], texts: Mapping[str, str]) -> core.Message:
    if "result_of" in part:
        return core.ToolMessage(
            id=part["id"], tool_call_id=part["result_of"], content=part["content"]
        )
    calls = [
        core.ToolCall(
            id=call["id"],
            type="function",
            function=core.FunctionCall(name=call["name"], arguments=call["arguments"]),
        )
        for call in part.get("calls", ())
    ]
    text = texts.get(part.get("text", ""))
    return core.AssistantMessage(
        id=part.get("text", part["id"]), content=text, tool_calls=calls or None
    )
