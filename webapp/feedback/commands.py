"""`chat-profiles feedback`: what users think of answers, for whoever improves them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from webapp.authoring.text import clean_text
from webapp.console import (
    BadInputError,
    CommandGroup,
    note,
    operator,
    write_output,
)
from webapp.feedback.export import Wanted, as_csv, as_json, rated
from webapp.pages.message_actions import VALUES
from webapp.web.log import log_event

STDIO = "-"


@click.group(cls=CommandGroup, short_help="Export what users think of answers.")
def feedback() -> None:
    """Export what users think of answers.

    \b
    Example:
      chat-profiles feedback export --since 2026-01-01 --value down
    """


@feedback.command(short_help="Write all ratings as CSV or JSON.")
@click.option("--since", metavar="DATE", help="Only those given or changed since, in UTC.")
@click.option("--profile", metavar="NAME", help="Only those of answers under this profile.")
@click.option("--value", type=click.Choice(list(VALUES)), help="Only these.")
@click.option("--json", "as_array", is_flag=True, help="Write a JSON array.")
@click.option("--csv", "as_table", is_flag=True, help="Write CSV, as without this option.")
@click.option(
    "--output", metavar="FILE", default=STDIO, help="Write to FILE, which must not be there yet."
)
def export(
    since: str | None,
    profile: str | None,
    value: str | None,
    as_array: bool,
    as_table: bool,
    output: str,
) -> None:
    """Write all ratings with their comments, questions and answers.

    Answers that were replaced by now are among them. In CSV a cell that a spreadsheet would take
    for a formula begins with an apostrophe.

    \b
    Example:
      chat-profiles feedback export > feedback.csv
      chat-profiles feedback export --json --output feedback.json
      chat-profiles feedback export --since 2026-01-01 --profile GPT-4 --value down
    """
    if as_array and as_table:
        raise BadInputError("say --json or --csv, not both")
    wanted = Wanted(
        None if since is None else _date(since),
        None if profile is None else clean_text(profile),
        value,
    )
    written = (as_json if as_array else as_csv)(rated(wanted))
    # First: whoever reads it may take a part and close the pipe.
    log_event("feedback.exported", by=operator())
    parts = (text.encode() for text in written)
    if output == STDIO:
        write_output(parts)
    else:
        _write_private(Path(output), parts)
        note(f"Wrote {output}.")


def _date(text: str) -> datetime:
    try:
        # Python's own reading takes weeks and times as well.
        found = datetime.strptime(text if text.isascii() else "", "%Y-%m-%d")  # noqa: DTZ007
    except ValueError as error:
        raise BadInputError(f"{text!r} is not a date; write it as 2026-01-31") from error
    return found.replace(tzinfo=UTC)


def _write_private(path: Path, parts: Iterable[bytes]) -> None:
    # O_EXCL: a file that is there already may be somebody's, with other people's rights on it.
    try:
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise BadInputError(f"{path} exists already; choose another name") from error
    with os.fdopen(opened, "wb") as file:
        file.writelines(_or_remove(path, parts))


def _or_remove(path: Path, parts: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from parts
    except BaseException:
        path.unlink()
        raise
