"""The command `chat-profiles purge`: removing old rows."""

from __future__ import annotations

import json

import click

from webapp.accounts.audit import record
from webapp.console import operator, print_table, say
from webapp.site import settings
from webapp.upkeep.command_options import command, needs_tables
from webapp.upkeep.purging import count_rows, list_kinds, remove_rows

NOTHING = "There is nothing to remove yet."


@command("Remove old chats and other rows for good.")
@click.option("--dry-run", is_flag=True, help="Only show what would be removed.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@needs_tables
def purge(dry_run: bool, as_json: bool) -> None:
    """Remove old rows for good. Let a timer run this once a day.

    Old rows are chats that are older than keep_days of their profile, chats that their users
    deleted and can no longer restore, chats of visitors whose session has ended, chats of an
    earlier day without a message of the user, expired sessions, tokens that ended 30 days ago, old
    sign-in attempts, audit entries older than WEBAPP_AUDIT_DAYS, and files that nothing shows any
    more.

    It works in small steps, so the site can stay up. If you stop it, the next run continues.

    \b
    Example:
      chat-profiles purge --dry-run
      chat-profiles purge
    """
    kinds = list_kinds(settings())
    work = count_rows if dry_run else remove_rows
    numbers = {kind.name: work(kind) for kind in kinds}
    if any(numbers.values()) and not dry_run:
        record("purged", None, by=operator(), **{k: n for k, n in numbers.items() if n})
    if as_json:
        click.echo(json.dumps({"dry_run": dry_run, "removed": numbers}, indent=2))
    elif any(numbers.values()):
        head = "WOULD BE REMOVED" if dry_run else "REMOVED"
        print_table((head, ""), [(kind.label, f"{numbers[kind.name]:>9,}") for kind in kinds])
    else:
        say(NOTHING)
