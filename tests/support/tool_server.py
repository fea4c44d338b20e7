"""A server of tools: what it remembers lasts as long as its process."""

import asyncio
import os
import sys
from pathlib import Path

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations

server = MCPServer("tools")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def add(a: int, b: int) -> str:
    """Add two numbers."""
    return str(a + b)


@server.tool()
def delete(name: str) -> str:
    """Delete something."""
    return f"deleted {name}"


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def fail() -> str:
    """Fail."""
    raise ToolError("out of tools")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def secret() -> str:
    """Tell a variable of the environment."""
    return os.environ.get("TOOL_SECRET", "none")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def long() -> str:
    """Tell much."""
    return "x" * 300_000


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
async def wait(file: str) -> str:
    """Write the number of this process, and wait."""
    Path(file).write_text(str(os.getpid()))
    await asyncio.sleep(60)
    return "waited"


if __name__ == "__main__":
    if "--port" in sys.argv:
        server.run("streamable-http", port=int(sys.argv[-1]))
    else:
        server.run("stdio")
