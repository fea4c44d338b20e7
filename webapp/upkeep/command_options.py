"""The options and the forms of output that the commands of this room share."""

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
from webapp.console import (
    SHOWN_CHARACTERS,
    BadInputError,
    PlainCommand,
    escape_formula,
    write_output,
)

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

as_csv_option = click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")


class Day(click.DateTime):
    """A day, written as YYYY-MM-DD."""

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
    """Make sure that a command outside a group finds a database with the current schema."""
    return with_appcontext(with_tables(function))


def command(short_help: str) -> Callable[[Callable[..., Any]], click.Command]:
    """Make a command that needs the tables and is in no group."""
    return click.command(cls=PlainCommand, short_help=short_help)


def start_of_day(day: date) -> datetime:
    """Return the first moment of a day in UTC."""
    return datetime.combine(day, time.min, UTC)


def end_of_day(day: date) -> datetime:
    """Return the last moment of a day in UTC."""
    return datetime.combine(day, time.max, UTC)


def refuse_two_formats(*, as_csv: bool, as_json: bool) -> None:
    """Refuse to print in two formats at once."""
    if as_csv and as_json:
        raise BadInputError("choose one of --csv and --json")


def print_csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as CSV, with no formula for a spreadsheet."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(head)
    writer.writerows([escape_formula(cell) for cell in row] for row in rows)
    write_output([file.getvalue().encode()])
