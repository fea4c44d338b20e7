"""`chat-profiles users list` and `show`."""

from __future__ import annotations

import json
from typing import Any

import click

from webapp.accounts import directory
from webapp.accounts.commands.users import users
from webapp.accounts.models import Account
from webapp.console import iso, note, print_table, say

__all__ = ["users"]


@users.command("list", short_help="List all users.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def list_users(as_json: bool) -> None:
    """List all users, sorted by username.

    \b
    Example:
      chat-profiles users list
      chat-profiles users list --json
    """
    accounts = directory.all_accounts()
    if as_json:
        click.echo(json.dumps([_as_json(account) for account in accounts], indent=2))
    elif accounts:
        rows = []
        for a in accounts:
            role = a.details.get("role", "")
            shown_role = role if isinstance(role, str) else json.dumps(role)
            rows.append(
                (a.username, a.display_name or "", shown_role, _state(a), iso(a.created_at))
            )
        print_table(("USERNAME", "DISPLAY NAME", "ROLE", "STATE", "CREATED"), rows)
    else:
        note("There are no users yet. Add one with `chat-profiles users add USERNAME`.")


@users.command(short_help="Show one user.")
@click.argument("username")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def show(username: str, as_json: bool) -> None:
    """Show one user.

    \b
    Example:
      chat-profiles users show alice
      chat-profiles users show alice --json
    """
    account = directory.get(username)
    if as_json:
        click.echo(json.dumps(_as_json(account), indent=2))
        return
    say(f"Username:      {account.username}")
    say(f"Display name:  {account.display_name or '-'}")
    say(f"State:         {_state(account)}")
    say(f"Created:       {iso(account.created_at)}")
    say(f"Metadata:      {json.dumps(account.details, ensure_ascii=False)}")


def _as_json(account: Account) -> dict[str, Any]:
    return {
        "username": account.username,
        "display_name": account.display_name,
        "metadata": account.details,
        "disabled": account.disabled,
        "created_at": iso(account.created_at),
    }


def _state(account: Account) -> str:
    if account.disabled:
        return "disabled"
    return "active" if account.password_hash else "no password"
