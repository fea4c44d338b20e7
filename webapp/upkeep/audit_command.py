"""The command `chat-profiles audit`: the audit trail."""

from __future__ import annotations

import json
from datetime import date

import click
from sqlalchemy import select

from webapp.accounts.models import AuditEntry
from webapp.accounts.usernames import canonical
from webapp.authoring.text import clean_text
from webapp.console import WholeNumber, iso, note, print_table
from webapp.database.engines import db
from webapp.upkeep.command_options import (
    Day,
    as_csv_option,
    as_json_option,
    command,
    needs_tables,
    print_csv,
    refuse_two_formats,
    start_of_day,
)

HEAD = ("AT", "EVENT", "USER", "IP", "DETAILS")
MOST = 1_000_000


@command("List sign-ins, refusals and changes of users.")
@click.option("--event", metavar="NAME", help="Only entries of this event, such as login.failed.")
@click.option("--user", metavar="USERNAME", help="Only entries about this user.")
@click.option("--since", type=Day(), metavar="DATE", help="The first day to list (UTC).")
@click.option(
    "--limit",
    type=WholeNumber(1, MOST),
    default=100,
    show_default=True,
    help="The largest number of entries.",
)
@as_csv_option
@as_json_option
@needs_tables
def audit(
    event: str | None,
    user: str | None,
    since: date | None,
    limit: int,
    as_csv: bool,
    as_json: bool,
) -> None:
    """List sign-ins, refusals and changes of users, newest first.

    \b
    Example:
      chat-profiles audit --user alice
      chat-profiles audit --event login.failed --since 2026-03-01 --limit 1000 --csv
    """
    refuse_two_formats(as_csv=as_csv, as_json=as_json)
    query = select(AuditEntry).order_by(AuditEntry.at.desc(), AuditEntry.id.desc()).limit(limit)
    if event is not None:
        query = query.where(AuditEntry.event == clean_text(event))
    if user is not None:
        # The name of an account, or the name that an app's own callback gave.
        name = clean_text(user)
        query = query.where(AuditEntry.identifier.in_({name, canonical(name)}))
    if since is not None:
        query = query.where(AuditEntry.at >= start_of_day(since))
    found = list(db.session.scalars(query))

    if as_json:
        objects = [
            {
                "at": iso(entry.at),
                "event": entry.event,
                "user": entry.identifier,
                "ip": entry.ip,
                "details": entry.details,
            }
            for entry in found
        ]
        click.echo(json.dumps(objects, indent=2))
    elif as_csv:
        print_csv([name.lower() for name in HEAD], [_cells(each) for each in found])
    elif found:
        print_table(HEAD, [_cells(each) for each in found])
    else:
        note("There are no such entries.")


def _cells(entry: AuditEntry) -> tuple[str, str, str, str, str]:
    details = " ".join(
        f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in entry.details.items()
    )
    return iso(entry.at), entry.event, entry.identifier or "", entry.ip or "", details
