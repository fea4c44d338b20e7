"""The command `chat-profiles feedback`: the ratings of answers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from webapp.accounts.commands.users import with_tables
from webapp.authoring.text import clean_text
from webapp.console import (
    BadInputError,
    CommandGroup,
    note,
    operator,
    write_output,
    write_private_file,
)
from webapp.feedback.export import RatingFilter, read_ratings, write_csv, write_json
from webapp.pages.message_actions import VALUES
from webapp.web.log import log_event

STDIO = "-"


@click.group(cls=CommandGroup, short_help="Export the ratings of answers.")
def feedback() -> None:
    """Export the ratings of answers.

    \b
    Example:
      chat-profiles feedback export --since 2026-01-01 --value down
    """


@feedback.command(short_help="Write all ratings as CSV or JSON.")
@click.option("--since", metavar="DATE", help="Only ratings given or changed since then (UTC).")
@click.option("--profile", metavar="NAME", help="Only ratings of answers under this profile.")
@click.option("--value", type=click.Choice(list(VALUES)), help="Only these ratings.")
@click.option("--json", "as_array", is_flag=True, help="Write a JSON array.")
@click.option("--csv", "as_table", is_flag=True, help="Write CSV (the default).")
@click.option(
    "--output", metavar="FILE", default=STDIO, help="Write to FILE, which must not exist."
)
@with_tables
def export(
    since: str | None,
    profile: str | None,
    value: str | None,
    as_array: bool,
    as_table: bool,
    output: str,
) -> None:
    """Write all ratings with their comments, questions and answers.

    Ratings of answers that were replaced since are included. In CSV, a cell that a spreadsheet
    would take for a formula begins with an apostrophe.

    \b
    Example:
      chat-profiles feedback export > feedback.csv
      chat-profiles feedback export --json --output feedback.json
      chat-profiles feedback export --since 2026-01-01 --profile GPT-4 --value down
    """
    if as_array and as_table:
        raise BadInputError("choose one of --json and --csv")
    try:
        # Python's own parser takes weeks and times as well.
        text = since if since is None or since.isascii() else ""
        day = None if text is None else datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise BadInputError(f"{since!r} is not a date; write it as 2026-01-31") from error
    name = None if profile is None else clean_text(profile)
    ratings = read_ratings(RatingFilter(since=day, profile=name, value=value))
    lines = write_json(ratings) if as_array else write_csv(ratings)
    # First, since the reader may take a part of the output and close the pipe.
    log_event("feedback.exported", by=operator())
    parts = (line.encode() for line in lines)
    if output == STDIO:
        write_output(parts)
    else:
        write_private_file(Path(output), parts)
        note(f"Wrote {output}.")
