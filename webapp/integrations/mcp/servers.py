"""The servers of tools in the file that ``WEBAPP_MCP_SERVERS`` names."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import httpx2
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from webapp.authoring.context import running_chat
from webapp.authoring.errors import MisuseError, ToolServerError

SECONDS = 60.0
CONNECT_SECONDS = 10.0
# Claude Desktop and others write the second one.
_TOP = ("servers", "mcpServers")
_VARIABLE = re.compile(r"\$\{(\w+)\}", re.ASCII)


class ToolServer(BaseModel):
    """A server as the administrator has listed it.

    Parameters
    ----------
    consent:
        Which tools are called only if the user allows it: all, none, or those named. ``None``
        means those that the server does not call read-only.
    tools:
        Which of its tools may be used; ``None`` means all.
    seconds:
        How long a call may take.
    type:
        What other programs write there. It has no effect.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: str = ""
    command: str | None = Field(default=None, min_length=1)
    args: list[str] = []
    env: dict[str, str] = {}
    cwd: str | None = None
    url: str | None = Field(default=None, pattern="^https?://")
    headers: dict[str, str] = {}
    consent: bool | list[str] | None = None
    tools: list[str] | None = None
    seconds: float = Field(default=SECONDS, gt=0, lt=100_000)
    type: str | None = None

    @field_validator("env", "headers")
    @classmethod
    def fill(cls, texts: dict[str, str]) -> dict[str, str]:
        """Put the variables of the environment in their places, such as ``${TOKEN}``."""
        return {name: _VARIABLE.sub(_find_variable, text) for name, text in texts.items()}

    @model_validator(mode="after")
    def refuse_two_ways(self) -> Self:
        """Refuse a server with two ways to it, or with none."""
        if (self.command is None) == (self.url is None):
            raise ValueError("it needs a command or a url, and not both")
        return self

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Client]:
        """Yield a client that is connected, and close it in the end.

        Raises
        ------
        ToolServerError
            The server does not start, cannot be reached, or does not speak MCP.
        """
        try:
            async with self._client() as client:
                yield client
        except (OSError, ValueError, MCPError, httpx2.HTTPError) as error:
            raise self.failure(error) from error
        except BaseExceptionGroup as group:
            # Of the task groups of the client. An error of the caller passes as it is.
            first: BaseException = group
            while isinstance(first, BaseExceptionGroup):
                first = first.exceptions[0]
            if isinstance(first, OSError | MCPError | httpx2.HTTPError):
                raise self.failure(first) from group
            raise first from group

    def failure(self, error: BaseException) -> ToolServerError:
        """Return the error for what went wrong with this server."""
        return ToolServerError(f"The MCP server {self.name!r} cannot be used: {error}")

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[Client]:
        if self.url is not None:
            timeout = httpx2.Timeout(CONNECT_SECONDS, read=self.seconds)
            async with (
                httpx2.AsyncClient(headers=self.headers, timeout=timeout, trust_env=False) as http,
                Client(
                    streamable_http_client(self.url, http_client=http),
                    read_timeout_seconds=self.seconds,
                ) as client,
            ):
                yield client
            return
        parameters = StdioServerParameters(
            command=self.command or "",
            args=self.args,
            env=self.env,
            cwd=self.cwd,
        )
        # What it writes to standard error goes where ours goes, if that is a file.
        with Path(os.devnull).open("w") as nowhere:
            log = sys.__stderr__ or nowhere
            async with Client(
                stdio_client(parameters, errlog=log), read_timeout_seconds=self.seconds
            ) as client:
                yield client


def listed_servers(names: tuple[str, ...]) -> list[ToolServer]:
    """Return the servers with these names, or all.

    Raises
    ------
    MisuseError
        The file is not set or not as it must be, or it lists no such server.
    """
    path = running_chat("mcp.connect()").mcp_servers
    if not path:
        raise MisuseError(
            "mcp.connect() needs a file with servers: WEBAPP_MCP_SERVERS=/srv/chat/mcp.json."
        )
    servers = read_servers(Path(path))
    strange = [name for name in names if name not in servers]
    if strange:
        known = ", ".join(servers) or "none"
        raise MisuseError(f"{path} lists no server {strange[0]!r}; it lists: {known}.")
    return [servers[name] for name in names or servers]


def read_servers(path: Path) -> dict[str, ToolServer]:
    """Return the servers that a file lists, by their names.

    Raises
    ------
    MisuseError
        The file is not as it must be. The message says where.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise MisuseError(f"{path} cannot be read as JSON: {error}") from error
    top = [content[key] for key in _TOP if key in content] if isinstance(content, dict) else []
    if len(top) != 1 or not isinstance(top[0], dict):
        raise MisuseError(f'{path} must have the form {{"servers": {{"name": {{...}}}}}}.')
    return {name: _read_server(path, name, fields) for name, fields in top[0].items()}


def _read_server(path: Path, name: str, fields: Any) -> ToolServer:
    try:
        return ToolServer.model_validate(fields).model_copy(update={"name": name})
    except ValidationError as error:
        first = error.errors()[0]
        place = " ".join(map(str, first["loc"][:1]))
        problem = first["msg"].removeprefix("Value error, ")
        told = f"{place}: {problem}" if place else problem
        raise MisuseError(f"{path}: the server {name!r} cannot be used: {told}.") from error


def _find_variable(match: re.Match[str]) -> str:
    found = os.environ.get(match[1])
    if found is None:
        raise ValueError(f"the environment has no variable {match[1]}")
    return found
