"""The measures of a tree, one number each, and the goals for some of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.house.functions import Function, find_single_use, list_functions
from benchmarks.house.habits import (
    count_docstring_lines,
    find_broad_excepts,
    find_late_imports,
    find_positional_dataclasses,
    raises_again,
)
from benchmarks.house.imports import (
    Graph,
    Package,
    find_circles,
    list_packages,
    longest_chain,
    read_imports,
    without_wiring,
)
from benchmarks.house.names import (
    find_participle_classes,
    find_participle_functions,
    list_classes,
)
from benchmarks.house.prose import add_up, find_numbers, read_documents
from benchmarks.house.tree import Tree, spread

# The most that each may be.
GOALS: Mapping[str, float] = {
    "function lines, 90th percentile": 32,
    "function lines, longest": 60,
    "private functions used once, %": 12,
    "longest import chain": 14,
    "packages that are too big": 0,
    "classes named by a participle, %": 1.2,
    "functions named by a participle, %": 1,
    "positional dataclasses": 0,
    "requirements by number": 0,
}


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One number; where it comes from, for who wants to change it."""

    label: str
    number: float
    detail: str = ""
    names: Sequence[str] = ()

    @property
    def is_missed(self) -> bool:
        return self.number > GOALS.get(self.label, float("inf"))

    def __str__(self) -> str:
        number = f"{self.number:,}" if isinstance(self.number, int) else f"{self.number:.1f}"
        return f"{number} ({self.detail})" if self.detail else number


@dataclass(frozen=True, kw_only=True)
class Survey:
    """All that is known of a tree."""

    tree: Tree
    measures: Sequence[Measure]
    packages: Sequence[Package]


def survey(tree: Tree) -> Survey:
    functions = list_functions(tree)
    graph = read_imports(tree)
    packages = list_packages(tree, graph)
    measures = [
        *measure_files(tree),
        *measure_functions(functions),
        *measure_imports(tree, graph, packages),
        *measure_names(tree, functions),
        *measure_habits(tree, functions),
        *measure_comments(tree, functions),
        *measure_prose(tree),
    ]
    return Survey(tree=tree, measures=measures, packages=packages)


def _count(label: str, names: Sequence[object]) -> Measure:
    return Measure(label=label, number=len(names), names=[str(name) for name in names])


def _share(label: str, names: Sequence[object], among: Sequence[object]) -> Measure:
    share = 100 * len(names) / len(among) if among else 0.0
    detail = f"{len(names)} of {len(among)}"
    listed = [str(name) for name in names]
    return Measure(label=f"{label}, %", number=share, detail=detail, names=listed)


def measure_files(tree: Tree) -> Iterator[Measure]:
    lines = spread([module.line_count for module in tree.modules])
    biggest = sorted(tree.modules, key=lambda module: -module.line_count)[:10]
    yield Measure(label="files", number=len(tree.modules))
    yield Measure(label="lines", number=tree.line_count)
    yield Measure(label="file lines, median", number=lines.median)
    yield Measure(label="file lines, 90th percentile", number=lines.p90)
    yield Measure(
        label="file lines, longest",
        number=lines.largest,
        names=[f"{module.place} {module.line_count}" for module in biggest],
    )


def measure_functions(functions: Sequence[Function]) -> Iterator[Measure]:
    lines = spread([function.line_count for function in functions])
    longest = sorted(functions, key=lambda function: -function.line_count)
    yield Measure(label="functions", number=len(functions))
    yield Measure(label="function lines, median", number=lines.median)
    yield Measure(label="function lines, 90th percentile", number=lines.p90)
    yield Measure(label="function lines, longest", number=lines.largest)
    for most in (30, 50):
        names = [f"{each} {each.line_count}" for each in longest if each.line_count > most]
        yield _count(f"functions of more than {most} lines", names)
    private = [function for function in functions if function.is_private]
    share = 100 * len(private) / len(functions) if functions else 0.0
    yield Measure(label="private functions, %", number=share, detail=f"{len(private)}")
    yield _share("private functions used once", find_single_use(functions), functions)


