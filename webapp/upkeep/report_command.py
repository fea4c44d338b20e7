"""`chat-profiles report`: how much a site is used."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date

import click

from webapp.console import BadInputError, note, print_table
from webapp.upkeep.manners import (
    Day,
    as_csv_option,
    as_json_option,
    command,
    needs_tables,
    print_csv,
    refuse_two_forms,
)
from webapp.upkeep.usage import Period, Usage, usage

NO_PROFILE = "(no profile)"
HEAD = ("WEEK FROM", "PROFILE", "CHATS", "MESSAGES", "ANSWERS", "USERS")
CSV_HEAD = ("week", "profile", "chats", "messages", "answers", "users")


@command("Say how much the site is used, by profile and week.")
@click.option("--since", type=Day(), metavar="DATE", help="The first day that counts (UTC).")
@click.option("--until", type=Day(), metavar="DATE", help="The last day that counts (UTC).")
@as_csv_option
@as_json_option
@needs_tables
def report(since: date | None, until: date | None, as_csv: bool, as_json: bool) -> None:
    """Say how much the site is used, by profile and week.

    A week is named by its Monday. It counts chats that began and were written in, messages of
    users, answers to them, and the users who wrote, each once a line. Imported chats do not count,
    nor do messages that were replaced or carried over from another chat. What was removed from the
    database does not count any more.

    \b
    Example:
      chat-profiles report
      chat-profiles report --since 2026-01-01 --until 2026-03-31 --csv > usage.csv
    """
    refuse_two_forms(as_csv=as_csv, as_json=as_json)
    if since is not None and until is not None and since > until:
        raise BadInputError(f"--since {since} is later than --until {until}")
    found = usage(Period(since, until))
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], indent=2))
    elif as_csv:
        print_csv(CSV_HEAD, [_cells(each) for each in found])
    elif found:
        rows = [(week, name, *_aligned(numbers)) for week, name, *numbers in map(_cells, found)]
        print_table(HEAD, rows)
    else:
        note("Nothing was said in this time." if since or until else "Nothing was said yet.")


def _cells(one: Usage) -> tuple[str, str, int, int, int, int]:
    name = NO_PROFILE if one.profile is None else one.profile
    return one.week, name, one.chats, one.messages, one.answers, one.users


def _aligned(numbers: list[int]) -> list[str]:
    return [f"{number:>{len(head)},}" for number, head in zip(numbers, HEAD[2:], strict=True)]
