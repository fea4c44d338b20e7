"""`chat-profiles purge`: removing what is over."""

from __future__ import annotations

import json

import click

from webapp.accounts.audit import record
from webapp.console import operator, print_table, say
from webapp.site import settings
from webapp.upkeep.manners import command, needs_tables
from webapp.upkeep.purging import Kind, count, kinds, remove

NOTHING = "Nothing is over yet: there is nothing to remove."


@command("Remove chats and other rows whose time is over.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@needs_tables
def purge(dry_run: bool, as_json: bool) -> None:
    """Remove for good what is over: let a timer run it once a day.

    These are chats whose profile keeps them for so many days and no longer (keep_days), chats that
    their users deleted and cannot bring back any more, chats of visitors whose session has ended,
    chats of yesterday in which nobody wrote anything, login sessions that have expired, old login
    attempts, and audit entries older than WEBAPP_AUDIT_DAYS.

    It works in small steps, so the site goes on meanwhile; what was stopped goes on the next time.

    \b
    Example:
      chat-profiles purge --dry-run
      chat-profiles purge
    """
    found = kinds(settings())
    numbers = {kind.name: count(kind) if dry_run else remove(kind) for kind in found}
    if any(numbers.values()) and not dry_run:
        record("purged", None, by=operator(), **{k: n for k, n in numbers.items() if n})
    if as_json:
        click.echo(json.dumps({"dry_run": dry_run, "removed": numbers}, indent=2))
    else:
        _say(found, numbers, dry_run=dry_run)


def _say(found: list[Kind], numbers: dict[str, int], *, dry_run: bool) -> None:
    if not any(numbers.values()):
        say(NOTHING)
        return
    head = "WOULD BE REMOVED" if dry_run else "REMOVED"
    print_table((head, ""), [(kind.label, f"{numbers[kind.name]:>9,}") for kind in found])
