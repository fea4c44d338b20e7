"""The events of a run, read from a stream of the agent within bounds."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from ag_ui.core import Event, EventType
from httpx2 import Response
from pydantic import TypeAdapter, ValidationError

MIMETYPE = "text/event-stream"
MOST_EVENT_BYTES = 1024 * 1024
MOST_BYTES = 32 * 1024 * 1024
_KNOWN = frozenset(kind.value for kind in EventType)
_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


class AgentError(Exception):
    """What an agent did wrong, in words for its user. The log gets the cause."""


async def read_events(response: Response) -> AsyncIterator[Event]:
    """Yield the events that this version knows; others are for newer ones.

    Raises
    ------
    AgentError
        Something is no event, or too long.
    """
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != MIMETYPE:
        raise AgentError("The agent did not answer with a stream of events.")
    number = 0
    async for data in _read_data(response):
        number += 1
        try:
            value = json.loads(data)
            if not isinstance(value, dict) or not isinstance(value.get("type"), str):
                raise ValueError("no object with a type")
            if value["type"] not in _KNOWN:
                continue
            event = _EVENT.validate_python(value)
        except (ValidationError, ValueError, RecursionError) as error:
            raise AgentError(
                f"Event {number:,} of the agent is not as AG-UI has it, so its answer was stopped."
            ) from error
        yield event


async def _read_data(response: Response) -> AsyncIterator[bytes]:
    """Yield the data of each event (https://html.spec.whatwg.org/#event-stream-interpretation)."""
    total, rest, data = 0, b"", list[bytes]()
    async for piece in response.aiter_bytes():
        total += len(piece)
        if total > MOST_BYTES:
            raise AgentError("The answer of the agent is too long, so it was stopped.")
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            text = line.removesuffix(b"\r")
            if text.startswith(b"data:"):
                data.append(text[5:].removeprefix(b" "))
            elif not text and data:
                yield b"\n".join(data)
                data.clear()
        if len(rest) + sum(map(len, data)) > MOST_EVENT_BYTES:
            raise AgentError("An event of the agent is too long, so its answer was stopped.")
