"""No file of ours holds a cell that a spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

import webapp
from tests.cli_support import CommandLine
from webapp.console import escape_formula, unescape_formula

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "＝1",
    "＋1",
    "－1",
    "＠SUM(A1)",
    "﹦1",
    "\t=1",
    " =1",
    "\u00a0=1",
    "\u200b=1",
    "\ufeff=1",
    "\u202e＝1",
    "\tplain",
]
PLAIN = ["", "a=1", "1-1", "'quoted'", "é", "(1)", "don't", "''", "mail@example.org"]
PLAIN += ["well ;-) or ;-( or ;-P", "bread; -5 apples!", "one\n- two (b)\n- use print(x)", "a;b;"]
PLAIN += ["x; @ada, +1 (yes)", "a;'quoted'", "a; 'b=1'"]
# Where rows are split at semicolons, the part after it is a cell, and a line is a row.
INNER = [
    ("a;=1", "a;'=1"),
    ("a; ＝1", "a;' ＝1"),
    ('a;-HYPERLINK("x")', 'a;\'-HYPERLINK("x")'),
    ("a; + cmd|'/C calc'!A0;b", "a;' + cmd|'/C calc'!A0;b"),
    ("a;@SUM(A1)", "a;'@SUM(A1)"),
    ("a\n=1", "a\n'=1"),
    ("a\r\n+SUM(A1)", "a\r\n'+SUM(A1)"),
    ("=1;=2;x", "'=1;'=2;x"),
    ("a;'=1", "a;''=1"),
    ("a;;=1", "a;;'=1"),
    ("\n=1", "'\n'=1"),
    ("\r=1", "'\r'=1"),
    (" \u200b\n=1", " \u200b\n'=1"),
    ("'\n=1", "''\n'=1"),
]


@pytest.mark.parametrize("text", FORMULAS, ids=ascii)
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert escape_formula(text) == f"'{text}"


@pytest.mark.parametrize(("text", "guarded"), INNER, ids=ascii)
def test_so_does_one_after_a_semicolon_or_a_line_end(text: str, guarded: str) -> None:
    assert escape_formula(text) == guarded
    assert unescape_formula(guarded) == text


@pytest.mark.parametrize("text", PLAIN, ids=ascii)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert escape_formula(text) == text
    assert unescape_formula(text) == text


@pytest.mark.parametrize("cell", [None, 1, -1, 1.5, True])
def test_a_number_is_no_formula(cell: object) -> None:
    assert escape_formula(cell) == cell


@given(st.text(alphabet=[*"';=+-@＝ a(", "\t", "\n", "\u200b"], max_size=8) | st.text(max_size=6))
def test_no_text_is_lost(text: str) -> None:
    cell = str(escape_formula(text))
    assert unescape_formula(cell) == text
    assert cell[:1] not in tuple("=+-@＝＋－＠\t\r\n")
    assert not re.search(r"\S[;\n][=＝]", cell)


@pytest.mark.parametrize("name", ["=1+1", "＝1+1", "'=1+1", "''@x", "don't"])
def test_users_come_back_from_their_file_as_they_were(
    cli: CommandLine, tmp_path: Path, name: str
) -> None:
    cli.add("alice", "violet tractor parade", "--display-name", name)
    file = tmp_path / "users.csv"
    cli.ok("users", "export", str(file))
    [row] = csv.DictReader(file.read_text().splitlines())
    assert row["display_name"] == escape_formula(name)
    cli.ok("users", "update", "alice", "--display-name", "Other")
    cli.ok("users", "import", str(file))
    assert f"Display name:  {name}\n" in cli.ok("users", "show", "alice")


def test_a_password_is_taken_as_it_stands(cli: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "users.csv"
    file.write_text("username,password\nalice,'=violet tractor parade\n")
    cli.ok("users", "import", str(file))
    entry = cli.ok("users", "export", "-", "--with-hashes", "--format", "json")
    hashed = re.search(r"\$argon2id[^\"]*", entry)
    assert hashed
    assert PasswordHasher().verify(hashed[0], "'=violet tractor parade")


def test_every_table_that_is_written_is_guarded() -> None:
    writers = [
        path
        for path in Path(webapp.__file__).parent.rglob("*.py")
        if ("csv.writer(" in path.read_text() or "DictWriter(" in path.read_text())
        # Tags stand in a field of a form, and no file is made of them.
        and path.name != "reading.py"
    ]
    assert len(writers) >= 3
    assert [path.name for path in writers if "escape_formula(" not in path.read_text()] == []
