"""Rules about the source itself."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted([*(ROOT / "webapp").rglob("*.py"), *(ROOT / "migrations").rglob("*.py")])
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "marshal", "shelve", "yaml", "jsonpickle", "xml"}
# Where an author's file is run, which is what the product is for.
MAY_EXEC = {"webapp/authoring/loading/loader.py"}
SQL_CALLS = {"text", "exec_driver_sql", "literal_column", "execute"}
PRAGMAS = "PRAGMA "  # settings of a connection, which SQLite does not take as bound parameters


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture(autouse=True, scope="module")
def _forget_nodes() -> Iterator[None]:
    """Give the memory back, 150 MiB or so, when the last test of this module is over."""
    yield
    nodes.cache_clear()


@functools.cache
def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text())))


def calls(path: Path) -> list[ast.Call]:
    return [node for node in nodes(path) if isinstance(node, ast.Call)]


def called(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def test_there_is_source_to_look_at() -> None:
    assert len(SOURCES) > 40


def test_nothing_that_runs_what_it_reads_is_imported() -> None:
    found = []
    for path in SOURCES:
        for node in nodes(path):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            unsafe = {n.partition(".")[0] for n in names} & UNSAFE_MODULES
            found += [(name(path), module) for module in unsafe]
    assert found == []


def runs_a_shell(call: ast.Call) -> bool:
    return any(k.arg == "shell" for k in call.keywords) or called(call) in ("system", "popen")


def test_no_code_is_made_from_text() -> None:
    found = []
    for path in SOURCES:
        names = {called(call) for call in calls(path) if isinstance(call.func, ast.Name)}
        if names & {"eval", "exec", "__import__"} and name(path) not in MAY_EXEC:
            found.append((name(path), "code"))
        found += [(name(path), ast.unparse(call)) for call in calls(path) if runs_a_shell(call)]
    assert found == []


def test_no_sql_is_put_together_from_text() -> None:
    found = []
    for path in SOURCES:
        for call in calls(path):
            if called(call) in SQL_CALLS and call.args:
                statement = call.args[0]
                built = isinstance(statement, ast.JoinedStr | ast.BinOp) or (
                    isinstance(statement, ast.Call) and called(statement) == "format"
                )
                if built and PRAGMAS not in ast.unparse(statement):
                    found.append((name(path), ast.unparse(call)))
    assert found == []


# What each of them marks has been cleaned by nh3.
SANITIZERS = ("webapp/elements/custom_html.py", "webapp/markdown/sanitizer.py")


def test_only_sanitizers_mark_text_as_safe() -> None:
    found = []
    for path in SOURCES:
        marks = [call for call in calls(path) if called(call) == "Markup"]
        if marks and name(path) not in SANITIZERS:
            found.append(name(path))
    assert found == []


def tracked_files() -> list[Path]:
    """List what the repository holds or would hold; without git, what an archive holds."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    found = (
        [ROOT / line for line in listed.stdout.splitlines()] if not listed.returncode else SOURCES
    )
    return [path for path in found if path.is_file()]


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    homes = re.compile(rb"/(?:home|Users)/(?!user\b|you\b|alice\b)\w+/|/root/|[A-Z]:\\Users\\")
    here, found = str(ROOT).encode(), []
    for path in tracked_files():
        content = path.read_bytes() if path != Path(__file__).resolve() else b""
        if b"\0" in content:
            continue
        if (len(ROOT.parts) > 2 and here in content) or homes.search(content):
            found.append(name(path))
    assert found == []


def test_no_file_is_huge() -> None:
    huge = [name(p) for p in tracked_files() if p.stat().st_size > 400_000]
    # The hashes of all that the tests need, and a library of others, loaded when somebody wants to
    # see a diagram.
    assert huge == ["requirements/test.txt", "static/frames/mermaid.min.js"]


# A chat that its user has deleted is nobody's to get, and this view brings it back.
BRINGS_BACK = "restore"


def test_a_view_gets_a_chat_only_by_my_chat() -> None:
    views = [
        function
        for path in SOURCES
        if path.name.endswith("views.py")
        for function in ast.parse(path.read_text()).body
        if isinstance(function, ast.FunctionDef)
        and function.decorator_list
        and any(argument.arg == "chat_id" for argument in function.args.args)
    ]
    assert len(views) >= 20
    for view in views:
        used = [called(n) for n in ast.walk(view) if isinstance(n, ast.Call)]
        assert ("my_chat" in used) != (view.name == BRINGS_BACK), view.name
