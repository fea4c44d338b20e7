"""What an app file uses and this framework does not have: all of it is told before it is run."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

import webapp
from tests.cli_support import CommandLine
from webapp.authoring.checking.app_check import check_app
from webapp.authoring.errors import AppFileError
from webapp.authoring.loading.loader import load_chat_app
from webapp.integrations import INTEGRATIONS

ROOT = Path(__file__).parent.parent
OWN_FILES = sorted([*(ROOT / "examples").glob("*.py"), *(ROOT / "tests" / "apps").glob("*.py")])
Check = Callable[..., list[str]]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Return `check(text, **neighbours)`, which gives the lines of the report."""

    def ask(text: str, **neighbours: str) -> list[str]:
        for name, content in neighbours.items():
            file = tmp_path / f"{name.replace('__', '/')}.py"
            file.parent.mkdir(exist_ok=True)
            file.write_text(dedent(content))
        path = tmp_path / "app.py"
        path.write_text(dedent(text))
        return [each.describe(tmp_path) for each in check_app(path, path.read_bytes())]

    return ask


TEN = """\
import chat_profiles as cl
from chat_profiles.types import InputAudioChunk
from chat_profiles.server import app
import helper

@cl.on_audio_chunk
async def listen(chunk): ...

@cl.on_message
async def answer(message: cl.Message):
    reply = cl.Message(content="", disable_feedback=True)
    reply.streaming = True
    message.is_error = True
    if cl.context.session.http_cookie:
        cl.user_session.clear()

def later():
    return cl.Avatar(name="x"), cl.Mesage()
"""


def test_every_missing_name_is_listed_with_file_line_and_what_to_use(check: Check) -> None:
    lines = check(TEN, helper="import webapp\n\n\ndef f():\n    return webapp.data_layer\n")
    places = [line.split(": ")[0] for line in lines]
    assert places == [
        *("app.py:2", "app.py:3", "app.py:6", "app.py:11", "app.py:12", "app.py:13"),
        *("app.py:14", "app.py:15", "app.py:18", "app.py:18", "helper.py:5"),
    ]
    told = "\n".join(lines)
    for words in (
        "chat_profiles.types.InputAudioChunk does not exist in this version: an app cannot listen",
        "chat_profiles.server does not exist in this version: create_app() returns",
        "chat_profiles.on_audio_chunk does not exist",
        "Message does not take disable_feedback: leave it out",
        "Message.streaming does not exist in this version: use stream_token()",
        "Message.is_error does not exist",
        "context.session.http_cookie does not exist in this version: the cookies",
        "user_session.clear does not exist",
        "chat_profiles.Avatar does not exist in this version: use Message(author=...)",
        "chat_profiles.Mesage does not exist; did you mean Message?",
        "chat_profiles.data_layer does not exist in this version: chats are stored already",
    ):
        assert words in told


def test_all_of_it_is_told_at_load_and_nothing_is_run(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("")
    path = tmp_path / "app.py"
    path.write_text(f"{TEN}\nraise RuntimeError('it was run')\n")
    with pytest.raises(AppFileError) as caught:
        load_chat_app(path)
    first, *details = str(caught.value).splitlines()
    assert first.startswith(f"{path}: uses 10 names that do not exist here.")
    assert "docs/from-chainlit.md" in first
    assert len(details) == 10
    assert details[0].startswith(f"{path}:2: ")


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("import chainlit as cl", "import chat_profiles as cl"),
        ("import chainlit", "import chat_profiles as chainlit"),
        ("import json, chainlit as cl", "import chat_profiles as cl"),
        ("from chainlit import User, Message as M", "from chat_profiles import User, Message as M"),
        ("from chainlit.types import Starter", "from chat_profiles.types import Starter"),
        ("def f():\n    import chainlit as cl", "import chat_profiles as cl"),
    ],
)
def test_an_import_of_chainlit_is_answered_with_the_line_to_write(
    check: Check, line: str, instead: str
) -> None:
    [told] = check(line)
    assert told.endswith(f": this framework is chat_profiles: write `{instead}`")


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("import webapp as cl\nx = getattr(cl, 'Avatar')\ny = cl.Avatar", [2, 3]),
        ("from webapp import *\n\n\n@on_audio_end\ndef f():\n    Avatar(name='x')", [4, 6]),
        (
            "from webapp import *\n\n\ndef f():\n    Message('x', indent=1)\n    context.runn",
            [5, 6],
        ),
    ],
    ids=["by a text", "all names at once", "what names lead to"],
)
def test_names_that_no_import_and_no_dot_tells_are_found(
    check: Check, text: str, places: list[int]
) -> None:
    lines = check(text)
    assert [int(line.split(":")[1]) for line in lines] == places


