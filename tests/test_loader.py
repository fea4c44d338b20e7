"""Loading an app file: what it leaves behind, and what its author reads when it fails."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from tests.support.apps import APPS, AppMaker
from tests.support.people import Visitor
from webapp import create_app
from webapp.authoring.errors import AppFileError
from webapp.authoring.loading.app_file import ChatApp
from webapp.authoring.loading.loader import load_chat_app
from webapp.config.startup_error import StartupError

HELLO = """
import webapp as cl
@cl.on_chat_start
def start():
    cl.Message("{}").send()
"""


def written(folder: Path, text: str, name: str = "chat.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("x = 1\ndef f(:\n", 2, "SyntaxError: invalid syntax"),
        ("if True:\nx = 1\n", 2, "expected an indented block"),
        ("\n\n1 / 0\n", 3, "ZeroDivisionError: division by zero"),
        ("def f():\n    1 / 0\nf()\n", 2, "ZeroDivisionError: division by zero"),
        ("import not_there\n", 1, "ModuleNotFoundError: No module named 'not_there'"),
        ("raise RuntimeError\n", 1, "RuntimeError"),
        ("raise ValueError('two\\nlines')\n", 1, "ValueError: two lines"),
        ("import json\njson.loads('{')\n", 2, "JSONDecodeError: Expecting"),
        ("import ast\n\nast.literal_eval('f(')\n", 3, "SyntaxError: '(' was never closed"),
        ("import sys\nsys.exit(0)\n", 2, "calls sys.exit() while it is loaded; put that under"),
        ("import webapp\nwebapp.create_app()\n", 2, "calls create_app(), which belongs in a"),
        ("import webapp\nwebapp.create_app(__file__)\n", 2, "remove it from the app file"),
    ],
)
def test_a_failing_file_is_told_by_file_line_and_reason(
    tmp_path: Path, text: str, line: int, reason: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(AppFileError) as caught:
        load_chat_app(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a = 1\x00", b"# coding: nonsense\n"])
def test_a_file_that_is_no_python_text_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "chat.py"
    path.write_bytes(content)
    with pytest.raises(AppFileError, match=r"chat\.py"):
        load_chat_app(path)


def told(path: Path) -> str:
    """Return what the author reads, with the paths as short as they can be."""
    with pytest.raises(AppFileError) as caught:
        load_chat_app(path)
    return str(caught.value).replace(f"{path.parent}/", "")


def test_a_neighbour_that_cannot_be_compiled_is_named_and_who_imports_it(tmp_path: Path) -> None:
    written(tmp_path, "def broken(:\n", "uncompiled_neighbour.py")
    path = written(tmp_path, "\nimport uncompiled_neighbour\n")
    assert told(path) == (
        "uncompiled_neighbour.py:1: SyntaxError: invalid syntax (imported from chat.py:2)"
    )


def test_a_neighbour_that_fails_is_named_and_who_imports_it(tmp_path: Path) -> None:
    written(tmp_path, "\n1 / 0\n", "failing_neighbour.py")
    written(tmp_path, "import failing_neighbour\n", "middle_neighbour.py")
    path = written(tmp_path, "import middle_neighbour\n")
    assert told(path) == (
        "failing_neighbour.py:2: ZeroDivisionError: division by zero "
        "(imported from middle_neighbour.py:1)"
    )


def test_a_function_of_a_neighbour_that_fails_is_named_and_who_calls_it(tmp_path: Path) -> None:
    written(tmp_path, "def half(x):\n    return x / 0\n", "halving_neighbour.py")
    path = written(tmp_path, "import halving_neighbour\nhalving_neighbour.half(1)\n")
    assert told(path).startswith("halving_neighbour.py:2: ZeroDivisionError")
    assert told(path).endswith("(called from chat.py:2)")


def test_a_failure_inside_a_library_names_the_line_that_uses_it(tmp_path: Path) -> None:
    installed = tmp_path / ".venv" / "site-packages"
    installed.mkdir(parents=True)
    written(installed, "1 / 0\n", "failing_library.py")
    path = written(
        tmp_path, f"import sys\nsys.path.append({str(installed)!r})\nimport failing_library\n"
    )
    assert told(path) == "chat.py:3: ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("import not_there_at_all", "if not_there_at_all is yours, put it beside the app file"),
        ("import not_there_at_all.deep", "Otherwise install its package in this environment"),
        ("import cv2", "python -m pip install opencv-python"),
        ("import langchain_ollama", "python -m pip install langchain-ollama"),
        ("from openaai import AsyncOpenAI", "did you mean openai?"),
        ("from neighbours.toolz import x", "did you mean neighbours.tools?"),
        ("import webapp.tools", "are names of this framework, so give your own folder"),
        ("import chainlit as cl", "write `import chat_profiles as cl`"),
        ("from chainlit.user import User", "write `from chat_profiles.user import User`"),
        ("from . import helper", "write `import helper` instead of `from . import helper`"),
        ("from .helper import x", "`from helper import x` instead of `from .helper import x`"),
        (
            "from webapp import on_audio_start",
            "chat_profiles.on_audio_start does not exist in this version: ",
        ),
        ("from webapp import on_chat_starts", "did you mean on_chat_start?"),
        ("import helpfull_neighbour", "did you mean helpful_neighbour?"),
    ],
)
def test_an_import_that_fails_says_what_to_write_or_install(
    tmp_path: Path, line: str, advice: str
) -> None:
    written(tmp_path, "", "helpful_neighbour.py")
    (tmp_path / "neighbours").mkdir()
    written(tmp_path / "neighbours", "", "tools.py")
    text = told(written(tmp_path, f"{line}\n"))
    assert text.startswith("chat.py:1: ")
    assert advice in text


@pytest.mark.parametrize(
    "line", ["import src", "from tools.deep import x", "import app_settings", "import googl.genai"]
)
def test_no_stranger_is_to_be_installed(tmp_path: Path, line: str) -> None:
    assert "pip" not in told(written(tmp_path, f"{line}\n"))


def test_what_lies_above_the_app_file_is_found_from_there(tmp_path: Path) -> None:
    folder = tmp_path / "left_alone"
    folder.mkdir()
    text = told(written(folder, "from left_alone.tools import x\n"))
    assert text.endswith(f"left_alone is in {tmp_path}, so start the command in that folder.")


def test_the_current_folder_is_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("sources", "sources/deeper"):
        (tmp_path / folder).mkdir()
    written(tmp_path / "sources", "GREETING = 'hello'\n", "greetings.py")
    written(tmp_path / "sources" / "deeper", "from sources.greetings import GREETING\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    assert load_chat_app("sources/deeper/chat.py").name == "chat"
    assert load_chat_app("sources.deeper.chat").name == "chat"


def test_a_current_folder_that_was_removed_is_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert load_chat_app(written(tmp_path, HELLO)).name == "chat"


@pytest.mark.parametrize("line", ["import json.no_such", "from json import no_such"])
def test_what_is_installed_is_not_to_be_installed(tmp_path: Path, line: str) -> None:
    assert "pip install" not in told(written(tmp_path, f"{line}\n"))


@pytest.mark.parametrize("name", ["missing.py", "missing/chat.py", "/nowhere/chat.py", "a/b"])
def test_a_missing_file_is_told(name: str) -> None:
    with pytest.raises(AppFileError, match="there is no such file; give the path"):
        load_chat_app(name)


def test_a_folder_is_not_an_app_file(tmp_path: Path) -> None:
    with pytest.raises(AppFileError, match="is a folder; give the path of your app file"):
        load_chat_app(tmp_path)


@pytest.mark.parametrize("name", ["no_such_module_here", "json.no_such", "sys", "a b", ".x", ""])
def test_a_name_that_is_no_module_is_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AppFileError, match=r"module|imported|not a Python file"):
        load_chat_app(name)


def test_a_package_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "failing_package").mkdir()
    written(tmp_path / "failing_package", "1 / 0\n", "__init__.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(AppFileError, match="cannot be imported: division by zero"):
        load_chat_app("failing_package.chat")


def test_an_app_is_found_by_the_name_of_its_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, HELLO.format("by name"), "chat_by_name.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert load_chat_app("chat_by_name").path == tmp_path / "chat_by_name.py"


def test_a_loaded_app_is_taken_as_it_is() -> None:
    app = ChatApp(name="mine")
    assert load_chat_app(app) is app


def test_a_file_can_import_its_neighbours(tmp_path: Path, make_app: AppMaker) -> None:
    written(tmp_path, "GREETING = 'from next door'\n", "greetings_next_door.py")
    app = make_app("""
        import webapp as cl
        from greetings_next_door import GREETING
        @cl.on_chat_start
        def start():
            import greetings_next_door
            cl.Message(greetings_next_door.GREETING + GREETING[:0]).send()
    """)
    visitor = Visitor(app)
    assert "from next door" in visitor.get(visitor.start_chat()).text


def test_the_file_knows_where_it_is_but_does_not_run_as_main(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "import sys\nassert __file__.endswith('chat.py')\nassert __name__ == 'chat'\n"
        "assert sys.modules[__name__].__file__ == __file__\n",
    )
    assert load_chat_app(path).path == path


@pytest.mark.parametrize("name", ["webapp", "flask", "random"])
def test_a_file_called_like_a_library_does_not_take_its_place(
    tmp_path: Path, make_app: AppMaker, name: str
) -> None:
    library = importlib.import_module(name)
    app = make_app(written(tmp_path, HELLO.format("I am myself"), f"{name}.py"))
    assert sys.modules[name] is library
    assert "I am myself" in page_of(app)


def test_loading_leaves_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    written(tmp_path, "X = 1\n", "quiet_neighbour.py")
    path = written(tmp_path, "import quiet_neighbour\n" + HELLO)
    load_chat_app(path)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["chat.py", "quiet_neighbour.py"]


def test_loading_twice_gives_two_apps(tmp_path: Path) -> None:
    path = written(tmp_path, HELLO.format("hi"))
    first, second = load_chat_app(path), load_chat_app(path)
    assert (
        first.callbacks["on_chat_start"].function is not second.callbacks["on_chat_start"].function
    )


def test_a_failed_load_leaves_the_next_one_clean(tmp_path: Path) -> None:
    with pytest.raises(AppFileError):
        load_chat_app(written(tmp_path, HELLO + "\n1 / 0\n"))
    assert set(load_chat_app(written(tmp_path, HELLO)).callbacks) == {"on_chat_start"}


def test_two_apps_live_in_one_process(tmp_path: Path, make_app: AppMaker) -> None:
    apps: list[Flask] = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        apps.append(make_app(written(folder, HELLO.format(f"I am the {name} one"))))
    said = [page_of(app) for app in apps]
    assert "I am the first one" in said[0]
    assert "I am the second one" in said[1]


def test_the_environment_names_the_app(make_app: AppMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBAPP_CHAT", str(APPS / "simple.py"))
    app = create_app(config=make_app.config())
    assert app.extensions["chat_app"].name == "simple"


def test_create_app_says_one_line_and_exits(
    make_app: AppMaker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, "import webapp\n1 / 0\n")
    with pytest.raises(StartupError) as caught:
        create_app(path, make_app.config())
    assert caught.value.code == 78
    assert capsys.readouterr().err == (
        f"chat-profiles: {path}:2: ZeroDivisionError: division by zero\n"
    )


def test_create_app_in_an_app_file_is_told_in_one_line(
    make_app: AppMaker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, "import webapp\napp = webapp.create_app()\n")
    with pytest.raises(StartupError, match="calls create_app"):
        create_app(path, make_app.config())
    assert capsys.readouterr().err.count("\n") == 1


def test_a_process_that_cannot_load_shows_no_traceback(make_app: AppMaker, tmp_path: Path) -> None:
    path = written(tmp_path, "def f(:\n")
    program = f"from webapp import create_app; create_app({str(path)!r}, {make_app.config()!r})"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert result.returncode == 78
    assert result.stderr == f"chat-profiles: {path}:1: SyntaxError: invalid syntax\n"


def test_importing_the_package_has_no_side_effect(tmp_path: Path) -> None:
    program = "import os, webapp; print(sorted(os.listdir('.')), len(webapp.__all__))"
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(__file__).parent.parent), "PATH": ""},
    )
    assert result.stdout.startswith("[] ")


def page_of(app: Flask) -> str:
    visitor = Visitor(app)
    return visitor.get(visitor.start_chat()).text
