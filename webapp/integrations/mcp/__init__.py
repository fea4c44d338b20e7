"""Tools of MCP servers that the administrator lists: https://modelcontextprotocol.io."""

from __future__ import annotations

from webapp.authoring.errors import ToolServerError as ToolServerError
from webapp.integrations.mcp.tools import Tool as Tool
from webapp.integrations.mcp.tools import Tools as Tools
from webapp.integrations.mcp.tools import connect as connect

__all__ = ["Tool", "ToolServerError", "Tools", "connect"]
