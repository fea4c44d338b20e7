"""How long functions are, and how often the private ones are used."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.house.tree import FunctionNode, Module, Tree


@dataclass(frozen=True, kw_only=True)
class Function:
    """A function or method, wherever it is defined."""

    module: Module
    node: FunctionNode

    @property
    def name(self) -> str:
        return self.node.name

    @property
    def is_dunder(self) -> bool:
        return self.name.startswith("__") and self.name.endswith("__")

    @property
    def is_private(self) -> bool:
        return self.name.startswith("_") and not self.is_dunder

    @property
    def is_public(self) -> bool:
        return not self.name.startswith("_")

    @property
    def line_count(self) -> int:
        """The lines from `def` to the end, without the docstring."""
        first = self.node.body[0]
        lines = _count_lines(self.node)
        return lines - _count_lines(first) if ast.get_docstring(self.node) else lines

    def __str__(self) -> str:
        return f"{self.module.locate(self.node)} {self.name}"


def _count_lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def list_functions(tree: Tree) -> list[Function]:
    """List functions, methods, and functions inside of functions."""
    return [
        Function(module=module, node=node)
        for module, node in tree.walk()
        if isinstance(node, FunctionNode)
    ]


def find_single_use(functions: Sequence[Function]) -> list[Function]:
    """Find private functions defined once and named once, a call or not, in their own module.

    One that another module imports is not private in the sense meant here.
    """
    private = [function for function in functions if function.is_private]
    modules = {function.module.name: function.module for function in functions}
    uses = {name: count_uses(module) for name, module in modules.items()}
    definitions = Counter((function.module.name, function.name) for function in private)
    imported = {
        alias.name
        for module in modules.values()
        for node in module.nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return [
        function
        for function in private
        if definitions[function.module.name, function.name] == 1
        and uses[function.module.name][function.name] == 1
        and function.name not in imported
    ]


def count_uses(module: Module) -> Counter[str]:
    """Count how often each name is read, alone or after a dot."""
    uses: Counter[str] = Counter()
    for node in module.nodes:
        if isinstance(node, ast.Name):
            uses[node.id] += 1
        elif isinstance(node, ast.Attribute):
            uses[node.attr] += 1
    return uses
