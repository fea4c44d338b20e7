"""The measures of a house: sizes, imports, names and words of trees of Python, side by side."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.house.imports import MOST_ARROWS, MOST_FILES, Package
from benchmarks.house.measures import GOALS, Survey, survey
from benchmarks.house.tree import read_tree

OURS = Path(__file__).resolve().parents[2] / "webapp"
PACKAGES_SHOWN = 12


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    surveys = [survey(read_tree(path)) for path in options.paths]
    _print_measures(surveys)
    for each in surveys:
        _print_packages(each, PACKAGES_SHOWN)
        if options.names:
            _print_names(each)

    if not options.check:
        return 0
    missed = [
        f"Missed: {each.tree.name}: {measure.label}: {measure}, and not {GOALS[measure.label]:g}"
        for each in surveys
        for measure in each.measures
        if measure.is_missed
    ]
    print(*missed, sep="\n")
    return 1 if missed else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.house", description=__doc__)
    parser.add_argument(
        "paths", nargs="*", type=Path, default=[OURS], help="folders of packages; ours if none"
    )
    parser.add_argument("--names", action="store_true", help="list what is behind each number")
    parser.add_argument(
        "--check", action="store_true", help="end with exit code 1 when a goal is missed"
    )
    options = parser.parse_args(arguments)
    for path in options.paths:
        if not any(path.rglob("*.py")):
            parser.error(f"There is no Python file in {path}. Name the folder of a package.")
    return options


def _print_measures(surveys: Sequence[Survey]) -> None:
    print(f"{'':36}{'goal':>7}", *(f"{each.tree.name:>22}" for each in surveys), sep="")
    for row in zip(*(each.measures for each in surveys), strict=True):
        label = row[0].label
        goal = f"{GOALS[label]:g}" if label in GOALS else ""
        values = [f"{measure}{' !' if measure.is_missed else '  '}" for measure in row]
        print(f"{label:36}{goal:>7}", *(f"{value:>22}" for value in values), sep="")


def _print_packages(each: Survey, most: int) -> None:
    print(f"\n{'files and the imports among them':44}{'files':>7}{'arrows':>8}{'floors':>8}")
    for package in each.packages[:most]:
        mark = f"  ! over {MOST_FILES} or {MOST_ARROWS}" if package.is_too_big else ""
        numbers = f"{len(package.files):7}{len(package.arrows):8}{package.floors:8}"
        print(f"{package.name:44}{numbers}{mark}")
    if len(each.packages) > most:
        print(f"and {len(each.packages) - most} more, with fewer arrows")


def _print_names(each: Survey) -> None:
    for measure in each.measures:
        if measure.names:
            print(f"\n{each.tree.name}: {measure.label}: {measure}", *measure.names, sep="\n    ")
    full = [package for package in each.packages if package.is_too_big] or each.packages[:1]
    for package in full:
        print(f"\n{package.name}: files and what each imports of the others")
        print(*_describe_files(package), sep="\n")


def _describe_files(package: Package) -> list[str]:
    lines = []
    for module in package.files:
        imported = [
            other.removeprefix(f"{package.name}.")
            for name, other in package.arrows
            if name == module.name
        ]
        name = module.name.removeprefix(f"{package.name}.")
        lines.append(f"    {name} ({module.line_count} lines): {' '.join(imported)}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
