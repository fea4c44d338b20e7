"""The command `chat-profiles report`: how much a site is used."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date

import click

from webapp.console import BadInputError, note, print_table
from webapp.upkeep.command_options import (
    Day,
    as_csv_option,
    as_json_option,
    command,
    needs_tables,
    print_csv,
    refuse_two_formats,
)
from webapp.upkeep.usage import Period, Usage, count_usage

NO_PROFILE = "(no profile)"
HEAD = ("WEEK FROM", "PROFILE", "CHATS", "MESSAGES", "ANSWERS", "USERS", "FILE BYTES")
CSV_HEAD = ("week", "profile", "chats", "messages", "answers", "users", "file_bytes")


@command("Show how much the site is used, by profile and week.")
@click.option("--since", type=Day(), metavar="DATE", help="The first day that counts (UTC).")
@click.option("--until", type=Day(), metavar="DATE", help="The last day that counts (UTC).")
@as_csv_option
@as_json_option
@needs_tables
def report(since: date | None, until: date | None, as_csv: bool, as_json: bool) -> None:
    """Show how much the site is used, by profile and week.

    Each line has a week, by its Monday, and counts the new chats in which users wrote, the messages
    of users, the answers, the different users who wrote, and the bytes of files. Imported chats do
    not count, and neither do messages that were replaced or copied from another chat. Rows that
    were removed from the database no longer count.

    \b
    Example:
      chat-profiles report
      chat-profiles report --since 2026-01-01 --until 2026-03-31 --csv > usage.csv
    """
    refuse_two_formats(as_csv=as_csv, as_json=as_json)
    if since is not None and until is not None and since > until:
        raise BadInputError(f"--since {since} is later than --until {until}")
    found = count_usage(Period(since, until))
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], indent=2))
    elif as_csv:
        print_csv(CSV_HEAD, [_cells(each) for each in found])
    elif found:
        rows = []
        for week, name, *numbers in map(_cells, found):
            widths = [len(head) for head in HEAD[2:]]
            cells = [f"{n:>{width},}" for n, width in zip(numbers, widths, strict=True)]
            rows.append((week, name, *cells))
        print_table(HEAD, rows)
    else:
        note(
            "There are no messages in this time."
            if since or until
            else "There are no messages yet."
        )


def _cells(usage: Usage) -> tuple[str, str, int, int, int, int, int]:
    name = NO_PROFILE if usage.profile is None else usage.profile
    numbers = (usage.chats, usage.messages, usage.answers, usage.users, usage.file_bytes)
    return usage.week, name, *numbers
