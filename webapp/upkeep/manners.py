"""What the commands of this room share: how they are made, days, and forms of output."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

import click
from flask.cli import with_appcontext

from webapp.accounts.commands.users import with_tables
from webapp.console import SHOWN_CHARACTERS, BadInputError, PlainCommand, write_output

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# What a spreadsheet takes for a formula, which may send what stands beside it elsewhere:
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # noqa: RUF001 - Excel's too

as_csv_option = click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")


class Day(click.DateTime):
    """A day of the calendar, written in the one way that nobody can misread."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the day that was typed."""
        text = str(value)
        try:
            return date.fromisoformat(text if _DAY.fullmatch(text) else "")
        except ValueError as error:
            shown = text[:SHOWN_CHARACTERS]
            line = f"{shown!r} is not a date; write YYYY-MM-DD, such as 2026-03-31"
            raise click.BadParameter(line, ctx, param) from error


def needs_tables(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command that stands in no group find a database with the current schema."""
    return with_appcontext(with_tables(function))


def command(short_help: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command that needs the tables and stands in no group."""
    return click.command(cls=PlainCommand, short_help=short_help)


def first_moment(day: date) -> datetime:
    """Return when a day begins, in UTC."""
    return datetime.combine(day, time.min, UTC)


def last_moment(day: date) -> datetime:
    """Return when a day ends, in UTC."""
    return datetime.combine(day, time.max, UTC)


def refuse_two_forms(*, as_csv: bool, as_json: bool) -> None:
    """Refuse to print in two forms at once."""
    if as_csv and as_json:
        raise BadInputError("choose one of --csv and --json")


def print_csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as CSV in which no spreadsheet finds a formula."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([_inert(cell) for cell in row] for row in rows)
    write_output([file.getvalue().encode()])


def _inert(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
