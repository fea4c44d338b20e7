"""Where in the author's own files something happened."""

from __future__ import annotations

import inspect
import linecache
import re
import sysconfig
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# An app file may stand above either: in a checkout, or in a home folder that holds a Python.
_FRAMEWORK = Path(__file__).parents[1]
_STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))
_INSTALLED = {"site-packages", "dist-packages"}
_DEF = re.compile(r"\s*(async\s+)?def\b")


@dataclass(frozen=True)
class SourceLine:
    """A line of a file of the author's, and the function it stands in."""

    file: Path
    line: int
    function: str

    def describe(self, folder: Path) -> str:
        """Return file and line, as short as they can be said in ``folder``."""
        name = self.file.relative_to(folder) if self.file.is_relative_to(folder) else self.file
        return f"{name}:{self.line}"


def find_lines(folder: Path, error: BaseException) -> list[SourceLine]:
    """Return where ``error`` went through the author's files, from the outside in.

    The author's are the files of ``folder`` and below, without what is installed there.
    """
    return [
        SourceLine(Path(frame.f_code.co_filename), line, frame.f_code.co_name)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if _is_authors(Path(frame.f_code.co_filename), folder)
    ]


def locate_error(folder: Path | None, error: BaseException) -> str:
    """Return the innermost of those places as ``app.py:3, in profiles``; empty if there is none."""
    if folder is None:
        return ""
    places = find_lines(folder, error)
    if places:
        return f"{places[-1].describe(folder)}, in {places[-1].function}"
    return locate_error(folder, error.__cause__) if error.__cause__ else ""


def locate_function(folder: Path | None, function: Callable[..., Any]) -> str:
    """Return where ``function`` is defined, likewise; empty if it is not the author's."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if folder is None or code is None or not _is_authors(Path(code.co_filename), folder):
        return ""
    place = SourceLine(Path(code.co_filename), _line_of_def(code), code.co_name)
    return f"{place.describe(folder)}, in {place.function}"


def is_in_framework(file: Path) -> bool:
    """Say whether ``file`` is a part of this package."""
    return file.is_relative_to(_FRAMEWORK)


def _is_authors(file: Path, folder: Path) -> bool:
    if not file.is_relative_to(folder):
        return False
    if is_in_framework(file) or file.is_relative_to(_STANDARD_LIBRARY):
        return False
    return not _INSTALLED.intersection(file.relative_to(folder).parts)


def _line_of_def(code: Any) -> int:
    # Python counts a function from its first decorator.
    first: int = code.co_firstlineno
    if code.co_name == "<lambda>":
        return first
    lines = linecache.getlines(code.co_filename)[first - 1 :]
    return next((n for n, line in enumerate(lines, first) if _DEF.match(line)), first)
