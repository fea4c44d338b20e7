"""Habits that are counted: broad excepts, late imports, silenced tools, comments, dataclasses."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from benchmarks.house.functions import Function
from benchmarks.house.names import Class
from benchmarks.house.tree import FunctionNode, Module, Tree

MANY_FIELDS = 6
DOCUMENTED = ast.Module | ast.ClassDef | FunctionNode


def find_broad_excepts(tree: Tree) -> list[tuple[Module, ast.ExceptHandler]]:
    """Find bare `except:`, and those that name `Exception` or `BaseException`."""
    return [
        (module, node)
        for module, node in tree.walk()
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or re.search(r"\b(Base)?Exception\b", ast.unparse(node.type)))
    ]


def raises_again(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(node, ast.Raise) for node in ast.walk(handler))


def find_late_imports(functions: Sequence[Function]) -> list[str]:
    return sorted(
        {
            function.module.locate(node)
            for function in functions
            for node in ast.walk(function.node)
            if isinstance(node, ast.Import | ast.ImportFrom)
        }
    )


def count_docstring_lines(tree: Tree) -> int:
    total = 0
    for _, node in tree.walk():
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node) is not None:
            docstring = node.body[0]
            total += (docstring.end_lineno or 0) - docstring.lineno + 1
    return total


def find_positional_dataclasses(tree: Tree, classes: Sequence[Class]) -> list[str]:
    """Find dataclasses that take six or more fields, and take them by position.

    A field with `init=False` is none that is passed. Inherited fields are not seen. What the
    package itself gives out is left out: who uses it relies on its signature.
    """
    public = {
        alias.asname or alias.name
        for module in tree.modules
        if module.name == tree.name
        for node in module.syntax.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    found = []
    for each in classes:
        if each.name in public:
            continue
        options = _dataclass_options(each.node)
        fields = list(_list_fields(each.node))
        if options is not None and len(fields) >= MANY_FIELDS and "kw_only=True" not in options:
            found.append(f"{each} ({len(fields)} fields)")
    return found


def _dataclass_options(node: ast.ClassDef) -> list[str] | None:
    """Return what `@dataclass` is called with, or nothing when it is no dataclass."""
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        name = ast.unparse(call.func if call else decorator)
        if name in ("dataclass", "dataclasses.dataclass"):
            return [f"{k.arg}={ast.unparse(k.value)}" for k in call.keywords] if call else []
    return None


def _list_fields(node: ast.ClassDef) -> Iterator[str]:
    for line in node.body:
        if not isinstance(line, ast.AnnAssign):
            continue
        is_passed = line.value is None or "init=False" not in ast.unparse(line.value)
        if is_passed and "ClassVar" not in ast.unparse(line.annotation):
            yield ast.unparse(line.target)
