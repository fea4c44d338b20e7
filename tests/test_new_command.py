"""`chat-profiles new` makes a folder in which an app runs and is tested."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli_support import CommandLine
from webapp.app_files.new_command import FILES
from webapp.authoring.checking.app_check import check_app
from webapp.testing import ChatTester


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    return CommandLine(tmp_path, "")


def test_the_app_in_it_answers(cli: CommandLine) -> None:
    result = cli("new", "my-chat")
    assert result.exit_code == 0
    assert result.stdout == (
        "Made my-chat with app.py, test_app.py, .env, .gitignore. "
        "To start it: cd my-chat && chat-profiles run app.py\n"
    )
    app = cli.folder / "my-chat" / "app.py"
    assert check_app(app, app.read_bytes()) == []
    with ChatTester(app) as chat:
        # The test in the folder, with the fixture of the plugin.
        test: dict[str, object] = {}
        exec((app.parent / "test_app.py").read_text(), test)
        function = test["test_the_app_answers"]
        assert callable(function)
        function(chat)


def test_what_git_must_not_keep_is_ignored(cli: CommandLine) -> None:
    cli("new", "a")
    assert {".env", "instance/"} <= set((cli.folder / "a" / ".gitignore").read_text().split())


@pytest.mark.parametrize("name", ["apps/helper", "apps/helper/", "./apps//helper", "a/../b"])
def test_a_name_may_be_a_path(cli: CommandLine, name: str) -> None:
    result = cli("new", name)
    assert result.exit_code == 0, result.stderr
    assert set(FILES) == {each.name for each in (cli.folder / os.path.normpath(name)).iterdir()}
    assert result.stdout.endswith(f" To start it: cd {name} && chat-profiles run app.py\n")


def test_a_path_may_lead_anywhere(cli: CommandLine) -> None:
    for name in (str(cli.folder / "whole"), "../beside-it", "My apps/helper"):
        (cli.folder / "My apps").mkdir(exist_ok=True)
        result = cli("new", name)
        assert result.exit_code == 0, result.stderr
        assert (cli.folder / name / "app.py").exists()
    assert "cd 'My apps/helper' && " in result.stdout


@pytest.mark.parametrize("there", [(), (".git", ".venv"), ("README.md",)])
def test_a_folder_that_is_there_is_filled(cli: CommandLine, there: tuple[str, ...]) -> None:
    for name in there:
        (cli.folder / name).write_text("mine")
    result = cli("new", ".")
    assert (result.exit_code, result.stdout) == (
        0,
        "Made app.py, test_app.py, .env, .gitignore in this folder. "
        "To start it: chat-profiles run app.py\n",
    )
    assert {*FILES, *there} == {each.name for each in cli.folder.iterdir()}
    assert [(cli.folder / name).read_text() for name in there] == ["mine"] * len(there)
    (cli.folder / "-empty").mkdir()
    assert "in -empty. To start it: cd ./-empty && " in cli("new", "--", "-empty").stdout


@pytest.mark.parametrize(
    "name", ["", " ", "x/.hidden", "-x", "a b", "ä", "x" * 300, "\u202e", "~/x", "a b/c", "..."]
)
def test_what_is_no_name_makes_nothing(cli: CommandLine, name: str) -> None:
    result = cli("new", "--", name)
    assert result.exit_code == 2
    assert "is no name of a folder" in result.stderr
    assert list(cli.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "shown"), [("a", "a"), ("a/b/c", "a"), ("./a", "./a"), ("d/../a/b", "a")]
)
def test_a_file_in_the_way_stays(cli: CommandLine, name: str, shown: str) -> None:
    (cli.folder / "a").write_text("mine")
    result = cli("new", name)
    assert (result.exit_code, result.stderr) == (
        2,
        f"Error: {shown} is there already, and is no folder; choose another name\n",
    )
    assert (cli.folder / "a").read_text() == "mine"
    assert [each.name for each in cli.folder.iterdir()] == ["a"]


@pytest.mark.parametrize("file", ["app.py", "test_app.py"])
def test_a_file_that_is_there_stays(cli: CommandLine, file: str) -> None:
    # Even a link that leads nowhere is somebody's.
    (cli.folder / file).symlink_to("elsewhere")
    result = cli("new", ".")
    assert (result.exit_code, result.stderr) == (
        2,
        f"Error: {file} in this folder would be overwritten; move what is there, "
        "or choose another folder\n",
    )
    assert [each.name for each in cli.folder.iterdir()] == [file]


def test_what_breaks_off_leaves_nothing(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FILES, "sub/file.py", "")
    result = cli("new", "apps/helper")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "No such file or directory" in result.stderr
    assert list(cli.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("*.log\n", " Add to .gitignore: .env, instance/, __pycache__/"),
        ("__pycache__\n.env\n", " Add to .gitignore: instance/"),
        ("__pycache__/\n.env\ninstance\n", ""),
    ],
)
def test_what_a_repository_has_stays(cli: CommandLine, content: str, told: str) -> None:
    (cli.folder / ".gitignore").write_text(content)
    (cli.folder / ".env").write_text("OPENAI_API_KEY=mine\n")
    result = cli("new", ".")
    assert result.exit_code == 0
    assert result.stdout.startswith("Made app.py, test_app.py in this folder. To start it: ")
    assert result.stderr == f".env and .gitignore stay as they were.{told}\n"
    assert (cli.folder / ".gitignore").read_text() == content
    assert (cli.folder / ".env").read_text() == "OPENAI_API_KEY=mine\n"
    assert {each.name for each in cli.folder.iterdir()} == set(FILES)


def test_a_link_that_leads_nowhere_stays(cli: CommandLine) -> None:
    (cli.folder / ".gitignore").symlink_to("elsewhere")
    result = cli("new", ".")
    assert (result.exit_code, result.stderr) == (
        0,
        ".gitignore stays as it was. Add to .gitignore: .env, instance/, __pycache__/\n",
    )
    assert not (cli.folder / "elsewhere").exists()
