"""`mcp.connect`: tools of servers that the administrator lists, on stdio and over HTTP."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli_support import CHECKOUT
from tests.support.apps import AppMaker
from tests.support.chats import Chat
from tests.support.conversation import wait_until
from tests.support.ports import free_port
from tests.support.questions import answer, open_question
from tests.support.servers import PATIENCE
from tests.support.steps import shown_steps
from webapp.authoring.errors import MisuseError
from webapp.integrations.mcp.servers import read_servers

# Beside it are modules with names of the standard library.
SERVER = ["-P", str(CHECKOUT / "tests" / "support" / "tool_server.py")]
STDIO = {"command": sys.executable, "args": SERVER}
APP = """
import json
import webapp as cl
from webapp.integrations import mcp


@cl.on_message
async def on_message(message: cl.Message):
    async with mcp.connect(*{names!r}) as tools:
        if message.content == "list":
            listed = [f"{{tool.name}} {{tool.needs_consent}}" for tool in tools]
            await cl.Message(", ".join(listed)).send()
            return
        if message.content == "openai":
            await cl.Message(json.dumps(tools.to_openai()[0])).send()
            return
        name, _, arguments = message.content.partition(" ")
        await cl.Message((await tools.call(name, arguments))[:300_000]).send()
"""


class Site:
    """Makes an app with servers of tools."""

    def __init__(self, make_app: AppMaker, folder: Path) -> None:
        self._make_app = make_app
        self._file = folder / "mcp.json"

    def chat(self, *names: str, **servers: Any) -> Chat:
        """Return a chat of an app that connects to servers."""
        self._file.write_text(json.dumps({"servers": servers}))
        return Chat(self._make_app(APP.format(names=names), mcp_servers=str(self._file)))


@pytest.fixture
def site(make_app: AppMaker, tmp_path: Path) -> Site:
    return Site(make_app, tmp_path)


@pytest.fixture(scope="module")
def http_url() -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, *SERVER, "--port", str(port)],
        cwd=CHECKOUT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        give_up = time.monotonic() + PATIENCE
        while not is_answered(port):
            assert process.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait()


def is_answered(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_tools_on_stdio_and_over_http_are_listed_and_called(site: Site, http_url: str) -> None:
    for server in (STDIO, {"url": http_url, "headers": {"Authorization": "Bearer t"}}):
        chat = site.chat(files=server)
        chat.say("list").say('add {"a": 1, "b": 2}')
        listed, result = chat.messages()
        assert listed == "add False, delete True, fail False, secret False, long False, wait False"
        assert result == "3"
        [step] = shown_steps(chat)
        assert (step.name, step.type, step.status) == ("add", "tool", "complete")
        assert '"a": 1' in step.input
        assert step.output == "3"


def test_a_tool_is_given_to_a_model_as_openai_takes_it(site: Site, http_url: str) -> None:
    [told] = site.chat(files={"url": http_url, "tools": ["add"]}).say("openai").messages()
    function = json.loads(told)["function"]
    assert (function["name"], function["description"]) == ("add", "Add two numbers.")
    assert set(function["parameters"]["properties"]) == {"a", "b"}


def test_tools_of_the_same_name_are_told_apart(site: Site, http_url: str) -> None:
    only = {"url": http_url, "tools": ["add"]}
    chat = site.chat(one=only, two=only).say("list").say('two_add {"a": 2, "b": 2}')
    assert chat.messages() == ["one_add False, two_add False", "4"]
    assert site.chat("two", one=only, two=only).say("list").messages() == ["add False"]


@pytest.mark.parametrize(
    ("pressed", "result"),
    [("Allow", "deleted x"), ("Do not allow", "The user did not allow this call.")],
)
def test_the_user_is_asked_before_a_call_that_needs_consent(
    site: Site, http_url: str, pressed: str, result: str
) -> None:
    chat = site.chat(files={"url": http_url})
    chat.begin('delete {"name": "x"}')
    chat.until(lambda: open_question(chat) is not None)
    question = open_question(chat)
    assert question is not None
    assert shown_steps(chat) == []
    [button] = [each for each in question.all("button") if each.text.strip() == pressed]
    assert answer(chat, action=button["value"]).status_code == 303
    chat.until_answered()
    asked, told = chat.messages()
    assert "May the tool delete of files be called?" in asked
    assert '"name": "x"' in asked
    assert asked.endswith(pressed)
    assert told == result
    assert [step.name for step in shown_steps(chat)] == (["delete"] if pressed == "Allow" else [])


@pytest.mark.parametrize(
    ("consent", "asked"),
    [(None, {"delete"}), (True, {"add", "delete"}), (False, set()), (["add"], {"add"})],
)
def test_the_administrator_says_which_calls_need_consent(
    site: Site, http_url: str, consent: Any, asked: set[str]
) -> None:
    server = {"url": http_url, "tools": ["add", "delete"], "consent": consent}
    [listed] = site.chat(files=server).say("list").messages()
    assert {each.split()[0] for each in listed.split(", ") if each.endswith("True")} == asked


def test_what_fails_is_the_result_so_that_the_model_goes_on(site: Site, http_url: str) -> None:
    chat = site.chat(files={"url": http_url})
    chat.say("fail").say("add []").say("add {").say('add {"a": "x"}').say("nothing").say("long")
    failed, no_object, no_json, wrong, unknown, long = chat.messages()
    assert "out of tools" in failed
    assert no_object == no_json == "The arguments must be a JSON object."
    assert wrong.startswith("The tool failed")
    assert unknown.startswith("There is no tool 'nothing'. There are: add, ")
    assert long.endswith("[The rest of the result was cut.]")
    assert [step.status for step in shown_steps(chat)] == ["failed", "failed", "complete"]


def test_stop_ends_the_program_of_a_server(site: Site, tmp_path: Path) -> None:
    file, chat = tmp_path / "pid", site.chat(files=STDIO)
    chat.begin(f"wait {json.dumps({'file': str(file)})}")
    chat.until(lambda: file.exists() and bool(file.read_text()))
    chat.stop()
    chat.until_answered()
    process = Path("/proc", file.read_text())
    wait_until(lambda: not process.exists())
    assert [step.status for step in shown_steps(chat)] == ["stopped"]


def test_a_variable_of_the_environment_reaches_the_server(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "42 words")
    server = {**STDIO, "env": {"TOOL_SECRET": "${A_SECRET}"}}
    assert site.chat(files=server).say("secret").messages() == ["42 words"]
    monkeypatch.setenv("TOOL_SECRET", "of the site")
    assert site.chat(files=STDIO).say("secret").messages() == ["none"]


@pytest.mark.parametrize(
    "server",
    [
        {"command": "/nowhere/at-all"},
        {"command": sys.executable, "args": ["-c", "print('no MCP')"]},
        {"url": "http://127.0.0.1:9/mcp"},
    ],
)
def test_a_server_that_cannot_be_used_fails_the_turn_and_is_named_in_the_log(
    site: Site, server: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    chat = site.chat(files={**server, "seconds": 5}).say("list")
    assert chat.messages() == []
    assert len(chat.messages("error")) == 1
    assert "The MCP server 'files' cannot be used" in caplog.text


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "cannot be read as JSON"),
        ("[]", "must have the form"),
        ('{"servers": []}', "must have the form"),
        ('{"servers": {"a": 5}}', "'a' cannot be used"),
        ('{"servers": {"a": {}}}', "needs a command or a url"),
        ('{"servers": {"a": {"command": "x", "url": "http://x"}}}', "and not both"),
        ('{"servers": {"a": {"command": ""}}}', "command"),
        ('{"servers": {"a": {"command": "x", "args": "y"}}}', "args"),
        ('{"servers": {"a": {"url": "ftp://x"}}}', "url"),
        ('{"servers": {"a": {"command": "x", "consent": "yes"}}}', "consent"),
        ('{"servers": {"a": {"command": "x", "seconds": 0}}}', "seconds"),
        ('{"servers": {"a": {"command": "x", "env": {"A": "${NO_SUCH_NAME}"}}}}', "NO_SUCH_NAME"),
        ('{"servers": {"a": {"command": "x", "comand": "y"}}}', "comand"),
    ],
)
def test_a_file_that_is_not_as_it_must_be_is_refused(
    tmp_path: Path, content: str, told: str
) -> None:
    file = tmp_path / "mcp.json"
    file.write_text(content)
    with pytest.raises(MisuseError) as caught:
        read_servers(file)
    assert told in str(caught.value)
    assert str(file) in str(caught.value)


def test_the_form_of_other_programs_is_understood(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_text('{"mcpServers": {"a": {"type": "stdio", "command": "x"}}}')
    assert read_servers(file)["a"].command == "x"


def test_a_name_that_is_not_listed_is_refused(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.chat("other", files={"url": "http://127.0.0.1:9"}).say("list")
    assert "lists no server 'other'; it lists: files" in caplog.text


def test_without_the_setting_the_error_names_it(
    make_app: AppMaker, caplog: pytest.LogCaptureFixture
) -> None:
    Chat(make_app(APP.format(names=()))).say("list")
    assert "WEBAPP_MCP_SERVERS=/srv/chat/mcp.json" in caplog.text
