"""Servers of tools in the way of Chainlit: `on_mcp_connect` and `context.session.mcp_sessions`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mcp.types import TextContent

from webapp.integrations.mcp.servers import ToolServer, listed_servers
from webapp.integrations.mcp.tools import NOT_ALLOWED, connect


@dataclass(frozen=True, kw_only=True)
class McpConnection:
    """A server of tools, as `on_mcp_connect` gets it: its name, and how it is reached."""

    name: str
    clientType: str  # noqa: N815 - as Chainlit calls it


@dataclass(frozen=True, kw_only=True)
class ListedTool:
    """A tool of a server."""

    name: str
    description: str
    input_schema: dict[str, Any] = field(repr=False)

    @property
    def inputSchema(self) -> dict[str, Any]:  # noqa: N802 - as the first version of MCP's client has it
        """The JSON Schema of its arguments."""
        return self.input_schema


@dataclass(frozen=True, kw_only=True)
class ToolList:
    """The tools of a server."""

    tools: list[ListedTool]


@dataclass(frozen=True, kw_only=True)
class ToolResult:
    """What a tool has returned.

    Parameters
    ----------
    content:
        Parts of a `type`. Those of type ``"text"`` have a `text`.
    is_error:
        Whether the call failed, or the user did not allow it.
    structured_content:
        The result as JSON, if the tool has one.
    """

    content: list[Any]
    is_error: bool
    structured_content: Any = None

    @property
    def isError(self) -> bool:  # noqa: N802 - as the first version of MCP's client has it
        """Whether the call failed."""
        return self.is_error

    @property
    def structuredContent(self) -> Any:  # noqa: N802 - as above
        """The result as JSON."""
        return self.structured_content


class McpSession:
    """A server of tools. Each call of a method connects to it anew, so it works on any worker."""

    def __init__(self, server: ToolServer) -> None:
        self._name = server.name
        kind = "stdio" if server.url is None else "streamable-http"
        self.connection = McpConnection(name=server.name, clientType=kind)

    async def list_tools(self) -> ToolList:
        """Return the tools of the server that the administrator lets it have.

        Raises
        ------
        ToolServerError
            The server does not start, or cannot be reached.
        """
        async with connect(self._name) as tools:
            listed = [
                ListedTool(
                    name=tool.name,
                    description=tool.description,
                    input_schema=dict(tool.input_schema),
                )
                for tool in tools
            ]
        return ToolList(tools=listed)

    async def call_tool(self, name: str, arguments: Mapping[str, Any] | None = None) -> ToolResult:
        """Call a tool, and return its result. The call is a step, as those of `mcp.connect` are.

        The user is asked first where that is needed. What fails is a result, too.

        Raises
        ------
        ToolServerError
            The server does not start, or cannot be reached.
        """
        async with connect(self._name) as tools:
            found = tools.tools.get(name)
            if found is None:
                return _failure(f"There is no tool {name!r}. There are: {', '.join(tools.tools)}.")
            result = await tools.call_shown(found, arguments or {})
        if result is None:
            return _failure(NOT_ALLOWED)
        return ToolResult(
            content=list(result.content),
            is_error=bool(result.is_error),
            structured_content=result.structured_content,
        )


def _failure(text: str) -> ToolResult:
    return ToolResult(content=[TextContent(type="text", text=text)], is_error=True)


def list_sessions() -> dict[str, tuple[McpSession, None]]:
    """Return a session of each server that is listed, by its name. The second value is nothing.

    Chainlit's second value closes the connection, and here nothing stays open.
    """
    return {server.name: (McpSession(server), None) for server in listed_servers(())}
