"""`chat-profiles users`: adding, changing and removing accounts."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, ClassVar

import click

from webapp.accounts import directory
from webapp.accounts.addresses import UNKNOWN, ip_key
from webapp.accounts.commands import unlock as unlock_commands
from webapp.accounts.details import DetailsError, metadata_from_json, validate_display_name
from webapp.accounts.directory import AccountChange, AccountError, AccountExistsError
from webapp.accounts.new_passwords import NewPassword, password_options
from webapp.accounts.passwords import PasswordError
from webapp.accounts.usernames import UsernameError, validate_username
from webapp.console import BadInputError, CommandGroup, count_noun, note, printable, say
from webapp.database.commands import database_name, refuse_empty_database
from webapp.database.engines import release_connection
from webapp.database.schema import settle_schema
from webapp.site import hooks, settings


class AccountsGroup(CommandGroup):
    """Commands that need the tables."""

    refusals: ClassVar = (AccountError, UsernameError, PasswordError, DetailsError)

    def command(  # type: ignore[override]  # AppGroup drops the form without brackets as well
        self, *args: Any, makes_tables: bool = False, **kwargs: Any
    ) -> Callable[[Callable[..., Any]], click.Command]:
        """Register a command that runs on the current schema."""
        register = super().command(*args, **kwargs)
        return lambda function: register(with_tables(function, makes_tables=makes_tables))


def with_tables(function: Callable[..., Any], *, makes_tables: bool = False) -> Callable[..., Any]:
    """Run a command on the current schema, and say which database it used.

    Parameters
    ----------
    makes_tables:
        Whether an empty database gets the tables first. Otherwise it is refused, since the command
        would find nothing, and was likely run in another folder than the site.
    """

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        if not makes_tables or kwargs.get("dry_run"):
            refuse_empty_database(settings())
        settle_schema(settings(), upgrade_old=False)
        result = function(*args, **kwargs)
        note(f"Database: {database_name(settings())}")
        return result

    return run


@click.group(cls=AccountsGroup, short_help="Add, list and change the users who may sign in.")
def users() -> None:
    """Add, list and change the users who may sign in.

    \b
    Example:
      chat-profiles users add alice --role ADMIN
      chat-profiles users list
    """


@users.command(short_help="Add a user.", makes_tables=True)
@click.argument("username")
@click.option("--display-name", help="The name that the page shows.")
@click.option("--metadata", help="Data for the app: a JSON object.")
@click.option("--role", help="Short for --metadata '{\"role\": ...}'.")
@password_options
@click.option("--if-missing", is_flag=True, help="Do nothing if the user exists already.")
def add(
    username: str,
    display_name: str | None,
    metadata: str | None,
    role: str | None,
    new_password: NewPassword,
    if_missing: bool,
) -> None:
    """Add a user.

    The command asks for the password. It cannot be an argument, because others could read it in the
    list of processes and in the shell's history.

    \b
    Example:
      chat-profiles users add alice --role ADMIN
      chat-profiles users add bob --display-name "Bob B." --generate
      chat-profiles users add carol --password-stdin < password.txt
    """
    name = validate_username(username)
    shown = validate_display_name(display_name or "")
    details = {} if metadata is None else metadata_from_json(metadata)
    directory.refuse_two_roles(details, role)
    if role is not None:
        details["role"] = role
    if if_missing and directory.find(name):
        _say_there_already(name)
        return
    directory.refuse_taken(name)
    try:
        directory.add(
            name,
            new_password.read(name, shown),
            display_name=shown,
            details=details,
            before_commit=new_password.show,
        )
    except AccountExistsError:
        # Another process added it just now, which is what --if-missing is for.
        if not (if_missing and directory.find(name)):
            raise
        _say_there_already(name)
    else:
        new_password.tell(f"Added {name!r}.")


@users.command("set-password", short_help="Give a user a new password.")
@click.argument("username")
@password_options
def set_password(username: str, new_password: NewPassword) -> None:
    """Give a user a new password, and sign them out everywhere.

    \b
    Example:
      chat-profiles users set-password alice
      chat-profiles users set-password alice --generate
    """
    account = directory.get(username)
    name, shown = account.username, account.display_name
    release_connection()
    password = new_password.read(name, shown)
    change = directory.set_password(name, password, before_commit=new_password.show)
    new_password.tell(f"Set a new password for {_outcome(change)}")


@users.command(short_help="Change a display name or metadata.")
@click.argument("username")
@click.option(
    "--display-name",
    help='The name that the page shows from the next sign-in on. "" removes it.',
)
@click.option("--metadata", help="A JSON object that replaces all metadata.")
@click.option("--role", help="The new role. The rest of the metadata stays.")
@click.option(
    "--remove-metadata",
    "remove_keys",
    metavar="KEY",
    multiple=True,
    help="A key to remove from the metadata. Use it several times for several keys.",
)
def update(
    username: str,
    display_name: str | None,
    metadata: str | None,
    role: str | None,
    remove_keys: tuple[str, ...],
) -> None:
    """Change a user's display name or metadata.

    New metadata can mean new rights, so it signs the user out everywhere.

    \b
    Example:
      chat-profiles users update alice --role USER
      chat-profiles users update alice --remove-metadata team
    """
    if (display_name, metadata, role) == (None, None, None) and not remove_keys:
        raise BadInputError(
            "say what to change: --display-name, --metadata, --role or --remove-metadata"
        )
    change = directory.change_details(
        username,
        display_name=display_name,
        details=None if metadata is None else metadata_from_json(metadata),
        role=role,
        remove=remove_keys,
    )
    _say_what_happened("Updated", change, "is like that already")
    if change.changed and display_name is not None:
        # A login session has its own copy of the user.
        say("The new display name shows from the next sign-in on.")


@users.command(short_help="Keep a user out, without deleting anything.")
@click.argument("username")
def disable(username: str) -> None:
    """Keep a user out from the next click on, without deleting anything.

    \b
    Example:
      chat-profiles users disable alice
    """
    _say_what_happened("Disabled", directory.disable(username), "is disabled already")


@users.command(short_help="Let a disabled user in again.")
@click.argument("username")
def enable(username: str) -> None:
    """Let a disabled user in again.

    \b
    Example:
      chat-profiles users enable alice
    """
    _say_what_happened("Enabled", directory.enable(username), "is not disabled")


@users.command(short_help="Forget failed sign-ins, so that the user need not wait.")
@click.argument("username", metavar="[USERNAME]", required=False)
@click.option("--address", metavar="IP", help="All users at this address, instead of one user.")
def unlock(username: str | None, address: str | None) -> None:
    """Forget failed sign-ins, so that the user need not wait any longer.

    \b
    Example:
      chat-profiles users unlock alice
      chat-profiles users unlock --address 192.0.2.7
    """
    if username is not None and address is None:
        say(f"Unlocked {unlock_commands.unlock(username)!r}.")
    elif address is not None and username is None:
        if ip_key(address) == UNKNOWN:
            raise BadInputError(f"{address!r} is not an IP address")
        failures = unlock_commands.unlock_address(address)
        say(f"Unlocked {address}: forgot {count_noun(failures, 'failed sign-in')}.")
    else:
        raise BadInputError("say what to unlock: a username, or --address IP")


@users.command(short_help="Remove a user and their chats for good.")
@click.argument("username")
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(username: str, yes: bool) -> None:
    """Remove a user for good, with all their chats, and sign them out everywhere.

    The command shows how many chats there are, and asks first. To keep a user out without deleting
    anything, use `disable`.

    \b
    Example:
      chat-profiles users remove alice
      chat-profiles users remove alice --yes
    """
    account = directory.get(username)
    if not yes:
        if not sys.stdin.isatty():
            raise BadInputError("there is no terminal to ask; add --yes to remove the user")
        chats = count_noun(hooks().count_chats(account.username), "chat")
        release_connection()
        question = f"Remove {printable(account.username)} for good, with {chats}?"
        click.confirm(question, abort=True, err=True)
    say(f"Removed {_outcome(directory.remove(account.username))}")


def _say_there_already(name: str) -> None:
    say(
        f"There is a user {name!r} already. Nothing was changed. "
        f"Give it a new password with `chat-profiles users set-password {name}`."
    )


def _say_what_happened(done: str, change: AccountChange, otherwise: str) -> None:
    if change.changed:
        say(f"{done} {_outcome(change)}")
    else:
        say(f"{change.account.username!r} {otherwise}. Nothing was changed.")


def _outcome(change: AccountChange) -> str:
    name, ended = change.account.username, change.ended_sessions
    return f"{name!r}; ended {count_noun(ended, 'login session')}." if ended else f"{name!r}."
