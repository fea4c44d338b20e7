"""The tools of servers, for the model of an app: calls are steps, and some need consent."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from mcp import Client, MCPError
from mcp import types as mcp_types

from webapp.authoring.text import as_code_block
from webapp.integrations.consent import ask_consent
from webapp.integrations.framework_step import ContextFinder, FrameworkStep
from webapp.integrations.mcp.servers import ToolServer, listed_servers
from webapp.integrations.values import read_value

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    class OpenAITool(dict[str, Any], Any):
        """A plain dict. To a type checker, it fits the types of the client."""

    # The type of tool that the caller expects, such as `ChatCompletionToolUnionParam`.
    ExpectedTool = TypeVar("ExpectedTool", default=OpenAITool)

MOST_TOOLS = 500
MOST_PAGES = 50
RESULT_LIMIT = 200_000
SHOWN_ARGUMENTS = 2_000
NOT_ALLOWED = "The user did not allow this call."
CUT = "\n[The rest of the result was cut.]"


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool of a server.

    Parameters
    ----------
    name:
        Its name among all tools that are connected. If two servers have the same name, it begins
        with that of the server.
    input_schema:
        A JSON Schema of its arguments.
    needs_consent:
        Whether the user is asked before each call.
    """

    name: str
    description: str
    input_schema: Mapping[str, Any]
    server: str
    needs_consent: bool

    def to_openai(self) -> OpenAITool:
        """Return the tool as the chat completions of OpenAI take it."""
        function = {
            "name": self.name,
            "description": self.description,
            "parameters": dict(self.input_schema),
        }
        return cast("OpenAITool", {"type": "function", "function": function})


@dataclass(frozen=True)
class ConnectedTool:
    """A tool, its name on its server, and how to call it."""

    tool: Tool
    own_name: str
    client: Client
    server: ToolServer

    async def call(self, arguments: dict[str, Any]) -> mcp_types.CallToolResult:
        """Call it. What its server refuses is a result, too."""
        try:
            return await self.client.call_tool(
                self.own_name, arguments, read_timeout_seconds=self.server.seconds
            )
        except MCPError as error:
            content = mcp_types.TextContent(type="text", text=str(error))
            return mcp_types.CallToolResult(content=[content], is_error=True)


class Tools:
    """The tools that are connected."""

    def __init__(self) -> None:
        self.tools: dict[str, ConnectedTool] = {}
        self._finder = ContextFinder()

    def __iter__(self) -> Iterator[Tool]:
        return (connected.tool for connected in self.tools.values())

    def __len__(self) -> int:
        return len(self.tools)

    def to_openai(self) -> list[ExpectedTool]:
        """Return the tools as the chat completions of OpenAI take them."""
        return cast("list[ExpectedTool]", [tool.to_openai() for tool in self])

    async def call(self, name: str, arguments: Mapping[str, Any] | str | None = None) -> str:
        """Call a tool, and return its result as text, for the model.

        The call is shown as a step. What goes wrong in it, and that the user did not allow it, is
        the result, so that the model can go on.

        Parameters
        ----------
        arguments:
            A dict, or JSON as models write it.

        Raises
        ------
        ToolServerError
            The server does not answer any more.
        """
        found = self.tools.get(name)
        if found is None:
            return f"There is no tool {name!r}. There are: {', '.join(self.tools)}."
        values = _read_arguments(arguments)
        if values is None:
            return "The arguments must be a JSON object."
        result = await self.call_shown(found, values)
        return NOT_ALLOWED if result is None else _read_result(result)

    async def call_shown(
        self, found: ConnectedTool, arguments: Mapping[str, Any]
    ) -> mcp_types.CallToolResult | None:
        """Call a tool, and show that as a step; ``None`` if the user does not allow it."""
        values = dict(arguments)
        if found.tool.needs_consent and not await ask_consent(_ask_text(found.tool, values)):
            return None
        context = self._finder.find()
        if context is None:  # outside a chat nothing is shown
            return await found.call(values)
        step = FrameworkStep(context, found.tool.name, "tool")
        step.begin(values)
        try:
            result = await found.call(values)
        except BaseException:
            step.fail()
            raise
        text = _read_result(result)
        if result.is_error:
            step.stream(text)
            step.fail()
        else:
            step.finish(text)
        return result


