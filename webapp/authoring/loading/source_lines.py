"""Lines of the author's own files: where an error was raised, where a function is defined."""

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

from webapp.authoring.errors import CallbackError, describe_error

# Both may lie below the folder of an app file: in a checkout, or in a home folder with a Python.
_FRAMEWORK = Path(__file__).parents[1]
_STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))
_INSTALLED = {"site-packages", "dist-packages"}
_PLACE = re.compile(r"(.+):(\d+), in ")
_DEF = re.compile(r"\s*(async\s+)?def\b")


@dataclass(frozen=True)
class SourceLine:
    """A line of one of the author's files, and the function around it."""

    file: Path
    line: int
    function: str

    def describe(self, folder: Path) -> str:
        """Return file and line, with the file relative to ``folder`` where it lies in it."""
        name = self.file.relative_to(folder) if self.file.is_relative_to(folder) else self.file
        return f"{name}:{self.line}"


def find_lines(folder: Path, error: BaseException) -> list[SourceLine]:
    """Return the author's lines in the traceback of ``error``, outermost first.

    The author's files are those in ``folder`` and below, except for installed packages.
    """
    return [
        SourceLine(Path(frame.f_code.co_filename), line, frame.f_code.co_name)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if _is_authors(Path(frame.f_code.co_filename), folder)
    ]


def locate_error(folder: Path | None, error: BaseException) -> str:
    """Return the innermost of those lines as ``app.py:3, in profiles``; empty if there is none."""
    if folder is None:
        return ""
    lines = find_lines(folder, error)
    if lines:
        return f"{lines[-1].describe(folder)}, in {lines[-1].function}"
    return locate_error(folder, error.__cause__) if error.__cause__ else ""


def explain_to_author(error: Exception, folder: Path | None) -> str:
    """Return an error as its author wants to see it: their own line, and the reason."""
    cause = error
    while isinstance(cause, CallbackError) and isinstance(cause.__cause__, Exception):
        cause = cause.__cause__
    reason = cause.problem if isinstance(cause, CallbackError) else describe_error(cause)
    place = error.place if isinstance(error, CallbackError) else locate_error(folder, error)
    found = _PLACE.match(place)
    if not found or folder is None:
        return reason
    linecache.checkcache()
    source = linecache.getline(str(folder / found[1]), int(found[2])).strip()
    return f"{place}\n    {source}\n{reason}"


def locate_function(folder: Path | None, function: Callable[..., Any]) -> str:
    """Return the line of the ``def`` in the same form; empty if it is not the author's."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if folder is None or code is None or not _is_authors(Path(code.co_filename), folder):
        return ""
    # Python counts a function from its first decorator.
    line = code.co_firstlineno
    if code.co_name != "<lambda>":
        numbered = enumerate(linecache.getlines(code.co_filename)[line - 1 :], line)
        line = next((number for number, text in numbered if _DEF.match(text)), line)
    place = SourceLine(Path(code.co_filename), line, code.co_name)
    return f"{place.describe(folder)}, in {place.function}"


def is_in_framework(file: Path) -> bool:
    return file.is_relative_to(_FRAMEWORK)


def _is_authors(file: Path, folder: Path) -> bool:
    if not file.is_relative_to(folder):
        return False
    if is_in_framework(file) or file.is_relative_to(_STANDARD_LIBRARY):
        return False
    return not _INSTALLED.intersection(file.relative_to(folder).parts)
