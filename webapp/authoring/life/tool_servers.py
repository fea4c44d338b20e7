"""`on_mcp_connect` and `on_mcp_disconnect`: the MCP servers when a chat starts."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from webapp.authoring.context import running_chat
from webapp.authoring.errors import ToolServerError
from webapp.authoring.life.logger import logger
from webapp.authoring.loading.app_file import Callback, ChatApp
from webapp.authoring.loading.registration import register
from webapp.authoring.loading.signatures import Arguments, refuse_brackets
from webapp.authoring.tools import make_async

ToolsCallback = TypeVar("ToolsCallback", bound=Callable[..., Any])


@refuse_brackets
def on_mcp_connect(callback: ToolsCallback) -> ToolsCallback:
    """Register the function that is told of each server of tools when a chat starts.

    The administrator lists the servers in the file that ``WEBAPP_MCP_SERVERS`` names. It runs after
    ``@on_chat_start``, once for each of them. A server that cannot be used is left out and logged.

    Parameters
    ----------
    callback:
        A function of 0, 1 (``connection``) or 2 (``connection, session``) parameters, ``def`` or
        ``async def``. ``connection`` has a ``name``. ``session`` has ``await session.list_tools()``
        and ``await session.call_tool(name, arguments)``. Later, ``context.session.mcp_sessions``
        has the session under that name.

    Example
    -------
    ::

        @cl.on_mcp_connect
        async def connect(connection, session):
            listed = await session.list_tools()
            cl.user_session.set(connection.name, [tool.name for tool in listed.tools])
    """
    return register("on_mcp_connect", callback, Arguments(("connection", "session")))


@refuse_brackets
def on_mcp_disconnect(callback: ToolsCallback) -> ToolsCallback:
    """Register a function as Chainlit has it. It is never called: no connection stays open.

    Parameters
    ----------
    callback:
        A function of at most 2 parameters.

    Example
    -------
    ::

        @cl.on_mcp_disconnect
        async def disconnect(name, session):
            cl.user_session.set(name, [])
    """
    return register("on_mcp_disconnect", callback, Arguments(("name", "session")))


def join_to_start(app: ChatApp) -> None:
    """Let the start of a chat tell ``@on_mcp_connect`` of each server, if the app has it."""
    start, connect = app.get("on_chat_start"), app.get("on_mcp_connect")
    if connect is None:
        return

    async def start_with_tools() -> None:
        if start is not None:
            await _call(start)
        for session, _ in running_chat("@on_mcp_connect").tool_sessions().values():
            try:
                await _call(connect, session.connection, session)
            except ToolServerError as error:
                logger.warning("%s", error)

    app.callbacks["on_chat_start"] = Callback("on_chat_start", start_with_tools, 0, app.folder)


async def _call(callback: Callback, *arguments: object) -> None:
    function, given = callback.function, callback.select_arguments(arguments)
    is_async = inspect.iscoroutinefunction(inspect.unwrap(function))
    result = function(*given) if is_async else await make_async(function)(*given)
    if inspect.isawaitable(result):
        await result