def test_a_name_that_chat_context_has_not_is_told_with_its_own(check: Check) -> None:
    [told] = check("import webapp as cl\ncl.chat_context.append")
    assert "chat_context.append does not exist" in told


def test_what_an_app_of_chainlit_lacks_is_told_before_its_imports_are_changed(check: Check) -> None:
    lines = check("import chainlit as cl\nfrom chainlit.data import x\n\ncl.on_audio_end\n")
    assert [line.split(" ")[0] for line in lines] == ["app.py:1:", "app.py:2:", "app.py:4:"]
    assert "chats are stored already" in lines[1]


NO_PROBLEM = {
    "a_name_of_its_own": "cl = object()\ncl.Avatar",
    "bound_twice": "import webapp as cl\ncl = wrap(cl)\ncl.Avatar",
    "a_parameter": "import webapp as cl\n\n\ndef f(cl):\n    return cl.Avatar",
    "a_local_name": "import webapp as cl\n\n\ndef f():\n    cl = g()\n    return cl.Avatar",
    "a_loop": "import webapp as cl\n[cl.Avatar for cl in x]",
    "set_in_a_function": (
        "import webapp as cl\n\n\ndef f():\n    global cl\n    cl = g()\n\n\ncl.Avatar"
    ),
    "an_import_that_may_fail": (
        "try:\n    from webapp.data import x\nexcept ImportError:\n    x = None"
    ),
    "a_name_that_may_fail": (
        "import webapp as cl\ntry:\n    a = cl.Avatar\nexcept (AttributeError, KeyError):\n    pass"
    ),
    "asked_for_before": "import webapp as cl\nif hasattr(cl, 'Avatar'):\n    cl.Avatar()",
    "asked_for_with_a_default": (
        "import webapp as cl\nA = getattr(cl, 'Avatar', None)\nif A:\n    cl.Avatar()"
    ),
    "a_text_that_may_fail": (
        "import webapp as cl\ntry:\n    getattr(cl, 'Avatar')\nexcept AttributeError:\n    pass"
    ),
    "all_names_and_one_of_its_own": (
        "from webapp import *\n\n\ndef Avatar(name): ...\n\n\nAvatar(name='x')\nprint(1, end='')"
    ),
    "all_names_of_two_modules": "from webapp import *\nfrom mine import *\nAvatar(name='x')",
    "for_type_checkers": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from webapp.data import X"
    ),
    "started_by_itself": (
        "if __name__ == '__main__':\n    from chainlit.cli import run_chainlit\n    run_chainlit(1)"
    ),
    "an_annotation_that_is_not_read": (
        "from __future__ import annotations\nimport webapp as cl\n\n\ndef f(x: cl.Avatar): ..."
    ),
    "by_keywords_of_a_dict": "import webapp as cl\ncl.Message(**x)",
    "a_message_or_something_else": (
        "import webapp as cl\n\n\ndef f(x):\n    m = cl.Message('a')\n    if x:\n        m = x\n"
        "    m.streaming"
    ),
    "what_a_decorator_of_the_author_gives": (
        "import webapp as cl\n\n\n@cl.on_message\n@mine\ndef f(message):\n    message.streaming"
    ),
    "a_module_of_ours": "from webapp.integrations.openai import x\nimport webapp.app",
    "set_by_the_author": "import webapp as cl\nu = cl.User('a')\nu.colour = 1\nu.colour",
    "not_python": "def f(:",
    "a_text": "'import chainlit as cl'\nx = 'cl.Avatar'",
}


