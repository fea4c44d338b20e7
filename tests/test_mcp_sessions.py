"""Servers of tools in the way of Chainlit: `on_mcp_connect` and `context.session.mcp_sessions`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli_support import CHECKOUT
from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.log import LogReader
from tests.support.questions import answer, open_question
from tests.support.steps import shown_steps

SERVER = str(CHECKOUT / "tests" / "support" / "tool_server.py")
STDIO = {"command": sys.executable, "args": ["-P", SERVER]}
APP = """
import json
import chat_profiles as cl

@cl.on_chat_start
{start} start():
    cl.user_session.set("tools", {{}})

@cl.on_mcp_connect
async def connect(connection, session):
    listed = await session.list_tools()
    tools = cl.user_session.get("tools")
    tools[connection.name] = [tool.name for tool in listed.tools]
    cl.user_session.set("tools", tools)
    first = listed.tools[0]
    kinds = sorted(first.inputSchema["properties"])
    await cl.Message(f"{{connection.clientType}} {{first.description}} {{kinds}}").send()

@cl.on_mcp_disconnect
async def disconnect(name, session):
    raise RuntimeError("never")

@cl.on_message
async def on_message(message):
    sessions = cl.context.session.mcp_sessions
    if message.content == "list":
        await cl.Message(json.dumps([cl.user_session.get("tools"), sorted(sessions)])).send()
        return
    name, _, arguments = message.content.partition(" ")
    session, _ = sessions.get("files")
    result = await session.call_tool(name, json.loads(arguments or "{{}}"))
    await cl.Message(f"{{result.isError}} {{result.content[0].text}}").send()
"""


class Site:
    """Makes an app with servers of tools."""

    def __init__(self, make_app: AppMaker, folder: Path) -> None:
        self._make_app = make_app
        self._file = folder / "mcp.json"

    def chat(self, start: str = "async def", **servers: Any) -> Chat:
        """Return a chat that has started."""
        self._file.write_text(json.dumps({"servers": servers}))
        app = self._make_app(APP.format(start=start), mcp_servers=str(self._file))
        return Chat(app).until_answered()


@pytest.fixture
def site(make_app: AppMaker, tmp_path: Path) -> Site:
    return Site(make_app, tmp_path)


@pytest.mark.parametrize("start", ["async def", "def"])
def test_the_callback_is_told_of_each_server_when_a_chat_starts(site: Site, start: str) -> None:
    chat = site.chat(start, files={**STDIO, "tools": ["add"]}, more={**STDIO, "tools": ["fail"]})
    assert chat.messages() == ["stdio Add two numbers. ['a', 'b']", "stdio Fail. []"]
    told = json.loads(chat.say("list").messages()[-1])
    assert told == [{"files": ["add"], "more": ["fail"]}, ["files", "more"]]


def test_a_tool_is_called_and_what_fails_is_a_result(site: Site) -> None:
    chat = site.chat(files=STDIO)
    assert chat.say('add {"a": 1, "b": 2}').messages()[-1] == "False 3"
    [step] = shown_steps(chat)
    assert (step.name, step.status, step.output) == ("add", "complete", "3")
    assert chat.say("fail").messages()[-1].startswith("True ")
    assert "There is no tool 'other'" in chat.say("other").messages()[-1]


@pytest.mark.parametrize(
    ("choice", "told"),
    [("Allow", "False deleted x"), ("Do not allow", "True The user did not allow")],
)
def test_the_user_is_asked_before_a_call_that_needs_consent(
    site: Site, choice: str, told: str
) -> None:
    chat = site.chat(files=STDIO)
    chat.begin('delete {"name": "x"}')
    chat.until(lambda: open_question(chat) is not None)
    question = open_question(chat)
    assert question is not None
    [button] = [each for each in question.all("button") if each.text.strip() == choice]
    assert answer(chat, action=button["value"]).status_code == 303
    assert told in chat.until_answered().messages()[-1]


def test_a_server_that_cannot_be_used_is_left_out_and_logged(site: Site, log: LogReader) -> None:
    chat = site.chat(broken={"command": "/nowhere/at-all"}, files={**STDIO, "tools": ["add"]})
    assert chat.messages() == ["stdio Add two numbers. ['a', 'b']"]
    assert any("'broken' cannot be used" in line for line in log.lines)


def test_without_servers_nobody_is_told_of_any(make_app: AppMaker) -> None:
    chat = Chat(make_app(APP.format(start="async def"))).until_answered()
    assert chat.messages() == []
    assert json.loads(chat.say("list").messages()[-1]) == [{}, []]


def test_an_app_without_a_start_is_told_too(make_app: AppMaker, tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_text(json.dumps({"servers": {"files": STDIO}}))
    app = make_app(
        """
        import chat_profiles as cl

        @cl.on_mcp_connect
        def connect(connection):
            cl.Message(connection.name).send()

        @cl.on_message
        def on_message(message): ...
        """,
        mcp_servers=str(file),
    )
    assert Chat(app).until_answered().messages() == ["files"]
