"""What every command shares: errors of one line, text that is safe in a terminal, tables."""

from __future__ import annotations

import getpass
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import click
from flask.cli import AppGroup
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from webapp.config.startup_error import StartupError

EXIT_UNFINISHED = 1
EXIT_BAD_INPUT = 2
STEPS_WITHOUT_TERMINAL = 1_000
SHOWN_CHARACTERS = 40
# In click 8.1 a group without a command prints its help and raises nothing.
_HELP_INSTEAD: type[Exception] | tuple[()] = getattr(click.exceptions, "NoArgsIsHelpError", ())

Item = TypeVar("Item")
# Spreadsheets skip what cannot be seen before a formula, and read the signs in any width.
_BEFORE_FORMULA = re.compile(
    r"[\s\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]*"
)
_FORMULA = frozenset("=+-@")
_STARTS_CELL = ("\t", "\r", "\n")
# In many countries spreadsheets split a row at semicolons. Then the quotes in it do not count, and
# each line of a cell is a row.
_SPLITS_CELL = re.compile(r"([;\r\n]+)")
# A pattern for other libraries, too. Whatever it does not match has no formula after its beginning.
MAY_SPLIT = r"[;\r\n][^\S;\r\n]*[^\s\w;]"
_MAY_SPLIT = re.compile(MAY_SPLIT)
# What a formula needs to do more than to show a number: a function, or a place in another file.
_CALL = re.compile(r"[\w.]\(|!\$?\w")


class BadInputError(click.ClickException):
    """Ends a command with exit code 2, and one line on standard error or, for a file, a line and
    its details."""

    exit_code = EXIT_BAD_INPUT

    def __init__(self, line: str, *details: str) -> None:
        super().__init__("\n".join(printable(each) for each in (line, *details)))


class WholeNumber(click.IntRange):
    """A number between two others, refused in plain words."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number that was typed."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            shown = str(value)[:SHOWN_CHARACTERS]
            line = f"{shown!r} is not a whole number from {self.min} to {self.max}"
            raise click.BadParameter(line, ctx, param) from error


class PlainCommand(click.Command):
    """A command that never ends with a traceback, on any road it is called."""

    # What a command's own code raises about its input, besides what is known here.
    refusals: ClassVar[tuple[type[Exception], ...]] = ()

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Read the command's own options."""
        with self._one_line_errors():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a group reads the options of the one that was named first."""
        with self._one_line_errors():
            return super().invoke(ctx)

    @contextmanager
    def _one_line_errors(self) -> Iterator[None]:
        try:
            yield
        except _HELP_INSTEAD:
            raise
        except click.UsageError as error:
            path = error.ctx.command_path if error.ctx else "chat-profiles"
            line = " ".join(error.format_message().split()).rstrip(".")
            raise BadInputError(f"{line} (see `{path} --help`)") from error
        except StartupError as error:
            raise BadInputError(*error.lines) from error
        except SQLAlchemyError as error:
            raise BadInputError(database_problem(error)) from error
        except ModuleNotFoundError as error:
            raise BadInputError(missing_module_problem(error)) from error
        except BrokenPipeError as error:
            # The program that reads the output has closed it, as `head` does.
            forget_output()
            raise SystemExit(EXIT_UNFINISHED) from error
        except PermissionError as error:
            forget_output()
            advice = "run the command as the owner of the file, or change its permissions"
            raise BadInputError(f"{file_problem(error)}; {advice}") from error
        except OSError as error:
            forget_output()
            raise BadInputError(file_problem(error)) from error
        except self.refusals as error:
            raise BadInputError(str(error)) from error


class CommandGroup(PlainCommand, AppGroup):
    """A group whose commands never end with a traceback."""


def database_problem(error: SQLAlchemyError) -> str:
    """Return one line that says what is wrong with the database and what to do."""
    reason = str(error.orig if isinstance(error, DBAPIError) else error).strip()
    first_line = reason.splitlines()[0] if reason else type(error).__name__
    if "locked" in reason or isinstance(error, PoolTimeoutError):
        return "the database is busy: another program holds it; try again in a moment"
    if "unable to open" in reason:
        return "the database cannot be opened; check WEBAPP_DATABASE_URL and who may read the file"
    if "readonly" in reason:
        return "the database is read-only; run the command as the owner of the file"
    if "not a database" in reason or "malformed" in reason:
        return "the database file is damaged or is not a database; replace it with a backup"
    return (
        f"the database does not answer: {first_line}; check that it runs, and WEBAPP_DATABASE_URL"
    )


def missing_module_problem(error: ModuleNotFoundError) -> str:
    """Return one line that says which package to install. Only PostgreSQL needs another one."""
    if not (error.name or "").startswith("psycopg"):
        raise error
    return "PostgreSQL needs one more package: pip install 'chat-profiles[postgresql]'"


def file_problem(error: OSError) -> str:
    """Return one line that says which file cannot be used and why."""
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else reason


def operator() -> str:
    """Return the name that the log gives to the person who runs a command."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        # A container may run under a user number without a name. Python 3.13 raises OSError then.
        return f"cli:{os.getuid()}"


