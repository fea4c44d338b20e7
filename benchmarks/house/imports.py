"""Which module of a tree imports which."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.house.tree import Module, Tree

# The modules that put an application together: they import everything, as is their purpose.
WIRING = ("app", "cli")
MOST_FILES = 20
MOST_ARROWS = 60

# From a module's name to the names of those it imports.
Graph = Mapping[str, Collection[str]]


@dataclass(frozen=True, kw_only=True)
class Package:
    """The files that lie directly in one folder, and the imports among them."""

    name: str
    files: Sequence[Module]
    arrows: Sequence[tuple[str, str]]
    floors: int

    @property
    def is_too_big(self) -> bool:
        return len(self.files) > MOST_FILES or len(self.arrows) > MOST_ARROWS


def read_imports(tree: Tree) -> Graph:
    """Map each module to those of the tree it imports, at its top or anywhere else.

    `from package import name` is an import of the module `package.name` if there is one, and else
    of `package`. What stands under `if TYPE_CHECKING:` counts, for a reader has to follow it too.
    """
    known = {module.name for module in tree.every_module}
    # The tree may lie in another package: its modules are named from the tree on.
    outer = re.compile(rf"^.*?\.(?={re.escape(tree.name)}\b)")
    graph: dict[str, set[str]] = {}
    for module in tree.every_module:
        names = set()
        for node in module.nodes:
            if isinstance(node, ast.Import):
                names |= {outer.sub("", alias.name) for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                source = outer.sub("", _absolute(module, node))
                inner = {f"{source}.{alias.name}" for alias in node.names}
                names |= inner & known
                # Some of the names are no modules, so they come from the package itself.
                names |= {source} if inner - known else set()
        graph[module.name] = (names & known) - {module.name}
    return graph


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parts = module.package.split(".")
    parts = parts[: len(parts) - node.level + 1]
    return ".".join([*parts, node.module] if node.module else parts)


def longest_chain(graph: Graph) -> list[str]:
    """Find the longest way along imports, as the names of the modules on it.

    Modules that import each other in a circle have no order, so a circle counts as one station
    with all its modules.
    """
    circles = find_circles(graph)
    home = {name: circle for circle in circles for name in circle}
    chains: dict[tuple[str, ...], list[str]] = {}
    # Circles come with those they import before them.
    for circle in circles:
        below = {home[name] for member in circle for name in graph[member]} - {circle}
        longest = max((chains[other] for other in sorted(below)), key=len, default=[])
        chains[circle] = [*circle, *longest]
    return max((chains[circle] for circle in sorted(chains)), key=len, default=[])


def find_circles(graph: Graph) -> list[tuple[str, ...]]:
    """Tarjan's strongly connected components, each after all it reaches."""
    numbers: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[tuple[str, ...]] = []

    def visit(name: str) -> None:
        numbers[name] = lowest[name] = len(numbers)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in numbers:
                visit(other)
                lowest[name] = min(lowest[name], lowest[other])
            elif other in stack:
                lowest[name] = min(lowest[name], numbers[other])
        if lowest[name] == numbers[name]:
            start = stack.index(name)
            found.append(tuple(sorted(stack[start:])))
            del stack[start:]

    for name in sorted(graph):
        if name not in numbers:
            visit(name)
    return found


def restrict(graph: Graph, names: Iterable[str]) -> Graph:
    """Leave only these modules, and the imports among them."""
    kept = set(names)
    return {name: kept & set(graph[name]) for name in sorted(kept)}


def without_wiring(tree: Tree, graph: Graph) -> Graph:
    wiring = {f"{tree.name}.{name}" for name in WIRING}
    return restrict(graph, set(graph) - wiring)


def list_packages(tree: Tree, graph: Graph) -> list[Package]:
    """Describe every folder, the one with the most imports among its files first."""
    files: dict[str, list[Module]] = {}
    for module in tree.modules:
        files.setdefault(module.package, []).append(module)
    packages = []
    for name, members in files.items():
        inside = restrict(graph, (module.name for module in members))
        packages.append(
            Package(
                name=name,
                files=members,
                arrows=[(module, other) for module in inside for other in sorted(inside[module])],
                floors=len(longest_chain(inside)),
            )
        )
    return sorted(packages, key=lambda package: (-len(package.arrows), -len(package.files)))