def measure_imports(tree: Tree, graph: Graph, packages: Sequence[Package]) -> Iterator[Measure]:
    chain = longest_chain(graph)
    inner = without_wiring(tree, graph)
    inner_chain = longest_chain(inner)
    fan_out = sorted(((len(inner[name]), name) for name in inner), reverse=True)
    occupied = {module.name for module in tree.modules}
    imported = spread([count for count, name in fan_out if name in occupied])
    circles = [" <-> ".join(circle) for circle in find_circles(graph) if len(circle) > 1]
    too_big = [package.name for package in packages if package.is_too_big]

    yield Measure(label="longest import chain", number=len(chain), names=chain)
    yield Measure(label="the same without app and cli", number=len(inner_chain), names=inner_chain)
    yield _count("circles of imports", circles)
    yield Measure(label="modules imported, 90th percentile", number=imported.p90)
    yield Measure(
        label="modules imported, most",
        number=imported.largest,
        names=[f"{name} {count}" for count, name in fan_out[:10]],
    )
    yield _count("packages that are too big", too_big)


def measure_names(tree: Tree, functions: Sequence[Function]) -> Iterator[Measure]:
    classes = list_classes(tree)
    yield _share("classes named by a participle", find_participle_classes(classes), classes)
    yield _share("functions named by a participle", find_participle_functions(functions), functions)
    yield _count("positional dataclasses", find_positional_dataclasses(tree, classes))


def measure_habits(tree: Tree, functions: Sequence[Function]) -> Iterator[Measure]:
    broad = find_broad_excepts(tree)
    swallowing = [module.locate(node) for module, node in broad if not raises_again(node)]
    per_thousand = 1_000 / max(tree.line_count, 1)

    yield Measure(
        label="broad excepts per 1,000 lines",
        number=len(broad) * per_thousand,
        detail=f"{len(broad)}",
        names=[module.locate(node) for module, node in broad],
    )
    yield _count("broad excepts that raise nothing", swallowing)
    yield _count("imports inside functions", find_late_imports(functions))
    for mark in ("type: ignore", "noqa"):
        places = [
            f"{module.place}:{token.start[0]}"
            for module in tree.modules
            for token in module.comments
            if mark in token.string
        ]
        yield _count(f"`{mark}`", places)


def measure_comments(tree: Tree, functions: Sequence[Function]) -> Iterator[Measure]:
    public = [function for function in functions if function.is_public]
    documented = [function for function in public if ast.get_docstring(function.node)]
    whole_lines = [
        token
        for module in tree.modules
        for token in module.comments
        if token.line.lstrip().startswith("#")
    ]
    percent = 100 / max(tree.line_count, 1)

    share = 100 * len(documented) / max(len(public), 1)
    yield Measure(label="public functions with docstring, %", number=share)
    docstrings = count_docstring_lines(tree)
    yield Measure(label="lines of docstrings, %", number=docstrings * percent)
    yield Measure(label="lines of comments, %", number=len(whole_lines) * percent)


def measure_prose(tree: Tree) -> Iterator[Measure]:
    project = tree.project
    documents = read_documents(project) if project else []
    total = add_up(documents)
    yield Measure(label="words of documents", number=total.words)
    yield Measure(
        label="semicolons per 1,000 words",
        number=total.rate(total.semicolons),
        names=[f"{each.name} {each.rate(each.semicolons):.1f}" for each in documents],
    )
    yield Measure(
        label="`you` per 1,000 words",
        number=total.rate(total.yous),
        names=[f"{each.name} {each.rate(each.yous):.1f}" for each in documents],
    )
    folders = [tree.root, project / "tests"] if project else [tree.root]
    yield _count("requirements by number", list(find_numbers(folders)))
