"""Agents that speak AG-UI, on a real server on loopback."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from ag_ui import core
from ag_ui.encoder import EventEncoder
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tests.support.ports import free_port

Says = Callable[[core.RunAgentInput], AsyncIterator[core.BaseEvent | bytes]]


class AgentServer:
    """A server of agents, each at a path, and what they were asked."""

    def __init__(self, agents: dict[str, Says], port: int) -> None:
        self.port = port
        self.asked: list[core.RunAgentInput] = []
        self.headers: list[dict[str, str]] = []
        self.cancelled = threading.Event()
        self._agents = agents

    def url(self, name: str) -> str:
        """Return the address of an agent."""
        return f"http://127.0.0.1:{self.port}/{name}"

    async def answer(self, request: Request) -> Response:
        """Answer a run with the events of the agent, which may be any bytes."""
        asked = core.RunAgentInput.model_validate_json(await request.body())
        self.asked.append(asked)
        self.headers.append(dict(request.headers))
        encoder = EventEncoder()

        async def stream() -> AsyncIterator[bytes]:
            try:
                async for event in self._agents[request.path_params["name"]](asked):
                    yield event if isinstance(event, bytes) else encoder.encode(event).encode()
                    # Sending to a client that has left waits for nothing, so an agent without an
                    # end would never hear of it, and its thread would be busy until all tests end.
                    await asyncio.sleep(0)
            except asyncio.CancelledError:
                self.cancelled.set()
                raise

        return StreamingResponse(stream(), media_type=encoder.get_content_type())


@contextmanager
def served(app: Any, port: int) -> Iterator[None]:
    """Serve an ASGI app in a thread of its own."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_level="error", ws="none", lifespan="auto"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            thread.join(0.01)
        yield
    finally:
        server.should_exit = server.force_exit = True
        thread.join(60)
        assert not thread.is_alive()


@contextmanager
def agent_server(**agents: Says) -> Iterator[AgentServer]:
    """Yield a server of these agents."""
    server = AgentServer(agents, free_port())
    routes = [Route("/{name}", server.answer, methods=["POST"])]
    with served(Starlette(routes=routes), server.port):
        yield server


def begun(asked: core.RunAgentInput) -> core.RunStartedEvent:
    """Return the event that opens a run."""
    return core.RunStartedEvent(thread_id=asked.thread_id, run_id=asked.run_id)


def finished(asked: core.RunAgentInput, outcome: Any = None) -> core.RunFinishedEvent:
    """Return the event that closes a run."""
    return core.RunFinishedEvent(thread_id=asked.thread_id, run_id=asked.run_id, outcome=outcome)


def spoken(text: str, key: str = "m1") -> list[core.BaseEvent]:
    """Return the events of a message."""
    return [
        core.TextMessageStartEvent(message_id=key, role="assistant"),
        *(core.TextMessageContentEvent(message_id=key, delta=f"{word} ") for word in text.split()),
        core.TextMessageEndEvent(message_id=key),
    ]
