"""The table of Chainlit's names in docs/from-chainlit.md says what is true."""

from __future__ import annotations

import re
from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest

import webapp
from webapp.authoring.checking.app_check import check_app
from webapp.integrations import INTEGRATIONS

ROOT = Path(__file__).parent.parent
# The names of its package, and those of submodules that its documentation and public apps import.
NAMES = (ROOT / "tests" / "corpus" / "chainlit_names.txt").read_text().split()
PAGE = (ROOT / "docs" / "from-chainlit.md").read_text()
TABLES, ONLY_HERE = PAGE.split("## Only here")
ROWS = [
    (name, status, note.strip())
    for name, status, note in re.findall(
        r"^\| `([\w.]+)` \| ([\w ]*) \|(.*)\|$", TABLES, re.MULTILINE
    )
]
STATUSES = ("same", "differs", "not here")


def imported(name: str) -> str:
    """Return the line that imports a name of Chainlit from here."""
    module, _, last = f"webapp.{name}".rpartition(".")
    return f"from {module} import {last}\n"


def is_here(name: str) -> bool:
    module, _, last = name.rpartition(".")
    if not module:
        return last == "__version__" or last in (*webapp.__all__, *INTEGRATIONS)
    try:
        return hasattr(import_module(f"webapp.{module}"), last)
    except ModuleNotFoundError:
        return False


def test_every_name_of_chainlit_has_one_row() -> None:
    counted = Counter(name for name, _, _ in ROWS)
    assert {name for name, number in counted.items() if number > 1} == set()
    assert counted.keys() == set(NAMES)
    assert len([name for name in NAMES if "." not in name]) == 81


@pytest.mark.parametrize(("name", "status", "note"), ROWS, ids=[name for name, _, _ in ROWS])
def test_a_row_says_what_is_true(name: str, status: str, note: str) -> None:
    assert status in STATUSES
    assert is_here(name) == (status != "not here")
    assert bool(note) == (status != "same"), "what differs, and what to use instead, is said"


@pytest.mark.parametrize("name", [name for name, status, _ in ROWS if status == "not here"])
def test_what_is_not_here_is_told_with_what_to_use(tmp_path: Path, name: str) -> None:
    path = tmp_path / "app.py"
    path.write_text(imported(name))
    told = [problem.text for problem in check_app(path, path.read_bytes())]
    assert told
    assert all("does not exist in this version: " in text for text in told), told


@pytest.mark.parametrize("name", [name for name, status, _ in ROWS if status != "not here"])
def test_what_is_here_is_not_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "app.py"
    path.write_text(imported(name))
    assert check_app(path, path.read_bytes()) == []


def test_every_name_that_is_only_here_is_listed() -> None:
    theirs = {name.rpartition(".")[2] for name in NAMES}
    listed = re.findall(r"^\| `(\w+)` \| \w", ONLY_HERE, re.MULTILINE)
    assert sorted(listed) == sorted({*webapp.__all__, *INTEGRATIONS} - theirs)