@pytest.mark.parametrize("text", NO_PROBLEM.values(), ids=NO_PROBLEM)
def test_what_cannot_be_read_is_not_guessed(
    check: Check, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    # Another test may have imported it, and then it can be read.
    monkeypatch.delitem(sys.modules, "webapp.integrations.openai", raising=False)
    assert check(text) == []


@pytest.mark.parametrize("path", OWN_FILES, ids=lambda path: path.name)
def test_no_file_that_works_is_refused(path: Path) -> None:
    assert check_app(path, path.read_bytes()) == []


def test_every_public_name_may_be_used(check: Check) -> None:
    names = [*webapp.__all__, *INTEGRATIONS, "__version__"]
    uses = "\n".join(f"    cl.{name}" for name in names)
    assert check(f"import webapp as cl\n\n\ndef f():\n{uses}\n") == []


@pytest.mark.parametrize(
    ("text", "neighbours"),
    [
        ("import a", {"a": "from b import x", "b": "import chainlit"}),
        ("from pkg.inner import f", {"pkg__inner": "import chainlit"}),
        ("from pkg import inner", {"pkg__inner": "import chainlit", "pkg____init__": ""}),
        ("import pkg.one", {"pkg__one": "from . import two", "pkg__two": "import chainlit"}),
        ("def f():\n    import a", {"a": "import chainlit"}),
        ("import a", {"a": "import app\nimport chainlit"}),
    ],
)
def test_the_authors_own_modules_are_read_too(
    check: Check, text: str, neighbours: dict[str, str]
) -> None:
    [told] = check(text, **neighbours)
    assert "write `import chat_profiles as chainlit`" in told


def test_a_name_is_told_where_it_stands_and_not_for_each_call(check: Check) -> None:
    lines = check("from webapp.context import get_context\n\nget_context()\nget_context(a=1)\n")
    assert [line.partition(": ")[0] for line in lines] == ["app.py:1"]


def test_modules_that_are_not_imported_are_not_read(check: Check) -> None:
    assert check("import json", other="import chainlit") == []


def test_names_are_found_through_steps_results_and_other_names(check: Check) -> None:
    lines = check(
        """\
        import webapp as cl
        Reply = cl.Message

        async def f():
            async with cl.Step(name="a") as step:
                step.to_dict()
            sent = await Reply(content="x").send()
            sent.streaming
            cl.context.current_step.persisted
            (again := cl.Message("a")).is_error
        """
    )
    names = [line.split(": ")[1].split(" ")[0] for line in lines]
    assert names == ["Step.to_dict", "Message.streaming", "Step.persisted", "Message.is_error"]


class TestCommand:
    @pytest.fixture
    def cli(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
        (tmp_path / "good.py").write_text("import webapp as cl\ncl.on_message\n")
        (tmp_path / "bad.py").write_text("import webapp as cl\n\ncl.Avatar\nprint('it was run')\n")
        monkeypatch.chdir(tmp_path)
        return CommandLine(tmp_path, "")

    def test_it_prints_what_to_change_and_exits_with_2(self, cli: CommandLine) -> None:
        result = cli("check", "bad.py")
        assert result.exit_code == 2
        place, last = result.stdout.splitlines()
        assert place.startswith("bad.py:3: chat_profiles.Avatar does not exist")
        assert last == "bad.py: 1 thing to change."

    def test_it_prints_json(self, cli: CommandLine) -> None:
        result = cli("check", "bad.py", "--json")
        assert result.exit_code == 2
        [problem] = json.loads(result.stdout)["problems"]
        assert (problem["line"], problem["name"]) == (3, "chat_profiles.Avatar")
        assert Path(problem["file"]).name == "bad.py"

    def test_an_await_outside_of_an_async_function_is_found(self, cli: CommandLine) -> None:
        (cli.folder / "bad.py").write_text("def answer():\n    await print('\\d')\n")
        result = cli("check", "bad.py")
        assert result.exit_code == 2
        assert result.output == "Error: bad.py:2: SyntaxError: 'await' outside async function\n"

    def test_nothing_to_change_is_a_good_end(self, cli: CommandLine) -> None:
        result = cli("check", "good.py")
        assert (result.exit_code, result.output) == (0, "good.py: nothing to change.\n")
        assert json.loads(cli("check", "good.py", "--json").stdout)["problems"] == []

    def test_notes_tell_what_has_no_effect_beside_the_app_file(self, cli: CommandLine) -> None:
        (cli.folder / ".chainlit").mkdir()
        (cli.folder / ".chainlit" / "config.toml").write_text(
            '[project]\nsession_timeout = 3600\n[UI]\nname = "A"\nlanguage = "fr"\n'
            "default_chat_settings_open = true\n"
            '[[UI.header_links]]\nurl = "x"\n'
        )
        (cli.folder / "chainlit.md").write_text("# Welcome to Chainlit! 🚀🤖\n")
        (cli.folder / ".chainlit" / "translations").mkdir()
        (cli.folder / "public" / "elements").mkdir(parents=True)
        (cli.folder / "public" / "elements" / "Ticket.jsx").write_text("")
        (cli.folder / "public" / "theme.json").write_text("{")
        result = cli("check", "good.py")
        assert result.exit_code == 0
        notes = [line for line in result.stdout.splitlines() if line.startswith("note: ")]
        assert [note.split(" ", 4)[1:4] for note in notes] == [
            [".chainlit/config.toml:", "[UI]", "language"],
            [".chainlit/config.toml:", "[UI]", "default_chat_settings_open"],
            [".chainlit/config.toml:", "[UI]", "header_links"],
            ["public/theme.json", "is", "not"],
            ["chainlit.md", "is", "still"],
            [".chainlit/translations", "is", "not"],
            ["public/elements/Ticket.jsx", "is", "not"],
        ]
        assert len(json.loads(cli("check", "good.py", "--json").stdout)["notes"]) == 7

    @pytest.mark.parametrize(
        ("content", "line"),
        [
            (b"x = 1\ndef f(:\n", "Error: broken.py:2: SyntaxError: invalid syntax\n"),
            (b"x = 1\x00", "Error: broken.py"),
            (b"x = '\xff'", "Error: broken.py:"),
        ],
        ids=["syntax", "zero", "encoding"],
    )
    def test_a_file_that_python_cannot_read_is_told(
        self, cli: CommandLine, content: bytes, line: str
    ) -> None:
        (cli.folder / "broken.py").write_bytes(content)
        result = cli("check", "broken.py")
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith(line)
        assert result.stderr.count("\n") == 1

    @pytest.mark.parametrize("name", ["nothing.py", "folder"])
    def test_what_is_no_app_file_is_told(self, cli: CommandLine, name: str) -> None:
        (cli.folder / "folder").mkdir()
        result = cli("check", name)
        assert result.exit_code == 2
        assert result.stderr.startswith(f"Error: {name}: ")


SUBMODULES = """\
import chat_profiles as cl
import chat_profiles.types as types
from chat_profiles.context import context
from chat_profiles.element import Element, ElementDict, Image
from chat_profiles.langchain.callbacks import LangchainCallbackHandler
from chat_profiles.message import Message
from chat_profiles.step import Step, step
from chat_profiles.sync import make_async
from chat_profiles.types import ChatProfile, Starter
from chat_profiles.user import User, UserDict
from chat_profiles.user_session import user_session
from chat_profiles.utils import utc_now
from webapp.step import Step as Same

assert cl.step is step and callable(step) and cl.context is context
assert cl.types is types and cl.element.Element is Element and Same is Step is cl.Step
assert cl.user_session is user_session and ElementDict and UserDict
assert utc_now().endswith("Z")
"""


def test_a_submodule_that_is_imported_by_its_name_is_told(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_text("import importlib\nimportlib.import_module('chat_profiles.data')\n")
    with pytest.raises(AppFileError, match="in this version: chats are stored already"):
        load_chat_app(path)


def test_the_submodules_of_chainlit_are_there(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_text(SUBMODULES)
    load_chat_app(path)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("cl.Avatar(name='Bot')", "public/avatars/NAME.png"),
        ("cl.Message('x', indent=1)", "the output of a Step"),
        ("cl.Message('x', prompt='y')", "the input of a Step"),
        ("from chainlit.client.base import ConversationDict", "use types.ThreadDict"),
        ("from chat_profiles.config import config\nconfig.code", "into .chainlit/config.toml"),
        ("from chainlit.data.sql_alchemy import SQLAlchemyDataLayer", "import-chainlit"),
    ],
)
def test_what_earlier_apps_use_is_told_with_what_to_use(check: Check, line: str, told: str) -> None:
    lines = check(f"import chat_profiles as cl\n{line}\n")
    assert any(told in each for each in lines), lines


def test_a_file_is_parsed_again_if_python_has_counted_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse, calls = ast.parse, []

    def parse_badly_once(source: bytes) -> ast.Module:
        calls.append(source)
        if len(calls) == 1:
            raise SystemError("AST constructor recursion depth mismatch (before=165, after=240)")
        return parse(source)

    monkeypatch.setattr(ast, "parse", parse_badly_once)
    source = b"import chat_profiles as cl\n\ncl.on_audio_chunk\n"
    assert [problem.line for problem in check_app(tmp_path / "app.py", source)] == [3]
