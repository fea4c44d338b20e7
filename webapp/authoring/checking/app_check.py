"""The check of an app file and its own modules, which runs none of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from webapp.authoring.checking.scopes import CHAINLIT, FRAMEWORKS
from webapp.authoring.checking.surface import Surface
from webapp.authoring.checking.uses import UseFinder
from webapp.authoring.errors import AppFileError

# Of all files together. A longer app is read no further.
BYTES_READ = 4_000_000
# A longer module is read only if it names a framework.
LONG_FILE = 100_000
_NAMED = re.compile(rb"\b(?:chainlit|chat_profiles|webapp)\b")
_SKIPPED = {"site-packages", "dist-packages"}


@dataclass(frozen=True, order=True)
class Problem:
    """Something that an app file uses and that does not exist here."""

    file: Path
    line: int
    name: str
    text: str

    def describe(self, folder: Path) -> str:
        """Return place and text in a line."""
        name = self.file.relative_to(folder) if self.file.is_relative_to(folder) else self.file
        return f"{name}:{self.line}: {self.text}"


def check_app(path: Path, source: bytes) -> list[Problem]:
    """Return the problems of an app file and of the modules beside it that it imports."""
    surface = Surface()
    problems: list[Problem] = []
    for file, finder in _read_files(path, source):
        problems += _check_file(file, finder, surface)
    return sorted(set(problems))


def list_used_names(path: Path) -> set[str]:
    """Return the names of the framework that an app file and its own modules use."""
    try:
        source = path.read_bytes()
    except OSError:
        return set()
    return {
        name
        for _, finder in _read_files(path, source)
        for use in finder.uses
        for part in use.path
        for name in part.split(".")
    }


def list_missing_files(path: Path, source: bytes) -> list[str]:
    """Return a line for each file under ``/public`` that an app names and has not there."""
    lines: dict[str, str] = {}
    for file, finder in _read_files(path, source):
        for line, address in finder.public_files:
            name = address.removeprefix("/").partition("?")[0]
            if not (path.parent / name).is_file():
                advice = f"put the file into {path.parent / 'public'}, or change the address"
                text = f"{address} is not there: {advice}."
                place = Problem(file, line, address, text).describe(path.parent)
                lines.setdefault(address, place)
    return list(lines.values())


def _read_files(path: Path, source: bytes) -> Iterator[tuple[Path, UseFinder]]:
    """Yield an app file, and the modules beside it that it imports, with what each of them uses."""
    seen, waiting, left = {path}, [(path, source)], BYTES_READ
    while waiting:
        file, content = waiting.pop()
        if file != path and len(content) > LONG_FILE and not _NAMED.search(content):
            continue
        left -= len(content)
        if left < 0:
            return
        try:
            try:
                tree = ast.parse(content)
            except SystemError:
                # Python 3.11 counts wrong if the garbage collector ends a coroutine meanwhile:
                # https://github.com/python/cpython/issues/106905
                tree = ast.parse(content)
            finder = UseFinder(tree)
        except (SyntaxError, ValueError, RecursionError):
            continue  # Python says more about it when the file is run
        yield file, finder
        for module in _own_modules(file, path.parent, finder):
            if module not in seen:
                seen.add(module)
                with suppress(OSError):
                    waiting.append((module, module.read_bytes()))


def refuse_problems(path: Path, source: bytes) -> None:
    """Refuse an app file with problems, before it is run.

    Raises
    ------
    AppFileError
        It has a line for each of them.
    """
    problems = check_app(path, source)
    if len(problems) == 1:
        [problem] = problems
        raise AppFileError(f"{problem.file}:{problem.line}", problem.text)
    if problems:
        raise AppFileError(
            str(path),
            f"uses {len(problems)} names that do not exist here. docs/from-chainlit.md says what "
            "to use instead.",
            *[f"{each.file}:{each.line}: {each.text}" for each in problems],
        )


def _check_file(file: Path, finder: UseFinder, surface: Surface) -> Iterator[Problem]:
    for use in finder.uses:
        if use.path[-1] in finder.asked_for:
            continue
        flaws = surface.find_flaws(use, finder.attributes_set)
        yield from (Problem(file, flaw.line, flaw.name, flaw.text) for flaw in flaws)
        if use.instead and not flaws:
            text = f"this framework is chat_profiles: write `{use.instead}`"
            yield Problem(file, use.line, CHAINLIT, text)


def _own_modules(file: Path, folder: Path, finder: UseFinder) -> Iterator[Path]:
    """Yield the author's files that a file imports."""
    roots = [folder]
    with suppress(FileNotFoundError):  # the current folder was removed
        roots = list(dict.fromkeys((folder, Path.cwd())))
    for level, module, names in finder.modules:
        parts = module.split(".") if module else []
        if not level and (not parts or parts[0] in FRAMEWORKS):
            continue
        places = [file.parents[level - 1]] if level else roots
        for place in places:
            # `from a import b` may name a module as well.
            for found in (parts, *([*parts, name] for name in names)):
                yield from _module_files(place, found)


def _module_files(place: Path, parts: list[str]) -> Iterator[Path]:
    # Each package on the way is imported too.
    for length in range(1, len(parts) + 1):
        path = place.joinpath(*parts[:length])
        for file in (path / "__init__.py", path.with_name(f"{path.name}.py")):
            if not _SKIPPED.intersection(file.parts) and file.is_file():
                yield file.resolve()
