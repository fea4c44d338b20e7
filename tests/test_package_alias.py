"""`chat_profiles` is `webapp` under another name: the same modules, found beside each other."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import chat_profiles
import pytest

import webapp
from tests.support.apps import AppMaker
from tests.support.people import Visitor
from webapp.authoring.errors import AuthoringError
from webapp.authoring.loading.loader import load_chat_app

# Names of modules, threads and loggers are no messages.
MODULE = re.compile(r"webapp([.-][a-z_-]*)*", re.ASCII)
OTHER_NAME = re.compile(r"\bwebapp\.\w|import webapp\b|`webapp`", re.ASCII)
ROOT = Path(__file__).resolve().parent.parent
# In a process of its own, in which nothing is imported yet.
LOOK = """
import sys
{imports}
import chat_profiles, webapp
assert chat_profiles is webapp is sys.modules["webapp"] is sys.modules["chat_profiles"]
doubled = [
    name for name, module in list(sys.modules.items())
    if name.startswith("chat_profiles.") and sys.modules["webapp" + name[13:]] is not module
]
assert not doubled, doubled
print(webapp.__file__)
"""


def python(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, which it searches first for what it imports, as servers do."""
    path = f"{folder}:{ROOT / 'webapp' / 'alias'}:{ROOT}"
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "imports",
    [
        "import chat_profiles",
        "import webapp",
        "import webapp.authoring.messages.message as message\n"
        "from chat_profiles.authoring.messages.message import Message\n"
        "from chat_profiles import Message as exported\n"
        "assert exported is Message is message.Message",
        "import chat_profiles.authoring.loading.loader as loader\n"
        "assert loader.__name__ == 'webapp.authoring.loading.loader'",
        "from chat_profiles.cli import main\nassert main.__module__ == 'webapp.cli'",
    ],
)
def test_no_module_is_there_twice(tmp_path: Path, imports: str) -> None:
    ended = python("-c", LOOK.format(imports=imports), folder=tmp_path)
    assert ended.stderr == ""
    assert ended.stdout.strip() == str(ROOT / "webapp" / "__init__.py")


@pytest.mark.parametrize("file", ["webapp/__init__.py", "webapp.py", "webapp/tools.py"])
def test_what_is_called_webapp_in_the_current_folder_is_not_taken(
    tmp_path: Path, file: str
) -> None:
    other = tmp_path / file
    other.parent.mkdir(exist_ok=True)
    other.write_text("raise SystemExit('the wrong one')\n")
    ended = python("-c", LOOK.format(imports="import chat_profiles"), folder=tmp_path)
    assert ended.stderr == ""
    assert ended.stdout.strip() == str(ROOT / "webapp" / "__init__.py")


def test_another_webapp_that_was_imported_first_is_named(tmp_path: Path) -> None:
    (tmp_path / "webapp.py").write_text("")
    ended = python("-c", "import webapp, chat_profiles", folder=tmp_path)
    assert ended.stderr.endswith(
        f"ImportError: {tmp_path}/webapp.py is called webapp, which is the name of this "
        "framework. Give it another name.\n"
    )


def test_a_module_that_does_not_exist_is_told_by_the_name_you_wrote() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'chat_profiles\.gone'"):
        importlib.import_module("chat_profiles.gone")


def literals(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the texts of a file that are no docstrings and no names of modules."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.Constant) and not isinstance(node, ast.Expr):
                text = part.value
                if isinstance(text, str) and not MODULE.fullmatch(text):
                    yield part.lineno, text


def test_no_message_says_the_name_that_the_docs_do_not_show() -> None:
    wrong = [
        f"{file.relative_to(ROOT)}:{line}"
        for file in (ROOT / "webapp").rglob("*.py")
        for line, text in literals(file)
        if OTHER_NAME.search(text)
    ]
    assert wrong == []


def test_docstrings_of_public_names_say_the_name_that_the_docs_show() -> None:
    public = [getattr(webapp, name) for name in webapp.__all__]
    wrong = [each for each in public if OTHER_NAME.search(inspect.getdoc(each) or "")]
    assert wrong == []


def test_an_import_that_fails_says_the_name_that_the_docs_show(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("__import__('chat_profiles', fromlist=['x']).Mesage\n")
    (tmp_path / "app.py").write_text("import importlib\nimportlib.import_module('helper')\n")
    with pytest.raises(AuthoringError) as found:
        load_chat_app(tmp_path / "app.py")
    assert "chat_profiles.Mesage does not exist; did you mean Message?" in str(found.value)
    (tmp_path / "app.py").write_text("exec('from chat_profiles.types import Mesage')\n")
    with pytest.raises(AuthoringError) as found:
        load_chat_app(tmp_path / "app.py")
    assert "cannot import name 'Mesage' from 'chat_profiles.types'" in str(found.value)


def test_an_aliased_module_can_be_loaded_again() -> None:
    module = importlib.import_module("chat_profiles.authoring.text")
    assert module.__spec__ is not None
    assert module.__spec__.name == "webapp.authoring.text"
    assert chat_profiles.__spec__ is webapp.__spec__


@pytest.mark.parametrize("name", ["webapp", "chat_profiles"])
def test_the_command_runs_as_a_module(tmp_path: Path, name: str) -> None:
    ended = python("-m", name, "run", "gone.py", folder=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("Error: gone.py: there is no such file")
    assert "Usage: chat-profiles" in python("-m", name, "--help", folder=tmp_path).stdout


@pytest.mark.parametrize("name", ["chat_profiles", "webapp"])
@pytest.mark.parametrize("imported", ["chat_profiles", "webapp"])
def test_an_app_file_may_have_either_name(
    tmp_path: Path, make_app: AppMaker, name: str, imported: str
) -> None:
    file = tmp_path / f"{name}.py"
    file.write_text(
        f"import {imported} as cl\n"
        "@cl.on_chat_start\ndef start():\n    cl.Message('I am it').send()\n"
    )
    visitor = Visitor(make_app(file))
    assert "I am it" in visitor.get(visitor.start_chat()).text
