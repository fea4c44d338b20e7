"""`chat-profiles new` makes a folder in which an app runs and is tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli_support import CommandLine
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


@pytest.mark.parametrize(
    "name", ["", "../x", "a/b", ".hidden", "-x", "a b", "ä", "x" * 200, "\u202e"]
)
def test_what_is_no_name_makes_nothing(cli: CommandLine, name: str) -> None:
    result = cli("new", "--", name)
    assert result.exit_code == 2
    assert "is no name of a folder" in result.stderr
    assert list(cli.folder.iterdir()) == []


def test_what_is_there_stays(cli: CommandLine) -> None:
    (cli.folder / "a").write_text("mine")
    result = cli("new", "a")
    assert (result.exit_code, result.stderr) == (
        2,
        "Error: a is there already; choose another name\n",
    )
    assert (cli.folder / "a").read_text() == "mine"