@asynccontextmanager
async def connect(*names: str) -> AsyncIterator[Tools]:
    """Connect to servers of tools that the administrator lists, for an ``async with`` block.

    The file that ``WEBAPP_MCP_SERVERS`` names has them. At the end of the block their connections
    are closed and their programs end.

    Parameters
    ----------
    names:
        Of the servers. Without any, all that are listed.

    Raises
    ------
    MisuseError
        There is no such server, or the file is not as it must be.
    ToolServerError
        A server does not start, or cannot be reached.

    Example
    -------
    ::

        async with mcp.connect("files") as tools:
            answer = await client.chat.completions.create(
                model="...", messages=cl.chat_history(), tools=tools.to_openai()
            )
            for call in answer.choices[0].message.tool_calls or ():
                result = await tools.call(call.function.name, call.function.arguments)
    """
    servers = listed_servers(names)
    tools = Tools()
    async with AsyncExitStack() as stack:
        listed = []
        for server in servers:
            client = await stack.enter_async_context(server.connect())
            listed += [(tool, client, server) for tool in await _list_tools(server, client)]
        count = Counter(tool.name for tool, _, _ in listed)
        for tool, client, server in listed:
            name = tool.name if count[tool.name] == 1 else f"{server.name}_{tool.name}"
            needs_consent = server.consent
            if needs_consent is None:
                only_reads = tool.annotations is not None and tool.annotations.read_only_hint
                needs_consent = not only_reads
            elif not isinstance(needs_consent, bool):
                needs_consent = tool.name in needs_consent
            known = Tool(
                name=name,
                description=tool.description or "",
                input_schema=tool.input_schema,
                server=server.name,
                needs_consent=needs_consent,
            )
            tools.tools[name] = ConnectedTool(known, tool.name, client, server)
        yield tools


async def _list_tools(server: ToolServer, client: Client) -> list[mcp_types.Tool]:
    found: list[mcp_types.Tool] = []
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        try:
            page = await client.list_tools(cursor=cursor)
        except MCPError as error:
            raise server.failure(error) from error
        found += page.tools
        cursor = page.next_cursor
        if cursor is None or len(found) >= MOST_TOOLS:
            break
    return [t for t in found[:MOST_TOOLS] if server.tools is None or t.name in server.tools]


def _read_arguments(arguments: Mapping[str, Any] | str | None) -> dict[str, Any] | None:
    """Return the arguments of a call as a dict, or ``None`` if they are no JSON object."""
    try:
        given = json.loads(arguments or "{}") if isinstance(arguments, str) else arguments or {}
    except (ValueError, RecursionError):
        return None
    return dict(given) if isinstance(given, Mapping) else None


def _ask_text(tool: Tool, arguments: Mapping[str, Any]) -> str:
    shown = read_value(arguments, SHOWN_ARGUMENTS, lambda value: value)
    block = as_code_block(json.dumps(shown, indent=2, ensure_ascii=False), "json")
    return f"May the tool `{tool.name.replace('`', '')}` of `{tool.server}` be called?\n\n{block}"


def _read_result(result: mcp_types.CallToolResult) -> str:
    parts = [
        part.text if isinstance(part, mcp_types.TextContent) else f"[{part.type}]"
        for part in result.content
    ]
    text = "\n".join(parts)
    if not text and result.structured_content is not None:
        text = json.dumps(result.structured_content, ensure_ascii=False)
    if len(text) > RESULT_LIMIT:
        text = text[:RESULT_LIMIT] + CUT
    return f"The tool failed: {text}" if result.is_error else text
