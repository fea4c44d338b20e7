"""A folder of Python modules, parsed."""

from __future__ import annotations

import ast
import io
import statistics
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
# Where a project says what it is: the folder with its documents and its tests.
PROJECT_FILES = ("pyproject.toml", "setup.cfg", "setup.py")


@dataclass(frozen=True, kw_only=True)
class Module:
    """One file of a tree."""

    name: str
    path: Path
    place: str
    text: str
    syntax: ast.Module

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing but a docstring is in it, as in most `__init__.py`."""
        return len(self.syntax.body) <= (ast.get_docstring(self.syntax) is not None)

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def package(self) -> str:
        """The dotted name of the folder that holds the file."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @cached_property
    def line_count(self) -> int:
        return len(self.text.splitlines())

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.syntax))

    @cached_property
    def comments(self) -> list[tokenize.TokenInfo]:
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return [token for token in tokens if token.type == tokenize.COMMENT]

    def locate(self, node: ast.stmt | ast.expr | ast.ExceptHandler) -> str:
        return f"{self.place}:{node.lineno}"


@dataclass(frozen=True, kw_only=True)
class Tree:
    """All modules of a package and of the packages in it."""

    name: str
    root: Path
    every_module: Sequence[Module]

    @cached_property
    def modules(self) -> list[Module]:
        """The files with something in them."""
        return [module for module in self.every_module if not module.is_empty]

    @cached_property
    def line_count(self) -> int:
        return sum(module.line_count for module in self.modules)

    @cached_property
    def project(self) -> Path | None:
        """The checkout that the package lies in, if it lies in one."""
        for folder in self.root.parents[:2]:
            if any((folder / name).exists() for name in PROJECT_FILES):
                return folder
        return None

    def walk(self) -> Iterator[tuple[Module, ast.AST]]:
        """Yield every node of every module."""
        for module in self.modules:
            for node in module.nodes:
                yield module, node


def read_tree(root: Path) -> Tree:
    root = root.resolve()
    modules = []
    for path in sorted(root.rglob("*.py")):
        inside = path.relative_to(root.parent)
        text = path.read_text(encoding="utf-8")
        modules.append(
            Module(
                name=".".join(inside.with_suffix("").parts).removesuffix(".__init__"),
                path=path,
                place=inside.as_posix(),
                text=text,
                syntax=ast.parse(text),
            )
        )
    return Tree(name=root.name, root=root, every_module=modules)


@dataclass(frozen=True)
class Spread:
    """The middle, the 90th percentile and the largest of some numbers."""

    median: int
    p90: int
    largest: int

    def __str__(self) -> str:
        return f"{self.median} / {self.p90} / {self.largest}"


def spread(numbers: Sequence[int]) -> Spread:
    if not numbers:
        return Spread(0, 0, 0)
    ordered = sorted(numbers)
    return Spread(
        median=int(statistics.median(ordered)),
        p90=ordered[int(len(ordered) * 0.9)],
        largest=ordered[-1],
    )