def printable(text: object) -> str:
    """Return ``text`` with escapes for all characters that a terminal would obey, not show."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def iso(time: datetime) -> str:
    """Return a UTC time as text, to the second."""
    return time.isoformat(timespec="seconds").replace("+00:00", "Z")


def count_noun(number: int, thing: str) -> str:
    """Return a number with its noun, such as "1 user" or "2,000 users"."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def say(line: str) -> None:
    """Print the outcome of a command."""
    click.echo(printable(line))


def note(line: str) -> None:
    """Print a remark on standard error, so that it never mixes with a command's output."""
    click.echo(printable(line), err=True)


def labelled_block(values: Mapping[str, str]) -> str:
    """Return lines of a label and a value each, set apart from what stands around them."""
    width = max(map(len, values)) + 1
    lines = [f"  {f'{label}:':{width}}  {printable(value)}" for label, value in values.items()]
    return "\n" + "\n".join(lines) + "\n\n"


def write_output(parts: Iterable[bytes]) -> None:
    """Write bytes to standard output, all of them."""
    if sys.stdout is None:
        raise BadInputError("standard output is closed; send it to a file or a program")
    for part in parts:
        sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()


def write_private_file(path: Path, parts: Iterable[bytes]) -> None:
    """Write bytes to a new file that only its owner may read."""
    # O_EXCL: an existing file may belong to someone else, or be readable by others.
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise BadInputError(f"{path} exists already; choose another name") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(parts)
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


def forget_output() -> None:
    """Drop output that standard output or error cannot take, so that Python does not try again."""
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())


def print_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under a head, in columns as wide as their longest cell."""
    lines = [list(head), *([printable(cell or "") for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


def escape_formula(cell: object) -> object:
    """Return a cell of CSV that no spreadsheet takes for a formula.

    A formula may send its neighbours elsewhere:
    https://owasp.org/www-community/attacks/CSV_Injection

    Example
    -------
    >>> escape_formula("=1+1")
    "'=1+1"
    >>> escape_formula("red;=1+1")
    "red;'=1+1"
    """
    return _change_formulas(cell, "'{}".format) if isinstance(cell, str) else cell


def unescape_formula(cell: str) -> str:
    """Return the text of which `escape_formula` has made a cell."""
    return _change_formulas(cell, lambda part: part.removeprefix("'"))


def _change_formulas(cell: str, change: Callable[[str], str]) -> str:
    """Return a cell with each part changed that a spreadsheet may take for a formula."""
    text = cell.lstrip("'")
    if _MAY_SPLIT.search(text) is None:  # nearly always
        return change(cell) if _is_formula(text) else cell
    first, *others = _SPLITS_CELL.split(cell)
    parts = [change(first) if _is_formula(first.lstrip("'") or text[:1]) else first]
    for separator, part in zip(others[::2], others[1::2], strict=True):
        is_formula = _is_inner_formula(part.lstrip("'"), separator)
        parts += [separator, change(part) if is_formula else part]
    return "".join(parts)


def _is_inner_formula(text: str, separator: str) -> bool:
    """Return whether a part of a cell is a formula, and not a `;-)` or an item of a list."""
    seen = _BEFORE_FORMULA.sub("", text, count=1)
    sign = unicodedata.normalize("NFKC", seen[:1])
    is_item = not separator.endswith(";") and seen[1:2].isspace()
    return sign == "=" or (sign in _FORMULA and not is_item and _CALL.search(seen) is not None)


def _is_formula(text: str) -> bool:
    seen = _BEFORE_FORMULA.sub("", text, count=1)
    # Normalised, a full-width or small sign is the ordinary one.
    return text.startswith(_STARTS_CELL) or unicodedata.normalize("NFKC", seen[:1]) in _FORMULA


def show_progress(items: Iterable[Item], length: int, label: str) -> Iterator[Item]:
    """Yield ``items``, and show the progress on standard error."""
    if sys.stderr.isatty():
        with click.progressbar(items, length=length, label=label, file=sys.stderr) as bar:
            yield from bar
        return
    for number, item in enumerate(items, start=1):
        yield item
        if number % STEPS_WITHOUT_TERMINAL == 0:
            note(f"{label}: {number:,} of {length:,}")
