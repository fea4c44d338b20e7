"""`chat-profiles users import` and `export`."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

import click

from webapp.accounts import directory
from webapp.accounts.commands.user_lists import users
from webapp.accounts.importing.files import (
    FORMATS,
    MAX_FILE_BYTES,
    AccountFileError,
    format_accounts,
    guess_format,
    read_rows,
)
from webapp.accounts.importing.rows import validate_rows
from webapp.accounts.importing.storing import hash_passwords, seconds_to_hash, store
from webapp.console import (
    BadInputError,
    count_noun,
    note,
    operator,
    say,
    show_progress,
    write_output,
    write_private_file,
)
from webapp.web.log import log_event

__all__ = ["users"]

STDIO = "-"
MAX_PROBLEMS = 20
NOTE_FROM_SECONDS = 3
WORKBOOK_ENDINGS = (".xlsx", ".xls", ".ods", ".numbers")
FORMAT_OPTION = click.option(
    "--format",
    "file_format",
    type=click.Choice(FORMATS),
    help="The format, if the file name does not show it.",
)


@users.command("import", short_help="Add and change the users of a file.", makes_tables=True)
@click.argument("file")
@click.option("--dry-run", is_flag=True, help="Show what would change, and store nothing.")
@FORMAT_OPTION
def import_users(file: str, dry_run: bool, file_format: str | None) -> None:
    """Add and change the users of FILE (- for standard input), all of them or none.

    Columns: username, display_name, role, metadata (JSON), password or password_hash, disabled.
    Only username is required. An empty cell changes nothing. Users who are not in the file stay.
    Importing the same file again changes nothing. A CSV file uses commas, semicolons or tabs, and
    its first line names the columns.

    Hashing takes a moment for every password. For thousands of users, put argon2id hashes into the
    column password_hash, which takes seconds.

    \b
    Example:
      chat-profiles users import users.csv --dry-run
      chat-profiles users import users.csv
      chat-profiles users import - --format json < users.json
    """
    try:
        if file == STDIO:
            content = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
        else:
            with Path(file).open("rb") as opened:
                content = opened.read(MAX_FILE_BYTES + 1)
        accounts = validate_rows(read_rows(content, _format(file, file_format)), show_progress)
        seconds = seconds_to_hash(accounts)
        if seconds >= NOTE_FROM_SECONDS:
            number = sum(1 for each in accounts if each.password is not None)
            most = "at most " if dry_run else ""
            time = f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
            note(
                f"Hashing {count_noun(number, 'password')} takes {most}about {time} here. A column "
                "password_hash with argon2id hashes takes seconds."
            )
        counts = store(hash_passwords(accounts, show_progress, dry_run=dry_run), dry_run=dry_run)
    except AccountFileError as error:
        problems = error.problems
        if len(problems) == 1:
            raise BadInputError(f"{file}: {problems[0]}; nothing was changed") from error
        more = len(problems) - MAX_PROBLEMS
        raise BadInputError(
            f"{file}: {len(problems):,} problems; nothing was changed",
            *(f"  {problem}" for problem in problems[:MAX_PROBLEMS]),
            *([f"  and {more:,} more"] if more > 0 else []),
        ) from error

    text = f"{counts.added:,} added, {counts.changed:,} changed, {counts.unchanged:,} unchanged."
    say(f"Dry run, nothing was stored: {text}" if dry_run else text)
    if counts.without_password:
        have = "has" if counts.without_password == 1 else "have"
        note(
            f"{counts.without_password:,} of the added users {have} no password yet, and cannot "
            "sign in until you set one with `chat-profiles users set-password`."
        )


@users.command("export", short_help="Write all users to a file.")
@click.argument("file")
@click.option("--with-hashes", is_flag=True, help="Add the password hashes. Keep the file safe.")
@FORMAT_OPTION
def export_users(file: str, with_hashes: bool, file_format: str | None) -> None:
    """Write all users to FILE (- for standard output), to import them elsewhere.

    Without hashes, users need new passwords when you import them into another database.

    \b
    Example:
      chat-profiles users export users.csv
      chat-profiles users export users.json --with-hashes
      chat-profiles users export - --format toml
    """
    accounts = directory.all_accounts()
    chosen_format = file_format or ("csv" if file == STDIO else _format(file, None))
    text = format_accounts(accounts, chosen_format, with_hashes=with_hashes)
    log = functools.partial(
        log_event, "users.exported", count=len(accounts), hashes=with_hashes, by=operator()
    )
    if file == STDIO:
        log()  # first, because the reader may close the pipe early
        write_output([text.encode()])
    else:
        write_private_file(Path(file), [text.encode()])
        log()
        say(f"Wrote {count_noun(len(accounts), 'user')} to {file}.")


def _format(file: str, chosen: str | None) -> str:
    found = chosen or guess_format(file)
    if found is None and file.lower().endswith(WORKBOOK_ENDINGS):
        raise BadInputError(
            f"{file!r} is not supported: use CSV UTF-8 (.csv) instead of a workbook"
        )
    if found is None:
        raise BadInputError(f"the format of {file!r} is not known; add --format csv, json or toml")
    return found
