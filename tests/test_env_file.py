"""The file `.env` beside an app file, which `chat-profiles run` reads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli_support import CommandLine
from webapp import cli
from webapp.app_files.env_file import NAMES, read_env_file
from webapp.console import BadInputError


@pytest.fixture
def app_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an app file. What a test sets in the environment is undone."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    path = tmp_path / "site" / "app.py"
    path.parent.mkdir()
    path.write_text("")
    monkeypatch.chdir(tmp_path)
    return path


def test_it_sets_what_is_not_set(app_file: Path) -> None:
    os.environ["SET_BEFORE"] = "stays"
    (app_file.parent / ".env").write_text(
        'OPENAI_KEY="sk 1"\nSET_BEFORE=other\nexport ALSO=yes # why\n'
        "WITH=${OPENAI_KEY}\nEMPTY=\nNONE\n"
    )
    read_env_file(str(app_file))
    names = ("OPENAI_KEY", "SET_BEFORE", "ALSO", "WITH", "EMPTY")
    assert [os.environ[name] for name in names] == ["sk 1", "stays", "yes", "sk 1", ""]
    assert "NONE" not in os.environ


def test_without_the_file_nothing_is_set(app_file: Path) -> None:
    before = dict(os.environ)
    read_env_file(str(app_file))
    read_env_file("nothing.py")
    assert dict(os.environ) == before


def test_a_module_has_that_of_the_current_folder(app_file: Path) -> None:
    (app_file.parent.parent / ".env").write_text("HERE=1")
    read_env_file("site.app")
    assert os.environ["HERE"] == "1"


def test_a_process_that_starts_again_takes_the_new_values(app_file: Path) -> None:
    file = app_file.parent / ".env"
    os.environ["SET_BEFORE"] = "stays"
    file.write_text("A=1\nB=1\nSET_BEFORE=2")
    read_env_file(str(app_file))
    file.write_text("A=2\nSET_BEFORE=3")
    read_env_file(str(app_file))
    assert (os.environ["A"], os.environ["SET_BEFORE"]) == ("2", "stays")
    assert "B" not in os.environ
    assert os.environ[NAMES] == "A"


def test_a_line_that_is_none_is_told_and_left_out(
    app_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (app_file.parent / ".env").write_text("GOOD=1\n=\u202e\nTOO=2\n")
    read_env_file(str(app_file))
    assert (os.environ["GOOD"], os.environ["TOO"]) == ("1", "2")
    told = capsys.readouterr().err
    assert told == f"{app_file.parent}/.env:2 is no NAME=value, so it is left out.\n"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"A=\xff", "is not UTF-8 text"),
        (b"A" * 1_000_001, "is larger than 1,000,000 bytes"),
        (b"A=a\x00b", "holds a zero byte"),
    ],
    ids=["binary", "large", "zero"],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(
    app_file: Path, content: bytes, problem: str
) -> None:
    (app_file.parent / ".env").write_bytes(content)
    with pytest.raises(BadInputError, match=problem) as caught:
        read_env_file(str(app_file))
    assert caught.value.message.startswith(f"{app_file.parent}/.env ")
    assert "\n" not in caught.value.message


def test_run_reads_it_before_anything_else(app_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []
    monkeypatch.setattr(cli, "serve", lambda *_: seen.append(os.environ.get("FROM_THE_FILE")))
    (app_file.parent / ".env").write_text("FROM_THE_FILE=yes")
    result = CommandLine(app_file.parent, "")("run", str(app_file))
    assert (result.exit_code, seen) == (0, ["yes"])
